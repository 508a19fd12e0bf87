package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"time"
)

const (
	attackers     = 500 // connections of slowhttptest
	attackRate    = 250 // of them that are opened a second: what is measured is not their handshakes
	honestClients = 20
	honestRate    = 500 // requests a second, of all honest clients
)

var attackColumns = []column{
	{"p99 with/without", "%.2f"},
	{"p99 ms without", "%.2f"},
	{"p99 ms with", "%.2f"},
	{"highest ms with", "%.1f"},
}

// slowAttack is a way in which slowhttptest holds connections.
type slowAttack struct {
	name string
	args []string
}

// A follow-up every second keeps within limits of silence; what is read so
// slowly does not matter to who has sent it, so that reading attacks only where
// a response is larger than what the system buffers.
var slowAttacks = []slowAttack{
	{"slow heads", []string{"-H", "-i", "1"}},
	{"slow bodies", []string{"-B", "-i", "1", "-s", "100000"}},
	{"slow reading", []string{"-X", "-w", "10", "-y", "20", "-n", "5", "-z", "5", "-k", "3"}},
}

// attacked measures honest clients beside none and beside slow ones.
func attacked(b *bench) ([]subject, error) {
	program, err := exec.LookPath("slowhttptest")
	if err != nil {
		return nil, err
	}
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	var subjects []subject
	for _, p := range peers {
		if p.name != "nginx" && p.name != "haproxy" && p.name != "fanlight" {
			continue
		}
		_, version, url, err := serve(b, p, r)
		for _, a := range slowAttacks {
			s := subject{name: p.name + ", " + a.name, own: p.own, version: version, missing: err}
			s.measure = func(ctx context.Context) ([]float64, error) { return a.measure(ctx, program, url, b.duration) }
			subjects = append(subjects, s)
		}
	}
	return subjects, nil
}

// measure gives the values of attackColumns.
func (a slowAttack) measure(ctx context.Context, program, url string, d time.Duration) ([]float64, error) {
	quiet, err := askHonestly(ctx, url, d)
	if err != nil {
		return nil, fmt.Errorf("without an attack: %w", err)
	}
	args := slices.Concat([]string{"-c", loadCPU, program}, a.args, []string{"-c", strconv.Itoa(attackers), "-r", strconv.Itoa(attackRate),
		"-l", strconv.Itoa(int(d.Seconds()) + attackers/attackRate + 2), "-p", "5", "-u", url})
	attack := exec.CommandContext(ctx, "taskset", args...)
	attack.WaitDelay = time.Second
	if err := attack.Start(); err != nil {
		return nil, fmt.Errorf("start slowhttptest: %w", err)
	}
	defer func() {
		_ = attack.Process.Kill() // it may have ended, with all its connections
		_ = attack.Wait()
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After((attackers/attackRate + 1) * time.Second): // its connections are open
	}
	busy, err := askHonestly(ctx, url, d)
	if err != nil {
		return nil, fmt.Errorf("beside %s: %w", a.name, err)
	}
	without, with := quiet.part(0.99), busy.part(0.99)
	return []float64{with / without, without, with, busy.part(1)}, nil
}

// askHonestly makes requests at a steady rate on some kept connections, from the
// load's core. One that fails makes it worthless.
func askHonestly(ctx context.Context, url string, d time.Duration) (*visits, error) {
	v := steady(url, honestRate, d)
	v.Sites = v.Sites[:honestClients]
	var seen []visits
	if err := child(ctx, "-visit", v, &seen); err != nil {
		return nil, err
	}
	return &seen[0], nil
}
