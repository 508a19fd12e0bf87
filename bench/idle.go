package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

var idleColumns = []column{
	{"KiB/connection", "%.1f"},
	{"connections", "%.0f"},
	{"memory MiB before", "%.0f"},
	{"memory MiB with them", "%.0f"},
}

const (
	idleConns = 10_000          // fewer where files are short
	idleWait  = 5 * time.Second // for what servers do with connections that are idle
)

// holding is connections to be opened to one server and kept idle.
type holding struct {
	Addr  string
	Conns int
}

// idleMemory has every peer hold idle connections. It is started anew for each
// round: memory once used is seldom given back.
func idleMemory(b *bench) ([]subject, error) {
	const spare = 1000
	files, err := openFiles(2*idleConns + spare) // HAProxy wants two for each
	if err != nil {
		return nil, fmt.Errorf("read the limit of open files: %w", err)
	}
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	one := func(b *bench, p peer, r route) subject {
		s := subject{name: p.name, own: p.own}
		_, s.version, s.missing = p.find(b)
		round := 0
		s.measure = func(ctx context.Context) ([]float64, error) {
			round++
			named := p
			named.name = fmt.Sprintf("%s %d", p.name, round)
			return measureIdle(ctx, b, named, r)
		}
		return s
	}
	r.conns = min(idleConns, (files-spare)/2)
	return b.subjects(peers, r, one)
}

func measureIdle(ctx context.Context, b *bench, p peer, r route) ([]float64, error) {
	proc, _, url, err := serve(b, p, r)
	if err != nil {
		return nil, err
	}
	defer proc.stop()
	if _, err := runWrk(ctx, url, 2*time.Second); err != nil { // memory that is used by whatever load
		return nil, fmt.Errorf("warm up: %w", err)
	}
	before := proc.memory()
	held, err := hold(ctx, holding{url[len("https://") : len(url)-1], r.conns})
	if err != nil {
		return nil, err
	}
	defer held.release()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(idleWait):
	}
	after := proc.memory()
	if err := proc.ended(); err != nil {
		return nil, err
	}
	return []float64{float64(after-before) / float64(r.conns) / 1024, float64(r.conns), float64(before) / (1 << 20), float64(after) / (1 << 20)}, nil
}

// held is a child that holds connections until it is released.
type held struct {
	cmd *exec.Cmd
	in  io.Closer
}

func hold(ctx context.Context, h holding) (*held, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", loadCPU, self, "-hold")
	cmd.Env, cmd.Stderr = append(os.Environ(), oneThread...), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	child := &held{cmd, in}
	if err := json.NewEncoder(in).Encode(h); err == nil {
		_, err = bufio.NewReader(out).ReadString('\n')
		if err == nil {
			return child, nil
		}
	}
	child.release()
	return nil, errors.New("hold connections: the load ended early")
}

func (h *held) release() {
	h.in.Close()
	h.cmd.Wait()
}

// holdOpen is the child: it reads a holding, says when all connections are open
// and idle, and holds them until standard input ends.
func holdOpen(ctx context.Context, in io.Reader, out io.Writer) error {
	var h holding
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	if err != nil {
		return err
	}
	conns := make([]*visitor, h.Conns)
	for i := range conns {
		c, err := dialVisitor(ctx, hostedSite{"bench", benchName, h.Addr})
		if err == nil {
			err = c.ask()
		}
		if err != nil {
			return fmt.Errorf("open connection %d: %w", i+1, err)
		}
		c.r = nil
		conns[i] = c
	}
	fmt.Fprintln(out, "open")
	_, err = io.Copy(io.Discard, r)
	for _, c := range conns {
		c.Close()
	}
	return err
}
