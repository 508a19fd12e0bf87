package httpconn

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tap"
)

// resting connects over TCP, where connections rest, and waits until this one
// does.
func resting(t *testing.T, d *door) (c net.Conn, server *tap.Conn, done chan struct{}) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if c, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server, done = d.serve(far, answering("ok"))
	if !server.CanAwait() {
		t.Skip("connections rest on Linux alone")
	}
	getOK(t, c)
	awaitRest(t, d)
	return c, server, done
}

func awaitRest(t *testing.T, d *door) {
	t.Helper()
	for end := time.Now().Add(10 * restAfter); d.Resting() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connection does not rest")
		}
	}
}

func getOK(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); string(body) != "ok" || err != nil {
		t.Fatalf("answered %q, %v", body, err)
	}
}

type answering string

func (a answering) Handle(x Exchange) {
	_ = x.Respond(200, "OK", nil, int64(len(a)))
	_, _ = x.Write([]byte(a))
	_ = x.Finish(nil)
}

func TestRestGoesOn(t *testing.T) {
	d := newDoor()
	c, _, done := resting(t, d)
	getOK(t, c)
	if d.Resting() != 0 {
		t.Error("it rests while it is asked")
	}
	awaitRest(t, d)
	c.Close()
	<-done
	if got := d.Resting(); got != 0 {
		t.Errorf("%d rest when none is there", got)
	}
}

func TestRestEndsAtTheLimit(t *testing.T) {
	d := newDoor()
	d.Limits.IdleTimeout = 3 * restAfter
	began := time.Now()
	c, _, done := resting(t, d)
	<-done
	if took := time.Since(began); took < d.Limits.IdleTimeout || took > 2*d.Limits.IdleTimeout {
		t.Errorf("idle for %v, limit %v", took, d.Limits.IdleTimeout)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the client reads %d, %v", n, err)
	}
	var told []string
	for _, e := range d.sink.events {
		if e.Kind == flow.Timeout || e.Kind == flow.Closed {
			told = append(told, e.Text)
		}
	}
	if got := strings.Join(told, ", "); got != "idle, timeout: idle" {
		t.Errorf("recorded %q", got)
	}
}

// A site that stops interrupts those who wait, and they see it.
func TestRestIsInterrupted(t *testing.T) {
	d := newDoor()
	_, server, done := resting(t, d)
	d.closing.Store(true)
	_ = server.SetReadDeadline(time.Unix(1, 0))
	<-done
}
