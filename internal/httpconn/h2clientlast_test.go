package httpconn

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/tap"
)

// leaver is a connection to an origin that says its last words and resets: they
// can be read still when nothing can be written any more.
type leaver struct {
	net.Conn
	words  string
	reset  chan struct{} // closed: writes fail, and the words can be read
	closed chan struct{}
	read   bool
}

func (l *leaver) Write(b []byte) (int, error) {
	select {
	case <-l.reset:
		return 0, syscall.EPIPE
	default:
		return l.Conn.Write(b)
	}
}

func (l *leaver) Read(b []byte) (int, error) {
	select {
	case <-l.reset:
	case <-l.closed:
		return 0, net.ErrClosed
	}
	if l.read {
		return 0, syscall.ECONNRESET
	}
	time.Sleep(time.Millisecond) // the write fails first
	l.read = true
	return copy(b, l.words), nil
}

func (l *leaver) Close() error {
	close(l.closed)
	return l.Conn.Close()
}

// TestH2LastWords checks that what an origin sent before it reset is heard,
// although a write failed before it was read.
func TestH2LastWords(t *testing.T) {
	var encoder httpwire.HPACKEncoder
	settings := string(httpwire.AppendSettings(nil))
	response := string(httpwire.AppendBlock(nil, 1, httpwire.AppendStatus(encoder.Begin(nil), 200), false, httpwire.DefaultMaxFrame)) +
		string(httpwire.AppendData(nil, 1, []byte("whole"), true))
	for name, c := range map[string]struct{ words, body, says string }{
		"a response": {words: settings + response, body: "whole"},
		"a reason":   {words: settings + string(httpwire.AppendGoAway(nil, 1, httpwire.CodeEnhanceYourCalm, "too_many_pings")), says: "too_many_pings"},
		"nothing":    {says: syscall.ECONNRESET.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, far) }()
				l := &leaver{Conn: near, words: c.words, reset: make(chan struct{}), closed: make(chan struct{})}
				conn := tap.Accepted(flow.NewRecorder(&sink{}), l, false)
				client := NewH2Client(conn, conn.Log(), NewBuffers(), H2ClientLimits{Write: time.Minute})
				synctest.Wait() // the preface has left
				close(l.reset)
				a := h2Ask(client, &Out{ID: 1, Method: "GET", Scheme: "https", Host: "a.test", Target: "/"}, "", nil)
				if a.body != c.body || (a.err == nil) != (c.says == "") || a.err != nil && !strings.Contains(a.err.Error(), c.says) {
					t.Errorf("got %q, %v; want %q, %q", a.body, a.err, c.body, c.says)
				}
				<-client.Ended()
				if s := client.Stream(); s != nil {
					t.Error("a stream of a connection that is over")
				}
			})
		})
	}
}

// TestH2EndsBeforeItsFirstStream checks that the first exchange on a connection
// that has ended already is told why.
func TestH2EndsBeforeItsFirstStream(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	c, _ := h2Dial(t, l.Addr().String())
	<-c.Ended()
	a := h2Ask(c, &Out{ID: 1, Method: "GET", Scheme: "https", Host: "a.test", Target: "/"}, "", nil)
	var breach *H2Breach
	if !errors.Is(a.err, ErrNotSent) || !errors.As(a.err, &breach) || breach.Name != httpwire.H2PrefaceMissing {
		t.Errorf("got %v", a.err)
	}
	if c.Stream() != nil {
		t.Error("a second stream of a connection that is over")
	}
}
