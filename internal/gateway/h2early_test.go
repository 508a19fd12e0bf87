package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fanlight/internal/balance"
)

// eager is an origin of HTTP/1.1 that answers each head at once, waits for no
// body, and keeps its connection.
type eager struct {
	l     net.Listener
	mu    sync.Mutex
	heard []byte
}

func startEager(t *testing.T) *eager {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &eager{l: l}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { e.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return e
}

func (e *eager) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(hang))
	r := bufio.NewReader(c)
	for {
		b, err := r.ReadByte()
		if err != nil {
			return
		}
		e.mu.Lock()
		e.heard = append(e.heard, b)
		ends := bytes.HasSuffix(e.heard, []byte("\r\n\r\n")) && !bytes.HasSuffix(e.heard, []byte("0\r\n\r\n"))
		e.mu.Unlock()
		if ends {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly") // a door that has gone is seen by reading
		}
	}
}

// A body that comes behind the whole response still belongs to its request: an
// origin that keeps the connection would take as many bytes of the next request
// for it.
func TestBodyBehindItsResponse(t *testing.T) {
	for _, test := range []struct{ length, want string }{
		{"5", "hello"},
		{"", "5\r\nhello\r\n0\r\n\r\n"},
	} {
		t.Run("length "+test.length, func(t *testing.T) {
			e := startEager(t)
			d := newDoor(t)
			o := d.at("127.0.0.1", portOf(t, e.l.Addr().String()), false)
			o.MaxIdle = 1
			d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
			config := d.tlsConfig("app.test")
			config.NextProtos = []string{"h2"}
			c, err := tls.Dial("tcp", d.addrs["tls"].String(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(hang))
			h := newFramed(t, c)
			h.head(1, "POST", test.length)
			h.answered(1)
			h.check(h.framer.WriteData(1, true, []byte("hello")))
			for deadline := time.Now().Add(hang); o.Idle() != 1; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the connection is not in the pool")
				}
			}
			h.head(3, "GET", "")
			h.answered(3)
			e.mu.Lock()
			defer e.mu.Unlock()
			_, behind, _ := strings.Cut(string(e.heard), "\r\n\r\n")
			if got, want := behind[:strings.Index(behind, "GET ")], test.want; got != want {
				t.Errorf("between the heads came %q, not %q", got, want)
			}
		})
	}
}

// framed is a client that sends frames one by one.
type framed struct {
	t      *testing.T
	framer *http2.Framer
	fields *hpack.Encoder
	block  strings.Builder
}

func newFramed(t *testing.T, c net.Conn) *framed {
	h := &framed{t: t, framer: http2.NewFramer(c, c)}
	h.fields = hpack.NewEncoder(&h.block)
	_, err := io.WriteString(c, http2.ClientPreface)
	h.check(err)
	h.check(h.framer.WriteSettings())
	return h
}

func (h *framed) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// head sends that of a request; one of GET is all of it.
func (h *framed) head(stream uint32, method, length string) {
	h.t.Helper()
	h.block.Reset()
	fields := []hpack.HeaderField{{Name: ":method", Value: method}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "app.test"}, {Name: ":path", Value: "/"}}
	if length != "" {
		fields = append(fields, hpack.HeaderField{Name: "content-length", Value: length})
	}
	for _, f := range fields {
		h.check(h.fields.WriteField(f))
	}
	h.check(h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte(h.block.String()), EndHeaders: true, EndStream: method == "GET"}))
}

// answered reads until the response of a stream is whole.
func (h *framed) answered(stream uint32) {
	h.t.Helper()
	for {
		f, err := h.framer.ReadFrame()
		h.check(err)
		switch f := f.(type) {
		case *http2.DataFrame:
			if f.StreamID == stream && f.StreamEnded() {
				return
			}
		case *http2.RSTStreamFrame:
			h.t.Fatalf("stream %d was reset: %s", f.StreamID, f.ErrCode)
		}
	}
}
