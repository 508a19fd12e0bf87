package app_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"fanlight/internal/httpwire"
)

// overH2 is Go's client of HTTP/2 on the stage.
func (s *stage) overH2(t *testing.T) *http.ClientConn {
	t.Helper()
	config := &tls.Config{ServerName: "app.test", RootCAs: s.d.roots(), KeyLogWriter: keyWriter{s.keys}}
	cc, err := oneH2(config, "127.0.0.2:"+s.d.port).NewClientConn(t.Context(), "https", "app.test:443")
	must(t, err)
	t.Cleanup(func() { cc.Close() })
	return cc
}

func (s *stage) carry(t *testing.T, ctx context.Context, cc *http.ClientConn, method, path, body string, trailers http.Header) error {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://app.test"+path, content)
	must(t, err)
	if trailers != nil {
		req.Trailer, req.ContentLength = trailers, -1
	}
	res, err := cc.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// overHTTP2 plays what a client of HTTP/2 can do.
func overHTTP2(t *testing.T, s *stage) {
	cc := s.overH2(t)
	for _, ask := range []struct {
		method, path, body string
		trailers           http.Header
	}{
		{"GET", "/files/hello.txt", "", nil},
		{"GET", "/files/none", "", nil},
		{"HEAD", "/files/hello.txt", "", nil},
		{"POST", "/post", "hello", nil},
		{"POST", "/post", strings.Repeat("long ", 100_000), nil},
		{"POST", "/post", "hello", http.Header{"X-Sum": {"1"}}},
	} {
		must(t, s.carry(t, t.Context(), cc, ask.method, ask.path, ask.body, ask.trailers))
	}
	if err := s.carry(t, t.Context(), cc, "GET", "/cut", "", nil); err == nil {
		t.Error("a response that was cut short came whole")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.carry(t, ctx, cc, "GET", "/slow", "", nil); err == nil {
		t.Error("a request that was given up was answered")
	}
	cc.Close()
}

// refusedHTTP2 has a request that HTTP/2 forbids, one that is answered without
// its body, a second field block for it, and an end with an error.
func refusedHTTP2(t *testing.T, s *stage) {
	raw, err := net.Dial("tcp", "127.0.0.2:"+s.d.port)
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(wait))
	c := tls.Client(raw, &tls.Config{ServerName: "app.test", RootCAs: s.d.roots(), NextProtos: []string{"h2"}, KeyLogWriter: keyWriter{s.keys}})
	_, err = io.WriteString(c, http2.ClientPreface)
	must(t, err)
	f := http2.NewFramer(c, c)
	must(t, f.WriteSettings())
	ask := func(stream uint32, end bool, more ...string) {
		var block []byte
		for i, all := 0, append([]string{":method", "POST", ":scheme", "https", ":path", "/files/hello.txt", ":authority", "app.test"}, more...); i < len(all); i += 2 {
			block = httpwire.AppendHPACK(block, all[i], all[i+1])
		}
		must(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block, EndHeaders: true, EndStream: end}))
	}
	until := func(kind http2.FrameType) {
		for {
			frame, err := f.ReadFrame()
			must(t, err)
			if frame.Header().Type == kind {
				return
			}
		}
	}
	ask(1, true, "connection", "close")
	until(http2.FrameRSTStream)
	ask(3, false)
	until(http2.FrameData)
	must(t, f.WriteRSTStream(3, http2.ErrCodeCancel))
	must(t, f.WriteData(7, true, []byte("of no stream")))
	until(http2.FrameGoAway)
	c.Close()
}
