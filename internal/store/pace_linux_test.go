package store

import (
	"testing"
	"time"
)

func TestShareFollowsTheLoad(t *testing.T) {
	const procs = 2
	for _, test := range []struct {
		busy      float64 // part of all processors that was used
		want, off float64 // of one processor
	}{
		{0, procs * leisureShare, 0.002},
		{0.5, procs * (leisureShare + busyShare) / 2, 0.002},
		{1, procs * busyShare, 0},
		{2, procs * busyShare, 0}, // clocks are not in step
	} {
		now := time.Now()
		ago := 10 * time.Second
		l := load{true, now.Add(-ago), processTime() - time.Duration(test.busy*procs*float64(ago)), turns{ran: -time.Hour}} // it has mostly run
		share, ok := l.share(now, procs)
		if !ok || share > test.want+1e-9 || share < test.want-test.off-1e-9 {
			t.Errorf("%v busy: a share of %.4f, %v; want %.4f", test.busy, share, ok, test.want)
		}
		if _, ok := l.share(now.Add(lookEvery/2), procs); ok {
			t.Error("looked again at once")
		}
	}
}

func TestContended(t *testing.T) {
	ms := func(ran, waited int) turns {
		return turns{time.Duration(ran) * time.Millisecond, time.Duration(waited) * time.Millisecond}
	}
	for _, test := range []struct {
		now  turns
		want float64
	}{{ms(10, 100), 0}, {ms(20, 100), 0}, {ms(20, 110), 0.5}, {ms(10, 110), 1}} {
		if got := ms(10, 100).contended(test.now); got != test.want {
			t.Errorf("%v: %v, want %v", test.now, got, test.want)
		}
	}
}
