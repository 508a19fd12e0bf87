package app

import (
	"context"
	"os"
	"runtime/debug"
	gauge "runtime/metrics"
	"time"
)

// tidyEvery is how often giving memory back is thought of.
const tidyEvery = 2 * time.Second

// tidy gives memory back to the system when many connections have come to rest:
// what their handshakes and first requests took is garbage then, and the runtime
// would keep it for as long as there is no other need for a collection.
func (a *App) tidy(ctx context.Context) {
	var t tidier
	var p pacer
	for pause(ctx, tidyEvery) {
		p.follow()
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

// pacer has the garbage collector run for so much garbage at least, as long as
// what lives is little: a door that holds a few megabytes would collect after
// every hundred handshakes.
type pacer struct {
	percent int // that was set; 0: none yet
	given   bool
}

const (
	leastGarbage = 32 << 20
	usualPercent = 100 // as the runtime has it
	mostPercent  = 800
)

// follow sets the percentage for what lives now. GOGC has its way.
func (p *pacer) follow() {
	if p.given = p.given || os.Getenv("GOGC") != ""; p.given {
		return
	}
	live := []gauge.Sample{{Name: "/gc/heap/live:bytes"}}
	gauge.Read(live)
	if live[0].Value.Kind() != gauge.KindUint64 {
		return
	}
	if percent := percentFor(live[0].Value.Uint64()); p.differs(percent) {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
}

// differs: to set it stops the program for a moment.
func (p *pacer) differs(percent int) bool {
	return percent != p.percent && (p.percent == 0 || percent == usualPercent || percent*4 > p.percent*5 || percent*5 < p.percent*4)
}

func percentFor(live uint64) int {
	return int(min(mostPercent, max(usualPercent, 100*leastGarbage/max(live, 1))))
}
