package app

import (
	"context"
	"runtime/debug"
	"time"
)

// tidyEvery is how often giving memory back is thought of.
const tidyEvery = 2 * time.Second

// tidy gives memory back to the system when many connections have come to rest:
// what their handshakes and first requests took is garbage then, and the runtime
// would keep it for as long as there is no other need for a collection.
func (a *App) tidy(ctx context.Context) {
	var t tidier
	for pause(ctx, tidyEvery) {
		if t.wanted(a.gateway.Resting()) {
			debug.FreeOSMemory()
		}
	}
}

// tidier decides from the number of resting connections, looked at now and then.
type tidier struct {
	tidied int // of them at the last time
	last   int // looked at
}

// fewResting are not worth a collection: a megabyte or two.
const fewResting = 100

// wanted waits until no more come to rest, unless they have doubled.
func (t *tidier) wanted(resting int) bool {
	growing := resting > t.last+t.last/8
	t.last = resting
	if resting < t.tidied {
		t.tidied = resting
	}
	fresh := resting - t.tidied
	if fresh < fewResting || growing && resting < 2*t.tidied+10*fewResting || fresh < t.tidied/8 {
		return false
	}
	t.tidied = resting
	return true
}
