package gateway

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"fanlight/internal/httpwire"
)

// RateLimit lets Requests pass in Per, and Burst at once (GCRA, as cell rates
// are policed in ATM: ITU-T I.371). It counts for each key by itself. Its
// methods may be called concurrently.
type RateLimit struct {
	Requests int
	Per      time.Duration
	Burst    int    // 0: Requests
	Header   string // the key is the value of this field if it is there once; empty: see Whole
	Whole    bool   // one key for all; else it is the client's address, of IPv6 its /64

	mu      sync.Mutex
	seed    maphash.Seed
	epoch   time.Time
	current map[uint64]time.Duration // when the key's last request is paid off, since epoch
	before  map[uint64]time.Duration // what current was a turn ago
	turned  time.Duration
}

// maxKeys bounds what a limit remembers. More keys than that in one turn push
// out the oldest: their clients begin anew.
const maxKeys = 1 << 16

// longestBurst is what a burst may take to be paid off; nobody waits for longer.
const longestBurst = 100 * 365 * 24 * time.Hour

func (l *RateLimit) String() string {
	noun := "requests"
	if l.Requests == 1 {
		noun = "request"
	}
	return fmt.Sprintf("%d %s per %s", l.Requests, noun, shortDuration(l.Per))
}

// shortDuration writes 1m0s as 1m.
func shortDuration(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
	return d.String()
}

// take lets the exchange pass, or gives how long its client should wait, and
// who that is as a record may say: values of fields can be secrets.
func (l *RateLimit) take(r *ride) (wait time.Duration, who string) {
	value := only(r.x.Request().Head, l.Header)
	var addr netip.Addr
	if !l.Whole && value == nil {
		addr = r.client().WithZone("")
	}
	if wait = l.spend(l.key(addr, value), time.Now()); wait == 0 {
		return 0, ""
	}
	switch {
	case l.Whole:
		return wait, "everybody together"
	case value != nil:
		return wait, "one value of " + l.Header
	}
	return wait, "address " + networkText(networkOf(addr))
}

// only is the value of a field that is there once. Of several nobody knows which
// one an origin reads, and another one each time would be another key.
func only(h *httpwire.Head, name string) (value []byte) {
	if name == "" {
		return nil
	}
	for _, f := range h.Fields {
		if !same(h.Bytes(f.Name), name) {
			continue
		}
		if value != nil {
			return nil
		}
		value = h.Bytes(f.Value)
	}
	return value
}

// networkOf is what counts as one client: a host of IPv6 has a /64 to itself.
func networkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	p, _ := a.Prefix(min(64, a.BitLen())) // never too many
	return p
}

func networkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func (l *RateLimit) key(addr netip.Addr, value []byte) uint64 {
	l.mu.Lock()
	if l.current == nil {
		l.seed, l.epoch, l.current = maphash.MakeSeed(), time.Now(), map[uint64]time.Duration{}
	}
	l.mu.Unlock()
	switch {
	case l.Whole:
		return 0
	case value != nil:
		return maphash.Bytes(l.seed, value)
	case addr.Is4():
		raw := addr.As4()
		return maphash.Bytes(l.seed, raw[:])
	}
	raw := addr.As16()
	return maphash.Bytes(l.seed, raw[:8])
}

// spend takes one request's share of a key's allowance; wait is until there
// is one.
func (l *RateLimit) spend(key uint64, at time.Time) (wait time.Duration) {
	each := max(l.Per/time.Duration(l.Requests), 1)
	burst := l.Burst
	if burst == 0 {
		burst = l.Requests
	}
	most := each * min(time.Duration(burst), longestBurst/each)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := at.Sub(l.epoch)
	l.turn(now, most)
	paid, known := l.current[key]
	if !known {
		paid = l.before[key]
	}
	paid = max(paid, now) + each
	if paid-now > most {
		return paid - now - most
	}
	l.current[key] = paid
	return 0
}

// turn forgets the keys that were not used for so long that their allowance is
// whole again, or the oldest if there are too many.
func (l *RateLimit) turn(now, most time.Duration) {
	if now-l.turned >= most || len(l.current) >= maxKeys {
		l.before, l.current, l.turned = l.current, map[uint64]time.Duration{}, now
	}
}
