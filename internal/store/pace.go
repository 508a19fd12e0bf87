package store

import (
	"context"
	"runtime"
	"time"
)

// pace keeps a goroutine to its share of the processors' time.
type pace struct {
	ctx     context.Context
	procs   float64 // processors this program may use
	share   float64 // of one of them
	load    load
	credit  time.Duration
	at      time.Time
	used    time.Duration
	resting bool // false: nobody shares the processors any more, or the time is not to be shared
}

// Shares of all processors' time that writing takes: where the program has little
// else to do, and where it uses all there is.
const (
	leisureShare = 1.0 / 40
	busyShare    = 1.0 / 100
)

// load is how busy the program is, looked at now and then.
type load struct {
	adapts bool // the share is to follow it
	at     time.Time
	used   time.Duration // by all threads
	own    turns         // of the writing thread
}

// turns are for how long a thread has run, and had to wait for a processor.
type turns struct{ ran, waited time.Duration }

// contended is the part of the time from before to now that a thread which wanted
// to run had to wait: where others want the processors too, a program that is
// not busy has no leisure.
func (before turns) contended(now turns) float64 {
	wanted := now.ran - before.ran + now.waited - before.waited
	if wanted <= 0 {
		return 0
	}
	return (now.waited - before.waited).Seconds() / wanted.Seconds()
}

const lookEvery = 100 * time.Millisecond

// share gives that of one processor, for what was used since the last look; ok
// is false if that is too short ago.
func (l *load) share(now time.Time, procs float64) (share float64, ok bool) {
	elapsed := now.Sub(l.at)
	if !l.adapts || elapsed < lookEvery {
		return 0, false
	}
	used, own := processTime(), threadTurns()
	busy := min(1, max((used-l.used).Seconds()/(elapsed.Seconds()*procs), l.own.contended(own)))
	l.at, l.used, l.own = now, used, own
	return procs * (busy*busyShare + (1-busy)*leisureShare), true
}

// Bounds of what is used at a stretch, and of what may be saved up for later.
const (
	stretch  = time.Millisecond
	mostSave = 20 * time.Millisecond
)

// newPace begins to count. A share of 0 follows how busy the program is.
func newPace(ctx context.Context, share float64) *pace {
	now, procs := time.Now(), float64(runtime.GOMAXPROCS(0))
	p := &pace{ctx: ctx, procs: procs, share: share * procs, at: now, used: threadTime(), resting: share < 1}
	if share == 0 {
		p.share, p.load = busyShare*procs, load{true, now, processTime(), threadTurns()}
	}
	return p
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
	if share, ok := p.load.share(now, p.procs); ok {
		p.share = share
	}
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
