package balance

import (
	"math"
	"math/bits"
)

// Want is what an exchange asks for.
type Want struct {
	Key   uint64 // hash of the key
	Keyed bool   // there is a key; without one a group with hash goes in turn
	tried uint64 // members that were tried already
}

// Try notes that m was tried.
func (w *Want) Try(m *Member) { w.tried |= 1 << m.index }

// Tries is how many members were tried.
func (w *Want) Tries() int { return bits.OnesCount64(w.tried) }

// Tried tells whether m was.
func (w *Want) Tried(m *Member) bool { return w.tried&(1<<m.index) != 0 }

// Pick gives the member for an exchange, one that was not tried yet; nil if
// there is none.
func (g *Group) Pick(w *Want) *Member {
	p := g.plan.Load()
	if m := g.pickOf(&p.first, w); m != nil {
		return m
	}
	return g.pickOf(&p.spare, w)
}

func (g *Group) pickOf(t *tier, w *Want) *Member {
	switch {
	case len(t.shares) == 0:
		return nil
	case len(t.shares) == 1:
		if m := t.shares[0].m; !w.Tried(m) {
			return m
		}
		return nil
	case g.Method == Hash && w.Keyed:
		return t.byKey(w)
	case g.Method == LeastConnections:
		return t.least(g.turn.Add(1), w)
	}
	return t.inTurn(g.turn.Add(1), w)
}

// inTurn passes over members that are full; when all are, the shortest queue is
// taken.
func (t *tier) inTurn(turn uint32, w *Want) *Member {
	for i := range t.turns {
		m := t.shares[t.turns[(int(turn-1)+i)%len(t.turns)]].m
		if !w.Tried(m) && !m.full() {
			return m
		}
	}
	return t.shortest(w)
}

// least gives the member with the fewest exchanges for its weight; of equals
// another one each time.
func (t *tier) least(turn uint32, w *Want) *Member {
	var best *Member
	var load float64
	for i := range t.shares {
		s := &t.shares[(int(turn-1)+i)%len(t.shares)]
		if w.Tried(s.m) || s.m.full() {
			continue
		}
		if l := float64(s.m.gate.active.Load()+1) / s.weight; best == nil || l < load {
			best, load = s.m, l
		}
	}
	if best == nil {
		return t.shortest(w)
	}
	return best
}

func (t *tier) shortest(w *Want) *Member {
	var best *Member
	for i := range t.shares {
		m := t.shares[i].m
		if !w.Tried(m) && (best == nil || m.gate.queued.Load() < best.gate.queued.Load()) {
			best = m
		}
	}
	return best
}

// byKey is weighted rendezvous hashing: each member draws a number by the key,
// and the highest wins, so that only the keys of a member that goes or comes
// move (Thaler and Ravishankar 1998; the weights as in
// draft-ietf-bess-weighted-hrw).
func (t *tier) byKey(w *Want) *Member {
	var best *Member
	var score float64
	for i := range t.shares {
		s := &t.shares[i]
		if w.Tried(s.m) {
			continue
		}
		draw := (float64(mix(w.Key^s.m.seed)>>11) + 0.5) / (1 << 53)
		if mine := -s.weight / math.Log(draw); best == nil || mine > score {
			best, score = s.m, mine
		}
	}
	return best
}

// Stuck gives the member that a sticky cookie means; nil if no member has that
// tag, or if it takes no exchanges of tied clients either: one that drains does
// while it works.
func (g *Group) Stuck(tag []byte) *Member {
	for _, m := range g.Members {
		if m.Tag != "" && m.Tag == string(tag) {
			if m.tied.Load() {
				return m
			}
			return nil
		}
	}
	return nil
}

// HashKey is the hash of a key, FNV-1a: the same in every process, so that
// several doors agree.
func HashKey[T ~string | ~[]byte](key T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return h
}

func seedOf(name string) uint64 { return mix(HashKey(name)) }

// mix spreads what differs in a few bits over all of them (the finalizer of
// splitmix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
