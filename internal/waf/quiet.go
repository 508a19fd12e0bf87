package waf

import (
	"hash/maphash"
	"sync/atomic"

	"fanlight/internal/waf/vars"
)

// quiet remembers names, and values of fields that are no secret, that no gated
// rule of a plan matches: those of an API, and of a browser, come again with each
// request. Of a text it keeps 128 bits, of hashes with seeds that nobody knows, and
// only as many as there are slots. Other values are not remembered: how long one
// takes would tell who tries them whether it has been there before. It is safe for
// concurrent use.
type quiet struct {
	seeds [2]maphash.Seed
	slots [1 << 14]struct{ place, check atomic.Uint64 }
}

func newQuiet() *quiet {
	return &quiet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// hash is the first half of what is kept.
func (q *quiet) hash(name string) uint64 { return maphash.String(q.seeds[0], name) }

func (q *quiet) check(name string) uint64 { return maphash.String(q.seeds[1], name) }

// knows reports whether a name in a collection is quiet. A slot that is being
// written can hold halves of two names, which are not those of a third.
func (q *quiet) knows(of vars.ID, hash uint64, name string) bool {
	place := inside(of, hash)
	slot := &q.slots[place%uint64(len(q.slots))]
	return slot.place.Load() == place && slot.check.Load() == q.check(name)
}

func (q *quiet) add(of vars.ID, hash uint64, name string) {
	place := inside(of, hash)
	slot := &q.slots[place%uint64(len(q.slots))]
	slot.place.Store(place)
	slot.check.Store(q.check(name))
}

// inside tells the same name in two collections, at which other rules look, apart.
func inside(of vars.ID, hash uint64) uint64 { return hash + uint64(of)*0x9e3779b97f4a7c15 }
