package httpconn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/httpwire"
	"fanlight/internal/testnet"
)

// corpus are requests, good and bad, of which every one is also tried with
// bytes of interest put in.
func corpus() []string {
	out := []string{get, getClose, post, chunks, "\r\n" + get,
		"GET / HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"}
	for _, r := range refusals() {
		if len(r.raw) < 1000 {
			out = append(out, r.raw)
		}
	}
	return out
}

func mutated(try func(string)) {
	for _, seed := range corpus() {
		try(seed)
		for i := 0; i < len(seed); i++ {
			for _, c := range "\x00\t\n\r :;,5\x7f" {
				try(seed[:i] + string(c) + seed[i:])
			}
			try(seed[:i] + seed[i+1:])
		}
	}
}

// What net/http's server refuses this one does not carry, but for what taken
// says.
func TestAgainstNetHTTP(t *testing.T) {
	refused := 0
	mutated(func(raw string) {
		synctest.Test(t, func(t *testing.T) {
			a, b := ourClass(t, raw), theirClass(raw)
			if b != 4 && b != 5 {
				return
			}
			refused++
			if a == 2 && !taken(raw) {
				t.Errorf("net/http answers %dxx, we carry %q", b, raw)
			}
		})
	})
	if refused < 1000 {
		t.Errorf("net/http refused only %d requests", refused)
	}
}

// taken are the requests that net/http refuses without need: it does not skip
// the empty line before a request as RFC 9112 section 2.2 asks.
func taken(raw string) bool { return strings.HasPrefix(raw, "\r\n") }

// ourClass is the class of the first final response, 0 if there is none.
func ourClass(t *testing.T, raw string) int {
	d := newDoor()
	c, done := d.connect(t, handlerFunc(echo))
	go func() {
		_, _ = io.WriteString(c, raw)
		half(c)
	}()
	all, _ := c.rest()
	c.Close()
	<-done
	return class(all)
}

func theirClass(raw string) int {
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	})}
	near, far := testnet.Pipe()
	ln := &oneConn{conn: far, closed: make(chan struct{})}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(ln) }()
	go func() {
		_, _ = io.WriteString(near, raw)
		_ = near.CloseWrite()
	}()
	all, _ := io.ReadAll(near)
	near.Close()
	close(ln.closed)
	<-served
	time.Sleep(time.Second) // it lingers
	return class(string(all))
}

func class(raw string) int {
	for r := bufio.NewReader(strings.NewReader(raw)); ; {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0
		}
		if res.StatusCode >= 200 {
			return res.StatusCode / 100
		}
	}
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// Whatever comes, the connection ends, and what was sent is responses.
func FuzzServer(f *testing.F) {
	for i, raw := range corpus() {
		f.Add([]byte(raw), uint16(i))
	}
	f.Add([]byte(strings.Repeat(get+post+chunks, 3)), uint16(3))
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16) {
		if len(raw) > 1<<15 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			d := newDoor()
			var methods []string
			c, done := d.connect(t, handlerFunc(func(x Exchange) {
				methods = append(methods, strings.Clone(x.Request().Method))
				respondOddly(x, int(cut)+len(methods))
			}))
			go func() {
				for piece := range pieces(string(raw), int(cut)) {
					if _, err := io.WriteString(c, piece); err != nil {
						return
					}
				}
				half(c)
			}()
			all, end := c.rest()
			<-done
			if err := checkResponses([]byte(all), methods, end); err != nil {
				t.Errorf("sent %q (%s): %v", all, end, err)
			}
			if d.panics.Load() > 0 {
				t.Error("a handler panicked")
			}
		})
	})
}

// respondOddly uses the parts of an exchange in many ways.
func respondOddly(x Exchange, n int) {
	if _, all := x.Buffered(); n%3 != 0 && !all {
		if _, err := io.Copy(io.Discard, reader{x}); err != nil {
			answerFault(x, err)
			return
		}
	}
	switch n % 5 {
	case 0:
		echo(x)
	case 1:
		_ = x.Interim(103, []byte("A: b\r\n"))
		_ = x.Respond(200, "OK", nil, -1)
		_, _ = x.Write([]byte("body"))
		_ = x.Flush()
		_, _ = x.Write(bytes.Repeat([]byte("x"), 20<<10))
		_ = x.Finish([]byte("T: u\r\n"))
	case 2:
		_ = x.Respond(204, "", bytes.Repeat([]byte("Long: x\r\n"), 3000), 0)
		_ = x.Finish(nil)
	case 3:
		answer(x, 200, "ok\n")
	case 4:
		if x.Request().Upgrade == "" {
			_ = x.Respond(200, "", nil, 5)
			_, _ = x.Write([]byte("four"))
			return
		}
		if rw, err := x.Tunnel(101, nil, "x"); err == nil {
			rw.Close()
		}
	}
}

// checkResponses reads the responses to the methods, the last of which may be
// cut off by a reset; a refusal may follow.
func checkResponses(raw []byte, methods []string, end string) error {
	for i := 0; len(raw) > 0; {
		var h httpwire.Head
		n, err := h.ParseResponse(raw, httpwire.Limits{HeadBytes: 1 << 20, Fields: 1 << 20})
		if err != nil || len(h.Irregular) > 0 {
			return fmt.Errorf("response %d: %w, %v", i, err, h.Irregular)
		}
		if n == 0 {
			return cutOff(end)
		}
		raw = raw[n:]
		if h.Status == 101 {
			return nil
		}
		if h.Status < 200 {
			continue
		}
		method := "" // of a refusal
		if i < len(methods) {
			method = methods[i]
		}
		i++
		if method == "" && !h.Has("Fanlight-Incident") {
			return errors.New("response to nothing")
		}
		if method == "" && len(raw) == 0 {
			return nil // to HEAD
		}
		if raw, err = skipBody(raw, &h, method, end); err != nil {
			return err
		}
	}
	return nil
}

func cutOff(end string) error {
	if end == "rst" {
		return nil
	}
	return errors.New("cut off without a reset")
}

func skipBody(raw []byte, h *httpwire.Head, method, end string) (rest []byte, err error) {
	switch f := h.ResponseFraming(method); f.Kind {
	case httpwire.ContentLength:
		if int64(len(raw)) < f.Length {
			return nil, cutOff(end)
		}
		return raw[f.Length:], nil
	case httpwire.UntilClose:
		return nil, nil
	case httpwire.Chunked:
		var c httpwire.ChunkReader
		for {
			_, n, done, err := c.Next(raw)
			raw = raw[n:]
			switch {
			case err != nil || len(c.Irregular()) > 0:
				return nil, fmt.Errorf("chunks: %w, %v", err, c.Irregular())
			case done:
				return raw, nil
			case len(raw) == 0:
				return nil, cutOff(end)
			}
		}
	}
	return raw, nil
}
