package tlswire

// Limit bounds the client randoms whose secrets are kept, of which the oldest
// are forgotten first; sessions that have found theirs keep them. It is to be
// called before secrets are added. Without it there is no limit. Of premaster
// secrets in lines of RSA those beyond the limit are not taken.
func (k *Keys) Limit(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.latest.limit = n
}

// randoms are the latest of a kind, in a ring; none are kept without a limit.
type randoms struct {
	limit int
	ring  [][32]byte
	next  int // the oldest, once there are as many as the limit
}

// add gives the one that makes room.
func (r *randoms) add(random [32]byte) (old [32]byte, full bool) {
	switch {
	case r.limit == 0:
		return old, false
	case len(r.ring) < r.limit:
		r.ring = append(r.ring, random)
		return old, false
	}
	old, r.ring[r.next] = r.ring[r.next], random
	r.next = (r.next + 1) % r.limit
	return old, true
}
