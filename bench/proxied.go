package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

var proxiedColumns = []column{
	{"CPU us/request", "%.1f"},
	{"requests/s", "%.0f"},
	{"p99 ms", "%.2f"},
	{"core busy %", "%.0f"},
	{"memory MiB", "%.0f"},
}

// proxiedDoubt looks at "core busy %": a server that waits wakes up for less
// work at a time, and so pays more for each request than one that is full.
func proxiedDoubt(medians []float64) string {
	if busy := medians[3]; busy < 80 {
		return fmt.Sprintf("its core was only %.0f%% busy; other programs, or load and origin, held it back", busy)
	}
	return ""
}

// bodySize is what the origin answers with.
const bodySize = 1024

// route is what every peer is asked to do: TLS on listen, forward to origin.
type route struct {
	name   string // of the peer, fit for file names
	listen string // ADDR:PORT
	scheme string // of the origin
	origin string // ADDR:PORT
	cert   certificate
	http2  bool // offer HTTP/2 to clients, and 1.1
	conns  int  // client connections at the same time; 0: some hundred
	kept   int  // idle connections to the origin; 0: 256
}

func (r route) keeps() int { return cmp.Or(r.kept, 256) }

// most is the number of connections that a peer is told it may have.
func (r route) most() int { return max(4096, r.conns+200) }

// routeTo makes a certificate and starts an origin, which is what most rows
// have a peer stand in front of.
func (b *bench) routeTo(scheme string) (r route, err error) {
	if r.cert, err = b.makeCertificate(); err != nil {
		return r, fmt.Errorf("make certificate: %w", err)
	}
	if r.origin, err = startOrigin(b, scheme, r.cert); err != nil {
		return r, fmt.Errorf("start origin: %w", err)
	}
	r.scheme = scheme
	return r, nil
}

// proxied starts the origin and every peer in front of it.
func proxied(b *bench, scheme string) ([]subject, error) {
	r, err := b.routeTo(scheme)
	if err != nil {
		return nil, err
	}
	return b.subjects(peers, r, proxySubject)
}

// subjects makes one of every peer, which all get the same route.
func (b *bench) subjects(peers []peer, r route, one func(*bench, peer, route) subject) ([]subject, error) {
	var out []subject
	for _, p := range peers {
		if err := b.ctx.Err(); err != nil {
			return nil, err
		}
		out = append(out, one(b, p, r))
	}
	return out, nil
}

// proxySubject starts one peer and warms it up.
func proxySubject(b *bench, p peer, r route) subject { return loadedSubject(b, p, r, runWrk) }

// loader puts load on a URL for a while.
type loader func(ctx context.Context, url string, d time.Duration) (load, error)

// loadedSubject starts one peer and warms it up with the load that it is
// measured with.
func loadedSubject(b *bench, p peer, r route, run loader) subject {
	return servedSubject(b, p, r, func(proc *process, url string) (func(context.Context) ([]float64, error), error) {
		if _, err := run(b.ctx, url, 2*time.Second); err != nil {
			return nil, fmt.Errorf("warm up: %w", err)
		}
		return func(ctx context.Context) ([]float64, error) { return measureProxy(ctx, proc, url, b.duration, run) }, nil
	})
}

// servedSubject starts one peer; ready then gives what measures it.
func servedSubject(b *bench, p peer, r route, ready func(*process, string) (func(context.Context) ([]float64, error), error)) subject {
	s := subject{name: p.name, own: p.own}
	proc, version, url, err := serve(b, p, r)
	s.version = version
	if err == nil {
		s.measure, err = ready(proc, url)
	}
	if err != nil {
		s.missing = err
		fmt.Fprintf(os.Stderr, "%s is left out: %v\n", p.name, err)
	}
	return s
}

// serve starts one peer on a free address and waits until it carries requests
// to the origin.
func serve(b *bench, p peer, r route) (proc *process, version, url string, err error) {
	program, version, err := p.find(b)
	if err != nil {
		return nil, "", "", err
	}
	r.name = strings.NewReplacer(" ", "-", ",", "").Replace(p.name)
	if r.listen, err = freeAddress(); err != nil {
		return nil, version, "", err
	}
	if proc, err = p.start(b, program, r); err != nil {
		return nil, version, "", err
	}
	url = "https://" + r.listen + "/"
	return proc, version, url, waitFor(b.ctx, proc, url, r.cert)
}

// measureProxy gives the values of proxiedColumns.
func measureProxy(ctx context.Context, p *process, url string, d time.Duration, run loader) ([]float64, error) {
	var l load
	used, elapsed, err := p.during(func() (err error) {
		l, err = run(ctx, url, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []float64{
		used.Seconds() * 1e6 / float64(l.requests),
		l.perSec,
		l.p99.Seconds() * 1e3,
		100 * used.Seconds() / elapsed.Seconds(),
		float64(p.memory()) / (1 << 20),
	}, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// waitFor waits until the whole way answers with the origin's body, so that no
// error page is ever measured.
func waitFor(ctx context.Context, p *process, url string, cert certificate) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	client, err := newClient(cert)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	for {
		last := fetch(ctx, client, url)
		if last == nil {
			return nil
		}
		if err := p.ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until it serves: %w (%s)", last, p.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func newClient(cert certificate) (*http.Client, error) {
	text, err := os.ReadFile(cert.file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("read certificate")
	}
	return &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: benchName}},
	}, nil
}

func fetch(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	req.Host = benchName
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if err == nil && (resp.StatusCode != 200 || n != bodySize) {
		err = fmt.Errorf("answer was %s with %d bytes", resp.Status, n)
	}
	return err
}
