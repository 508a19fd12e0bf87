package main

import (
	"context"
	"fmt"
	"time"
)

var latencyColumns = []column{
	{"p99.9 ms", "%.3f"},
	{"p99 ms", "%.3f"},
	{"median ms", "%.3f"},
	{"requests/s", "%.0f"},
	{"core busy %", "%.0f"},
}

// latencyMost is the highest rate, in requests a second, that the load can
// keep beside the origin on its core.
const latencyMost = 8000

// latency gives every peer the same load, which the first one sets.
func latency(b *bench) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	rate := 0
	one := func(b *bench, p peer, r route) subject {
		return servedSubject(b, p, r, func(proc *process, url string) (func(context.Context) ([]float64, error), error) {
			l, err := runWrk(b.ctx, url, 2*time.Second)
			if err != nil {
				return nil, fmt.Errorf("warm up: %w", err)
			}
			if rate == 0 {
				rate = min(latencyMost, int(l.perSec/2))
			}
			if l.perSec < float64(rate) {
				return nil, fmt.Errorf("it carries %.0f requests/s, and %d are wanted", l.perSec, rate)
			}
			v := steady(url, rate, b.duration)
			return func(ctx context.Context) ([]float64, error) { return measureLatency(ctx, proc, v) }, nil
		})
	}
	return b.subjects(peers, r, one)
}

// steady is load on one site and nothing else.
func steady(url string, rate int, d time.Duration) visitation {
	site := hostedSite{"bench", benchName, url[len("https://") : len(url)-1]}
	v := visitation{Rate: rate, For: d, Tasks: []task{{Site: site.Site}}, Turn: d, Pace: d}
	for range connections {
		v.Sites = append(v.Sites, site)
	}
	return v
}

func measureLatency(ctx context.Context, p *process, v visitation) ([]float64, error) {
	var seen []visits
	used, elapsed, err := p.during(func() error { return child(ctx, "-visit", v, &seen) })
	if err != nil {
		return nil, err
	}
	s := seen[0]
	return []float64{s.part(0.999), s.part(0.99), s.part(0.5), float64(len(s.Millis)) / v.For.Seconds(), 100 * used.Seconds() / elapsed.Seconds()}, nil
}
