package main

import (
	"context"
	"fmt"
	"time"
)

var wafLatencyColumns = []column{
	{"p99 ms", "%.2f"},
	{"median ms", "%.2f"},
	{"ordinary requests/s", "%.0f"},
	{"core busy %", "%.0f"},
	{"memory MiB", "%.0f"},
	{"memory before MiB", "%.0f"},
}

const (
	wafRate      = 300 // requests a second: a third of what ModSecurity carries
	wafVisitors  = 32
	wafAttackers = 16
)

// wafLatency has ordinary requests beside attacks.
func wafLatency(b *bench) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	return b.subjects(wafPeers, r, func(b *bench, p peer, r route) subject {
		return servedSubject(b, p, r, func(proc *process, url string) (func(context.Context) ([]float64, error), error) {
			status := 403
			if p.name == openPeer {
				status = 200
			}
			v := attackedWAF(url, status, time.Second)
			if err := child(b.ctx, "-visit", v, new([]visits)); err != nil {
				return nil, fmt.Errorf("warm up: %w", err)
			}
			v.For, v.Turn, v.Pace = b.duration, b.duration, b.duration
			return func(ctx context.Context) ([]float64, error) { return measureAttacked(ctx, proc, v) }, nil
		})
	})
}

func attackedWAF(url string, status int, d time.Duration) visitation {
	v := steady(url, wafRate, d)
	site := v.Sites[0]
	v.Sites = nil
	for range wafVisitors + wafAttackers {
		v.Sites = append(v.Sites, site)
	}
	fields := " HTTP/1.1\r\nHost: " + benchName + "\r\nUser-Agent: " + browser + "\r\nAccept: */*\r\n\r\n"
	v.Ask = "GET /search?q=red+shoes+%d&page=7&sort=price" + fields
	v.Attack = &attacking{Sites: wafAttackers, Status: status, Ask: "GET /search?q=%d%27%20OR%20%27%d%27=%27%d" + fields}
	return v
}

func measureAttacked(ctx context.Context, p *process, v visitation) ([]float64, error) {
	before := float64(p.memory()) / (1 << 20)
	values, err := measureLatency(ctx, p, v)
	if err != nil {
		return nil, err
	}
	return []float64{values[1], values[2], values[3], values[4], float64(p.memory()) / (1 << 20), before}, nil
}
