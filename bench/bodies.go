package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

var bodyColumns = []column{
	{"CPU s/GB", "%.3f"},
	{"MB/s", "%.0f"},
	{"core busy %", "%.0f"},
	{"memory MiB", "%.0f"},
}

// bodyDoubt is proxiedDoubt for bodyColumns.
func bodyDoubt(medians []float64) string { return proxiedDoubt([]float64{0, 0, 0, medians[2]}) }

const (
	largeBody   = 10_000_000
	bodyClients = 8
)

// bodies has every peer carry large responses.
func bodies(b *bench) ([]subject, error) {
	cert, err := b.makeCertificate()
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	file := filepath.Join(b.dir, "large")
	if err := os.WriteFile(file, noise(largeBody), 0o644); err != nil {
		return nil, err
	}
	if err := os.Chmod(b.dir, 0o755); err != nil { // nginx' worker may be another user
		return nil, err
	}
	origin, err := originWith(b, "http", cert, fmt.Sprintf("location = /large { alias %s; sendfile on; }", file))
	if err != nil {
		return nil, fmt.Errorf("start origin: %w", err)
	}
	return b.subjects(peers, route{scheme: "http", origin: origin, cert: cert}, bodySubject)
}

func bodySubject(b *bench, p peer, r route) subject {
	return servedSubject(b, p, r, func(proc *process, url string) (func(context.Context) ([]float64, error), error) {
		url += "large"
		l, err := wrkOn(b.ctx, bodyClients, url, 2*time.Second)
		if err == nil && l.bytes < largeBody {
			err = fmt.Errorf("it gave %.0f bytes in 2 s", l.bytes)
		}
		if err != nil {
			return nil, fmt.Errorf("warm up: %w", err)
		}
		return func(ctx context.Context) ([]float64, error) { return measureBodies(ctx, proc, url, b.duration) }, nil
	})
}

func measureBodies(ctx context.Context, p *process, url string, d time.Duration) ([]float64, error) {
	var l load
	used, elapsed, err := p.during(func() (err error) {
		l, err = wrkOn(ctx, bodyClients, url, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []float64{used.Seconds() / (l.bytes / 1e9), l.bytes / 1e6 / elapsed.Seconds(),
		100 * used.Seconds() / elapsed.Seconds(), float64(p.memory()) / (1 << 20)}, nil
}
