package tap

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// asker is a client of ours on a server that can ask for renegotiations.
type asker struct {
	pki    pki
	sink   sink
	tap    *Conn
	client *Secure
	server *testnet.TLS12Conn
	got    chan error // of the client's reads
}

func newAsker(t *testing.T, tune func(*tls.Config), onHello func() error, wrap func(net.Conn) net.Conn) *asker {
	t.Helper()
	a := &asker{pki: newPKI(t), got: make(chan error, 1)}
	config := a.pki.client
	config.Renegotiation = tls.RenegotiateFreelyAsClient
	if tune != nil {
		tune(config)
	}
	near, f := loopback(t)
	var far net.Conn = f
	if wrap != nil {
		far = wrap(f)
	}
	a.tap = dialled(flow.NewRecorder(&a.sink), near, true)
	a.tap.OnHelloRequest(onHello)
	a.server = (&testnet.TLS12Server{Certificate: a.pki.server.Certificates[0]}).Conn(far)
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := a.server.Handshake(testnet.HandshakeOptions{}); err != nil {
			t.Errorf("server: %v", err)
		}
		if h, ok := far.(*held); ok {
			if err := a.server.SendHelloRequest(); err != nil {
				t.Error(err)
			}
			h.release()
		}
	})
	both.Go(func() {
		var err error
		if a.client, err = Client(within(t, 5*time.Second), a.tap, config); err != nil {
			t.Errorf("client: %v", err)
		}
	})
	both.Wait()
	if t.Failed() {
		t.FailNow()
	}
	go func() {
		_, err := io.Copy(io.Discard, a.client)
		a.got <- err
	}()
	return a
}

func (a *asker) record(t *testing.T) string {
	t.Helper()
	a.client.Close()
	all := words(a.sink.conn(t))
	_, after, found := strings.Cut(all, "tls-done")
	if !found {
		t.Fatalf("recorded %s", all)
	}
	return after
}

func TestRenegotiation(t *testing.T) {
	asked := 0
	a := newAsker(t, nil, func() error { asked++; return nil }, nil)
	for range 2 {
		h, err := a.server.Renegotiate(testnet.HandshakeOptions{RequestClientCert: true, CAs: []*x509.Certificate{a.pki.ca.Leaf}})
		if err != nil || h.Subject() != "none" {
			t.Fatal(h, err)
		}
		// A word each way: what follows a renegotiation is nothing special.
		_, _ = io.WriteString(a.server, "x")
		_, _ = io.WriteString(a.client, "y")
		if _, err := io.ReadFull(a.server, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	a.server.Close()
	if err := <-a.got; err != nil {
		t.Errorf("client read %v", err)
	}
	const once = ", hello-request, renegotiating, renegotiated"
	if got := a.record(t); got != once+once+", fin by server, fin by client, closed" {
		t.Errorf("recorded %s", got)
	}
	if asked != 2 {
		t.Errorf("told of %d HelloRequests", asked)
	}
}

// An error for a HelloRequest ends the reads with it.
func TestRenegotiationLimit(t *testing.T) {
	tooMany := errors.New("too many")
	asked := 0
	a := newAsker(t, nil, func() error {
		if asked++; asked > 1 {
			return tooMany
		}
		return nil
	}, nil)
	if _, err := a.server.Renegotiate(testnet.HandshakeOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := a.server.SendHelloRequest(); err != nil {
		t.Fatal(err)
	}
	if err := <-a.got; !errors.Is(err, tooMany) {
		t.Errorf("client read %v", err)
	}
	if got := a.record(t); !strings.HasPrefix(got, ", hello-request, renegotiating, renegotiated, hello-request, fin by client") {
		t.Errorf("recorded %s", got)
	}
}

func TestRenegotiationRefused(t *testing.T) {
	a := newAsker(t, func(c *tls.Config) { c.Renegotiation = tls.RenegotiateNever }, nil, nil)
	if h, err := a.server.Renegotiate(testnet.HandshakeOptions{}); err != nil || !h.Refused {
		t.Fatal(h, err)
	}
	if err := <-a.got; err == nil {
		t.Error("the client reads on")
	}
	if got := a.record(t); !strings.HasPrefix(got, ", hello-request, fin by client") {
		t.Errorf("recorded %s", got)
	}
}

func TestSilentAfterHelloRequest(t *testing.T) {
	a := newAsker(t, nil, nil, nil)
	if err := a.server.SendHelloRequest(); err != nil {
		t.Fatal(err)
	}
	if began, err := a.server.AwaitClientHello(); err != nil || !began {
		t.Fatal(began, err)
	}
	_ = a.tap.SetReadDeadline(time.Unix(1, 0))
	if err := <-a.got; !IsTimeout(err) {
		t.Errorf("client read %v", err)
	}
	_ = a.tap.Abort()
	if got := words(a.sink.conn(t)); !strings.HasSuffix(got, "tls-done, hello-request, renegotiating, rst by client, closed") {
		t.Errorf("recorded %s", got)
	}
}

// held keeps back what is written after the first flight, until it is released
// in one piece.
type held struct {
	net.Conn
	mu     sync.Mutex
	writes int
	free   bool
	kept   []byte
}

func (h *held) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	if h.writes == 1 || h.free {
		return h.Conn.Write(p)
	}
	h.kept = append(h.kept, p...)
	return len(p), nil
}

func (h *held) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free = true
	_, _ = h.Conn.Write(h.kept)
}

// A HelloRequest that comes in one piece with the end of the first handshake
// is seen too.
func TestHelloRequestWithFinished(t *testing.T) {
	asked := make(chan struct{}, 1)
	a := newAsker(t, nil, func() error { asked <- struct{}{}; return nil }, func(c net.Conn) net.Conn { return &held{Conn: c} })
	<-asked
	if _, err := a.server.AwaitRenegotiation(testnet.HandshakeOptions{}); err != nil {
		t.Fatal(err)
	}
	a.server.Close()
	<-a.got
	if got := a.record(t); !strings.HasPrefix(got, ", hello-request, renegotiating, renegotiated, fin by server") {
		t.Errorf("recorded %s", got)
	}
}
