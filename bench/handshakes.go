package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var shakeColumns = []column{
	{"CPU us/handshake", "%.0f"},
	{"handshakes/s", "%.0f"},
	{"core busy %", "%.0f"},
	{"memory MiB", "%.0f"},
}

// shaking is handshakes to be made, again and again, with one server.
type shaking struct {
	Addr    string
	Resume  bool
	Clients int // at a time
	For     time.Duration
}

// shaken is what came of it.
type shaken struct{ Handshakes int }

const shakeClients = 8

// handshakes has every peer shake hands.
func handshakes(b *bench, resume bool) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	one := func(b *bench, p peer, r route) subject {
		return servedSubject(b, p, r, func(proc *process, url string) (func(context.Context) ([]float64, error), error) {
			s := shaking{Addr: url[len("https://") : len(url)-1], Resume: resume, Clients: shakeClients, For: time.Second}
			if _, err := s.run(b.ctx); err != nil {
				return nil, fmt.Errorf("warm up: %w", err)
			}
			s.For = b.duration
			return func(ctx context.Context) ([]float64, error) { return s.measure(ctx, proc) }, nil
		})
	}
	return b.subjects(peers, r, one)
}

func (s shaking) measure(ctx context.Context, p *process) ([]float64, error) {
	var made shaken
	used, elapsed, err := p.during(func() (err error) {
		made, err = s.run(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	n := float64(made.Handshakes)
	return []float64{used.Seconds() * 1e6 / n, n / elapsed.Seconds(), 100 * used.Seconds() / elapsed.Seconds(), float64(p.memory()) / (1 << 20)}, nil
}

// run has a child on the load's core make the handshakes.
func (s shaking) run(ctx context.Context) (made shaken, err error) {
	return made, child(ctx, "-shake", s, &made)
}

// shake is the child: it reads a shaking and writes a shaken, as JSON. One
// handshake that fails, or is not resumed when it should be, ends it with an
// error.
func shake(ctx context.Context, in io.Reader, out io.Writer) error {
	var s shaking
	if err := json.NewDecoder(in).Decode(&s); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	over := time.Now().Add(s.For)
	var made atomic.Int64
	var all sync.WaitGroup
	for client := range s.Clients {
		all.Go(func() {
			if err := s.client(ctx, client, over, &made); err != nil {
				end(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if made.Load() == 0 {
		return errors.New("no handshake was made")
	}
	return json.NewEncoder(out).Encode(shaken{int(made.Load())})
}

func (s shaking) client(ctx context.Context, number int, over time.Time, made *atomic.Int64) error {
	// That the servers have the certificate was seen before; the load has enough
	// to do.
	config := &tls.Config{ServerName: benchName, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.CurveP256}, NextProtos: []string{"http/1.1"}}
	if s.Resume {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		if err := getTicket(ctx, s.Addr, config); err != nil {
			return fmt.Errorf("get a ticket: %w", err)
		}
	}
	// An address of its own for each client leaves ports enough.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(number+1))}}
	for time.Now().Before(over) && ctx.Err() == nil {
		raw, err := d.DialContext(ctx, "tcp", s.Addr)
		if err != nil {
			return err
		}
		c := tls.Client(raw, config)
		if err := c.HandshakeContext(ctx); err != nil {
			raw.Close()
			return err
		}
		if c.ConnectionState().DidResume != s.Resume {
			raw.Close()
			return fmt.Errorf("resumed: %v, want %v", !s.Resume, s.Resume)
		}
		made.Add(1)
		c.Close()
	}
	return nil
}

// getTicket makes a request, with whose response the tickets have come.
func getTicket(ctx context.Context, addr string, config *tls.Config) error {
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	return fetch(ctx, &http.Client{Transport: transport, Timeout: 5 * time.Second}, "https://"+addr+"/")
}
