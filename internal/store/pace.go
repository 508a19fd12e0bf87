package store

import (
	"context"
	"runtime"
	"time"
)

// pace keeps a goroutine to its share of the processors' time.
type pace struct {
	ctx     context.Context
	share   float64 // of all processors this program may use
	credit  time.Duration
	at      time.Time
	used    time.Duration
	resting bool // false: nobody shares the processors any more, or the time is not to be shared
}

// Bounds of what is used at a stretch, and of what may be saved up for later.
const (
	stretch  = time.Millisecond
	mostSave = 20 * time.Millisecond
)

func newPace(ctx context.Context, share float64) *pace {
	return &pace{ctx: ctx, share: share * float64(runtime.GOMAXPROCS(0)), at: time.Now(), used: threadTime(), resting: share < 1}
}

// rest waits as long as it takes to earn what was used since the last rest. It
// is called after every small piece of work, and mostly returns at once.
func (p *pace) rest() {
	if !p.resting {
		return
	}
	used := threadTime()
	if used-p.used < stretch/4 {
		return
	}
	now := time.Now()
	p.credit = min(mostSave, p.credit+time.Duration(p.share*float64(now.Sub(p.at)))) - (used - p.used)
	p.at, p.used = now, used
	if p.credit > -stretch {
		return
	}
	timer := time.NewTimer(time.Duration(float64(-p.credit) / p.share))
	defer timer.Stop()
	select {
	case <-p.ctx.Done():
		p.resting = false // the end does not wait
	case <-timer.C:
	}
}
