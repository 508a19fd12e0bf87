package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"fanlight/internal/balance"
	"fanlight/internal/coding"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
)

// compressing is a door that compresses, before an origin of Go's.
func compressing(t *testing.T, answer http.HandlerFunc, options ...doorOption) *door {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	d := newDoor(t, append([]doorOption{func(o *Options) { o.Encoders = 4 }}, options...)...)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	o := origin.New(origin.Options{Name: server.URL, Host: host, Port: uint16(n), Timeouts: patient(), MaxIdle: 100, Recorder: d.g.Recorder, Buffers: d.g.Buffers})
	rule := &Compression{Codings: []coding.Coding{coding.Zstd, coding.Brotli, coding.Gzip}, Types: []string{"text/*", "application/json"}, MinBytes: 100}
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o), Compression: rule}}}, "app.test")
	return d
}

// askCoded makes a request with field lines, each with its end.
func (c *client) askCoded(method, version, fields string) (*http.Response, string) {
	c.t.Helper()
	c.send(method + " / HTTP/" + version + "\r\nHost: app.test\r\n" + fields + "\r\n")
	res, body, err := c.receive(method)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, body
}

func decode(t *testing.T, kind, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	var err error
	switch kind {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(r); err == nil {
			defer d.Close()
			r = d
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestCompress(t *testing.T) {
	text := strings.Repeat("what passes the door, ", 40)
	for name, test := range map[string]struct {
		accept string // empty: gzip
		fields string // of the response, name=value parted by |; Content-Type=text/plain if it names none
		method string
		status int
		body   string // empty: text
		asked  string // further fields of the request
		want   string // coding; empty: none
		more   string // fields of the answer, name=value parted by |
	}{
		"gzip":                  {want: "gzip", more: "Vary=Accept-Encoding"},
		"brotli":                {accept: "br", want: "br"},
		"zstd":                  {accept: "gzip, br, zstd", want: "zstd"},
		"what weighs most":      {accept: "gzip;q=1, br;q=0.9", want: "gzip"},
		"none accepted":         {accept: "deflate", more: "Vary=Accept-Encoding|ETag=\"v1\"", fields: `ETag="v1"`},
		"coded already":         {fields: "Content-Encoding=br"},
		"another type":          {fields: "Content-Type=image/png"},
		"no type":               {fields: "Content-Type="},
		"a type with its set":   {fields: "Content-Type=Text/HTML; charset=utf-8", want: "gzip"},
		"events":                {fields: "Content-Type=text/event-stream"},
		"too short":             {body: "short"},
		"not to be transformed": {fields: "Cache-Control=private, no-transform"},
		"with a digest":         {fields: "Content-Digest=sha-256=:abc=:"},
		"a part":                {status: 206, fields: "Content-Range=bytes 0-879/2000"},
		"an error page":         {status: 404, want: "gzip"},
		"tags become weak":      {fields: `ETag="v1"|Accept-Ranges=bytes`, want: "gzip", more: `ETag=W/"v1"|Accept-Ranges=`},
		"weak tags stay":        {fields: `ETag=W/"v1"`, want: "gzip", more: `ETag=W/"v1"`},
		"Vary is added to":      {fields: "Vary=Cookie", want: "gzip", more: "Vary=Cookie, Accept-Encoding"},
		"Vary stays":            {fields: "Vary=accept-encoding, Cookie", want: "gzip", more: "Vary=accept-encoding, Cookie"},
		"HEAD":                  {method: "HEAD", fields: `ETag="v1"`, want: "gzip", more: `ETag=W/"v1"|Vary=Accept-Encoding|Content-Length=`},
		"not modified":          {status: 304, fields: `ETag="v1"`, asked: "If-None-Match: W/\"v1\"\r\n", more: `ETag=W/"v1"|Vary=Accept-Encoding`},
		"not modified, strong":  {status: 304, fields: `ETag="v1"`, asked: "If-None-Match: \"v1\"\r\n", more: `ETag="v1"`},
	} {
		t.Run(name, func(t *testing.T) {
			body := text
			if test.body != "" {
				body = test.body
			}
			d := compressing(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				for pair := range strings.SplitSeq(test.fields, "|") {
					if name, value, ok := strings.Cut(pair, "="); ok {
						w.Header()[name] = []string{value}
					}
				}
				if test.fields == "Content-Type=" {
					w.Header()["Content-Type"] = nil
				}
				if test.status != 304 {
					w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				}
				w.WriteHeader(max(test.status, 200))
				if test.status != 304 {
					_, _ = io.WriteString(w, body)
				}
			})
			accept, method := test.accept, test.method
			if accept == "" {
				accept = "gzip"
			}
			if method == "" {
				method = "GET"
			}
			res, got := d.dial("app.test").askCoded(method, "1.1", "Accept-Encoding: "+accept+"\r\n"+test.asked)
			kind := res.Header.Get("Content-Encoding")
			if test.want != "" && kind != test.want || test.want == "" && kind != "" && !strings.Contains(test.fields, kind) {
				t.Fatalf("coding %q, want %q: %v", kind, test.want, res.Header)
			}
			for pair := range strings.SplitSeq(test.more, "|") {
				if name, value, ok := strings.Cut(pair, "="); ok && strings.Join(res.Header.Values(name), ", ") != value {
					t.Errorf("%s %q, want %q", name, res.Header.Values(name), value)
				}
			}
			if method == "HEAD" || test.status == 304 {
				return
			}
			if test.want != "" {
				if len(got) >= len(body) || res.ContentLength >= 0 {
					t.Errorf("%d bytes for %d, length %d", len(got), len(body), res.ContentLength)
				}
				got = decode(t, kind, got)
			}
			if got != body {
				t.Errorf("the body became %.80q", got)
			}
		})
	}
}

// A client of HTTP/1.0 gets a body that the end of the connection ends.
func TestCompressForOldClients(t *testing.T) {
	text := strings.Repeat("old ", 100)
	d := compressing(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, text)
	})
	res, body := d.dialPlain().askCoded("GET", "1.0", "Accept-Encoding: gzip\r\n")
	if got := decode(t, "gzip", body); got != text || !res.Close {
		t.Errorf("%q, %v", got, res.Header)
	}
}

// What the origin sends piece by piece arrives so, compressed or not.
func TestPiecesArriveAsTheyCome(t *testing.T) {
	for _, accept := range []string{"gzip", "identity"} {
		next := make(chan string)
		d := compressing(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for line := range next {
				_, _ = io.WriteString(w, line)
				w.(http.Flusher).Flush()
			}
		})
		c := d.dialPlain()
		c.send("GET / HTTP/1.1\r\nHost: app.test\r\nAccept-Encoding: " + accept + "\r\n\r\n")
		next <- "{\"n\":0}\n"
		res, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
		if err != nil {
			t.Fatal(err)
		}
		var r io.Reader = res.Body
		if accept == "gzip" {
			if r, err = gzip.NewReader(r); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 8)
		for n := range 3 {
			if _, err := io.ReadFull(r, buf); err != nil || string(buf) != fmt.Sprintf("{\"n\":%d}\n", n) {
				t.Fatalf("%s: line %d: %q, %v", accept, n, buf, err)
			}
			if n < 2 {
				next <- fmt.Sprintf("{\"n\":%d}\n", n+1)
			}
		}
		close(next)
		if _, err := io.ReadAll(r); err != nil {
			t.Error(err)
		}
	}
}

func TestCompressIsRecorded(t *testing.T) {
	text := bytes.Repeat([]byte("recorded "), 5000)
	d := compressing(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(text)
	})
	_, body := d.dialPlain().askCoded("GET", "1.1", "Accept-Encoding: br\r\nConnection: close\r\n")
	trace := d.settled(clientOver)
	x := clientConn(t, trace).Exchanges[0]
	if x.Compressed != "br" || x.PlainBytes != int64(len(text)) || x.ResponseBodyBytes != int64(len(body)) || x.Outcome != flow.Complete {
		t.Errorf("%d bytes became %d: recorded %+v", len(text), len(body), x)
	}
	if leg := originConns(trace)[0].Exchanges[0]; leg.ResponseBodyBytes != int64(len(text)) {
		t.Errorf("the origin's body: %d", leg.ResponseBodyBytes)
	}
}

// A response that was cut short is not made whole by an encoder's end, and its
// encoder is used again.
func TestCompressCutShort(t *testing.T) {
	d := compressing(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 50_000))
		panic(http.ErrAbortHandler)
	})
	for range 6 { // more often than there may be encoders
		c := d.dialPlain()
		c.send("GET / HTTP/1.1\r\nHost: app.test\r\nAccept-Encoding: gzip\r\n\r\n")
		res, body, err := c.receive("GET")
		if res != nil && err == nil {
			t.Errorf("a whole response of %d bytes came", len(body))
		}
	}
	if d.g.encoders.Used() != 0 {
		t.Errorf("%d encoders are kept", d.g.encoders.Used())
	}
}

// With all encoders at work a response passes as it is.
func TestCompressLimit(t *testing.T) {
	d := compressing(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1000))
	}, func(o *Options) { o.Encoders = 0 })
	res, body := d.dialPlain().askCoded("GET", "1.1", "Accept-Encoding: gzip\r\n")
	if len(body) != 1000 || res.Header.Get("Content-Encoding") != "" || res.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%d bytes, %v", len(body), res.Header)
	}
}

// A client of HTTP/2 that gives up a request is heard behind the compressor too:
// its origin is not waited for.
func TestCompressedRequestGivenUp(t *testing.T) {
	asked, left := make(chan struct{}), make(chan struct{})
	d := compressing(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(left)
	})
	transport := &http.Transport{TLSClientConfig: d.tlsConfig("app.test"), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	req, err := http.NewRequestWithContext(ctx, "GET", "https://"+d.addrs["tls"].String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "app.test"
	if _, err := transport.RoundTrip(req); err == nil {
		t.Fatal("a response came")
	}
	select {
	case <-left:
	case <-time.After(3 * time.Second): // the origin may take five for its first byte
		t.Fatal("the origin is still waited for")
	}
}
