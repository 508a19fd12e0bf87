package tap

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// sink keeps all events.
type sink struct {
	mu     sync.Mutex
	events []flow.Event
}

func (s *sink) Take(_ flow.ConnID, _ bool, events flow.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range slices.Clone(events).Events {
		s.events = append(s.events, e)
	}
}

func (s *sink) conn(t testing.TB) *flow.Conn {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	tr := flow.Fold(slices.Clone(s.events))
	if len(tr.Conns) != 1 {
		t.Fatalf("%d connections recorded", len(tr.Conns))
	}
	return tr.Conns[0]
}

// words are the events in short, what a test leaves out skipped.
func words(c *flow.Conn) string {
	var out []string
	for _, e := range c.Events {
		switch e.Kind {
		case flow.Open, flow.Established, flow.SYN:
			continue
		case flow.FIN, flow.RST:
			out = append(out, e.Kind.String()+" by "+e.From.String())
		case flow.Alert:
			out = append(out, fmt.Sprintf("alert %s of %s", e.Text, e.From))
		case flow.Closed:
			out = append(out, strings.TrimSpace("closed "+e.Text))
		default:
			out = append(out, e.Kind.String())
		}
	}
	return strings.Join(out, ", ")
}

// loopback makes a TCP connection: near is the client's end.
func loopback(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	n, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); f.Close() })
	for _, c := range []net.Conn{n, f} {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return n.(*net.TCPConn), f.(*net.TCPConn)
}

// dialled is a tapped connection whose tap is the client.
func dialled(rec *flow.Recorder, nc net.Conn, secure bool) *Conn {
	log := rec.Open(time.Now(), flow.Opening{Self: flow.Client, Source: "live", Keys: flow.Yes, Scheme: scheme(secure),
		Client: addrPort(nc.LocalAddr()), Server: addrPort(nc.RemoteAddr())})
	return newConn(nc, log, flow.Client, secure)
}

// pki is a server certificate for localhost and who trusts it.
type pki struct {
	ca     *testnet.CA
	server *tls.Config
	client *tls.Config
}

func newPKI(t testing.TB) pki {
	ca := testnet.NewCA(t, "tap CA")
	return pki{ca: ca,
		server: &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, testnet.Leaf{}).TLS()}, NextProtos: []string{"http/1.1"}},
		client: &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}}}
}

// within bounds a handshake.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
