package gateway

import (
	"strconv"

	"fanlight/internal/waf"
)

// What rules make of a body while they judge it takes up to a few hundred times
// the room of the body. As many as there are processors are judged at a time:
// a hundred would take gigabytes, and none of them would be done sooner.
const (
	// waitsInTurn is from how many bytes on something is judged in its turn. With
	// less it is done before the scheduler lets another begin.
	waitsInTurn = 4 << 10
	// uncounted is how much the WAF may keep of an exchange without counting it
	// among what it holds in all: ordinary requests take less.
	uncounted = 32 << 10
)

// inTurn has the WAF judge so many bytes, and let go of what it can make again.
func (i *inspection) inTurn(size int, ask func() *waf.Interruption) *waf.Interruption {
	if size < waitsInTurn {
		return i.guarded(ask)
	}
	turns := i.r.s.g.turns
	turns <- struct{}{}
	defer func() { <-turns }()
	return i.guarded(func() *waf.Interruption {
		by := ask()
		i.tx.Idle()
		return by
	})
}

// rests counts what the WAF keeps of the exchange while a peer is waited for.
// False: the door may not hold so much.
func (i *inspection) rests() bool {
	kept := 0
	i.guarded(func() *waf.Interruption {
		kept = i.tx.Idle()
		return nil
	})
	if kept <= max(uncounted, i.kept) {
		return true
	}
	if !i.take(kept - i.kept) {
		return false
	}
	i.kept = kept
	return true
}

func (i *inspection) heldTooMuch() (passes bool) {
	return i.unjudged(503, byInspected, "of the "+strconv.FormatInt(i.r.s.g.Inspected, 10)+" bytes of limits.inspected too few are left for what the WAF has to hold of it")
}
