package httpconn

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// loopback makes a connection over TCP whose far end a door serves.
func loopback(t testing.TB, d *door, h Handler) (*client, chan struct{}) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = near.SetDeadline(time.Now().Add(20 * time.Second))
	server, done := d.serve(far, h)
	return &client{Conn: near, t: t, door: d, tap: server}, done
}

// An early response must reach a client that sends its whole body before it
// looks, whatever the kernel does with what nobody reads.
func TestEarlyResponseOverTCP(t *testing.T) {
	d := newDoor()
	c, done := loopback(t, d, handlerFunc(func(x Exchange) {
		x.CloseAfter("body not wanted")
		answer(x, 413, "too much\n")
	}))
	const length = 32 << 20
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n")
	piece := bytes.Repeat([]byte("x"), 1<<20)
	for range length / len(piece) {
		if _, err := c.Write(piece); err != nil {
			t.Fatalf("send body: %v", err)
		}
	}
	half(c)
	if all, end := c.rest(); !strings.HasSuffix(all, "too much\n") || end != "fin" {
		t.Errorf("saw %q, %s", all, end)
	}
	<-done
}

func TestTruncationOverTCP(t *testing.T) {
	d := newDoor()
	c, done := loopback(t, d, handlerFunc(func(x Exchange) {
		_ = x.Respond(200, "OK", nil, -1)
		_, _ = io.WriteString(writer{x}, "part")
		x.Truncate("cut")
	}))
	c.send("GET / HTTP/1.0\r\n\r\n")
	if all, end := c.rest(); end != "rst" {
		t.Errorf("saw %q, %s; want a reset", all, end)
	}
	<-done
	if tr := d.sink.trace().Conns[0]; tr.Close.By.String() != "server" || tr.Close.How.String() != "rst" || tr.Close.Why != "cut" {
		t.Errorf("recorded:\n%s", tr)
	}
}

// A large body goes both ways at once, through buffers of every size.
func TestLargeBodies(t *testing.T) {
	d := newDoor()
	c, done := loopback(t, d, handlerFunc(func(x Exchange) {
		length := x.Request().Length
		_ = x.Respond(200, "OK", nil, length)
		buf := make([]byte, 100_000)
		for {
			n, err := x.ReadBody(buf)
			if _, werr := x.Write(buf[:n]); werr != nil || err != nil {
				break
			}
		}
		_ = x.Finish(nil)
	}))
	body := strings.Repeat("0123456789abcdef", 1<<16)
	go func() {
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"+body)
		_ = c.Conn.(*net.TCPConn).CloseWrite()
	}()
	if all, end := c.rest(); !strings.HasSuffix(all, "\r\n\r\n"+body) || end != "fin" {
		t.Errorf("saw %d bytes, %s", len(all), end)
	}
	<-done
}

// Once its buffers are there, an ordinary exchange costs next to no memory.
func TestExchangeAllocations(t *testing.T) {
	d := newDoor()
	ok := []byte("ok\n")
	fields := []byte("Server: test\r\n")
	c, done := loopback(t, d, handlerFunc(func(x Exchange) {
		_ = x.Respond(200, "OK", fields, 3)
		_, _ = x.Write(ok)
		_ = x.Finish(nil)
	}))

	request, buf := []byte(get), make([]byte, 4096)
	allocs := testing.AllocsPerRun(200, func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	})
	c.Close()
	<-done
	if allocs > 6 { // the path, and what the sink of the test keeps
		t.Errorf("%.0f allocations an exchange", allocs)
	}
}
