package httpconn

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"fanlight/internal/httpwire"
)

// mapped is what must be the same on both sides of the door.
type mapped struct{ method, target, host, fields string }

// theirs is what a client asked; the fields are those that pass on.
func theirs(h *httpwire.Head, lower bool) mapped {
	m := mapped{method: string(h.Bytes(h.Method)), target: string(h.Bytes(h.Target)), host: string(h.Get("Host"))}
	var cookies []string
	m.fields = string(pass(h, lower, &cookies)) + strings.Join(cookies, "; ")
	return m
}

// passing gives the lines of the fields that are not for one hop only.
func passing(h *httpwire.Head, lower bool) (lines []byte) { return pass(h, lower, nil) }

// pass is passing; cookies, if not nil, gets the values of Cookie instead, which
// HTTP/2 may part and join (RFC 9113, section 8.2.3).
func pass(h *httpwire.Head, lower bool, cookies *[]string) (lines []byte) {
	for _, f := range h.Fields {
		name := string(h.Bytes(f.Name))
		switch strings.ToLower(name) {
		case "host", "content-length", "expect", "te":
			continue
		case "cookie":
			if cookies != nil && !h.HopByHop(f) {
				*cookies = append(*cookies, string(h.Bytes(f.Value)))
				continue
			}
		}
		if h.HopByHop(f) {
			continue
		}
		if lower {
			name = strings.ToLower(name)
		}
		lines = append(append(append(append(lines, name...), ": "...), h.Bytes(f.Value)...), '\r', '\n')
	}
	return lines
}

// overHTTP1 gives what an origin of HTTP/1.1 reads.
func overHTTP1(t *testing.T, out Out, lines []byte) mapped {
	c := NewClient(nil, nil, NewBuffers())
	c.nc = quiet{}
	b := c.Head(append(c.Start(nil, &out), lines...))
	var h httpwire.Head
	n, err := h.ParseRequest(b, httpwire.Limits{HeadBytes: 1 << 20, TargetBytes: 1 << 20, Fields: 10_000})
	if err != nil || n != len(b) || len(h.Irregular) > 0 && h.Irregular[0].Name != httpwire.NonASCIITarget {
		t.Fatalf("HTTP/1.1: %v, %d of %d bytes, irregular %v:\n%q", err, n, len(b), h.Irregular, b)
	}
	if f := h.RequestFraming(); f.Kind != httpwire.NoBody {
		t.Fatalf("a body appeared: %+v\n%q", f, b)
	}
	return theirs(&h, false)
}

// overHTTP2 gives what an origin of HTTP/2 reads.
func overHTTP2(t *testing.T, out Out, lines []byte) mapped {
	c := &H2Client{streams: map[uint32]*H2Stream{}, next: 1, last: lastNumber, peer: h2Peer{streams: 1, window: 1, frame: httpwire.DefaultMaxFrame}}
	c.out.pool = &NewBuffers().out
	s := c.Stream()
	s.Head(append(s.Start(nil, &out), lines...))
	defer func() { // there is no transport for who looks later at what waits
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = errEnded
	}()
	var r httpwire.FrameReader
	var block []byte
	heads := 0
	b := append(httpwire.AppendSettings(nil), *c.out.pending()...) // what comes first on a connection
	for len(b) > 0 {
		f, n, err := r.Read(b)
		if err != nil || n == 0 {
			t.Fatalf("HTTP/2: %v in %x", err, b)
		}
		if f.Type == httpwire.FrameHeaders {
			heads++
			if !f.EndStream() {
				t.Fatal("a body appeared")
			}
		}
		if f.Type != httpwire.FrameSettings {
			block = append(block, f.Payload...)
		}
		b = b[n:]
	}
	d := httpwire.NewHPACKDecoder(h2TableSize)
	var h httpwire.H2Head
	if err := h.ReadRequest(&d, block, httpwire.Limits{HeadBytes: 1 << 22, TargetBytes: 1 << 20, Fields: 10_000}); err != nil || heads != 1 {
		t.Fatalf("HTTP/2: %v, %d heads", err, heads)
	}
	for _, irr := range h.Irregular {
		if irr.Name != httpwire.NonASCIITarget {
			t.Fatalf("HTTP/2: %s", irr.Name)
		}
	}
	return theirs(&h.Head, true)
}

// quiet is a transport of which nothing is wanted but a deadline.
type quiet struct{ Transport }

func (quiet) SetReadDeadline(time.Time) error { return nil }

// FuzzMapping checks that a head which the door takes, in either version, is
// one request of the same method, target, host and fields for the origin, in
// either version.
func FuzzMapping(f *testing.F) {
	for _, seed := range []string{
		"GET /a?b HTTP/1.1\r\nHost: a.test\r\nX-One: 1\r\nX-one: 2\r\n\r\n",
		"POST /%0d%0a HTTP/1.1\r\nHost: [::1]:80\r\nCookie: a=b; c=d\r\nConnection: close, x-a\r\nX-A: 1\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\nEmpty:\r\nT: \x80\xff\r\nte: trailers\r\n\r\n",
	} {
		f.Add(false, []byte(seed))
	}
	block := httpwire.AppendHPACK(nil, ":method", "GET")
	block = httpwire.AppendHPACK(block, ":scheme", "https")
	block = httpwire.AppendHPACK(block, ":authority", "a.test")
	block = httpwire.AppendHPACK(block, ":path", "/a b")
	f.Add(true, httpwire.AppendHPACK(block, "x-one", "1"))
	block = httpwire.AppendHPACK(httpwire.AppendHPACK(block, "cookie", "a=b"), "cookie", "c=d")
	f.Add(true, httpwire.AppendHPACK(block, "transfer-encoding", "chunked"))
	f.Fuzz(func(t *testing.T, two bool, data []byte) {
		h := accepted(two, data)
		if h == nil {
			return
		}
		stuck := time.AfterFunc(10*time.Second, func() { panic(string(data)) })
		defer stuck.Stop()
		want := theirs(h, false)
		out := Out{Method: want.method, Scheme: "https", Host: want.host, Target: want.target}
		if got := overHTTP1(t, out, passing(h, false)); got != want {
			t.Errorf("HTTP/1.1: got %+v, want %+v", got, want)
		}
		want = theirs(h, true)
		if got := overHTTP2(t, out, passing(h, false)); got != want {
			t.Errorf("HTTP/2: got %+v, want %+v", got, want)
		}
	})
}

// accepted reads a head as the door does; nil if it refuses it, or if the
// gateway changes its target.
func accepted(two bool, data []byte) *httpwire.Head {
	h := &httpwire.Head{}
	if two {
		d := httpwire.NewHPACKDecoder(4096)
		h2 := &httpwire.H2Head{}
		if h2.ReadRequest(&d, data, httpwire.Limits{}) != nil {
			return nil
		}
		h = &h2.Head
	} else if n, err := h.ParseRequest(bytes.Clone(data), httpwire.Limits{}); err != nil || n == 0 || h.Minor == 0 {
		return nil
	}
	for _, irr := range h.Irregular {
		if !tolerated(irr.Name) {
			return nil
		}
	}
	target := h.Bytes(h.Target)
	if string(h.Bytes(h.Method)) == "CONNECT" || len(target) == 0 || target[0] != '/' && string(target) != "*" || len(h.Get("Host")) == 0 { // the gateway asks for the origin's own then
		return nil
	}
	return h
}
