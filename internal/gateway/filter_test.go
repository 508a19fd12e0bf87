package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fanlight/internal/balance"
	"fanlight/internal/filter"
	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// oracle is an origin that keeps the head of each request as it came, and says
// nothing else than that it got one.
type oracle struct {
	l    net.Listener
	mu   sync.Mutex
	last []byte
	got  int
}

func startOracle(t *testing.T) *oracle {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &oracle{l: l}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { o.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return o
}

func (o *oracle) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(hang))
	r := bufio.NewReader(c)
	for {
		var head []byte
		for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return
			}
			head = append(head, line...)
		}
		o.mu.Lock()
		o.last, o.got = head, o.got+1
		o.mu.Unlock()
		if bytes.Contains(head, []byte("\r\nTransfer-Encoding: chunked\r\n")) {
			if _, err := io.Copy(io.Discard, httpChunks(r)); err != nil {
				return
			}
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: Secret/1\r\n\r\nok")
	}
}

// httpChunks reads a chunked body.
func httpChunks(r *bufio.Reader) io.Reader {
	res, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), r)))
	if err != nil {
		return strings.NewReader("")
	}
	return res.Body
}

func (o *oracle) seen() (head []byte, got int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last, o.got
}

// filtering starts a door with a filter before the oracle.
func filtering(t *testing.T, o *oracle, f *Filtering) *door {
	t.Helper()
	d := newDoor(t)
	d.site(&Site{Name: "app", Filter: f, Routes: []Route{{Prefix: "/", Origins: d.behind(o)}}}, "app.test")
	return d
}

func (d *door) behind(o *oracle) *balance.Group {
	return balance.Of(origin.New(origin.Options{Name: "http://oracle", Host: "127.0.0.1", Port: uint16(o.l.Addr().(*net.TCPAddr).Port), Timeouts: patient(), MaxIdle: 10, Recorder: d.g.Recorder, Buffers: d.g.Buffers}))
}

// speaker2 sends requests over HTTP/2 as they are written.
type speaker2 struct {
	c      *tls.Conn
	framer *http2.Framer
	next   uint32
}

func (d *door) speak2(t *testing.T) *speaker2 {
	t.Helper()
	config := d.tlsConfig("app.test")
	config.NextProtos = []string{"h2"}
	c, err := tls.Dial("tcp", d.addrs["tls"].String(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(hang))
	_, _ = io.WriteString(c, http2.ClientPreface)
	s := &speaker2{c: c, framer: http2.NewFramer(c, c), next: 1}
	s.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = s.framer.WriteSettings()
	return s
}

// get gives the status of the response, 0 if the stream was reset.
func (s *speaker2) get(t *testing.T, fields ...string) int {
	t.Helper()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	stream := s.next
	s.next += 2
	_ = s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	status := 0
	for {
		f, err := s.framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			status, _ = strconv.Atoi(f.PseudoValue("status"))
		case *http2.RSTStreamFrame:
			return 0
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = s.framer.WriteSettingsAck()
			}
		}
		if h := f.Header(); h.StreamID == stream && h.Flags&http2.FlagDataEndStream != 0 {
			return status
		}
	}
}

func evading() *filter.Policy {
	return &filter.Policy{DenyURL: []string{"..", "/admin"}, DenyQuery: []string{"<script", "%00"}, HiddenSegments: []string{"bin"}, Extensions: filter.Extensions{Deny: []string{".exe"}},
		DenyDoubleEscaping: true, DenyUnescaped: true, Max: filter.Max{URL: 100}}
}

// What the filter let pass is what the origin got, byte for byte, and the filter
// would let that pass again; of what it refused the origin hears nothing. What is
// no proper target is refused by the door before.
func TestFilterJudgesWhatTheOriginGets(t *testing.T) {
	o := startOracle(t)
	d := filtering(t, o, &Filtering{Filter: filter.New(evading())})
	again := filter.New(evading())
	c := d.dial("app.test")
	two := d.speak2(t)
	for _, test := range []struct {
		target string
		one    int // status over HTTP/1.1
		two    int // and over HTTP/2
	}{
		{"/", 200, 200}, {"/a?b=c", 200, 200}, {"/a%20b/%7e?x=%20&y=+", 200, 200}, {"/caf%C3%A9?q=%C3%A9", 200, 200}, {"/%61%2e%62", 200, 200},
		{"/a;v=1.2/b;c", 200, 200}, {"//a///b", 200, 200}, {"/./a/.", 200, 200}, {"/a.", 200, 200}, {"/a%20", 200, 200}, {"/?", 200, 200}, {"/?a?b", 200, 200},
		{"/a%2fb", 200, 200}, {`/a\b`, 200, 200}, {"/{a}|b^c", 200, 200}, {"/a?q=<b>", 200, 200}, {"/a?%u0041", 200, 200},
		{"/a/../b", 404, 404}, {"/a/%2e%2e/b", 404, 404}, {"/a/.%2e/b", 404, 404}, {"/%252e%252e/", 404, 404}, {"/%25252e", 404, 404}, {"/%c0%ae%c0%ae/", 404, 404}, {"/a/%e0%80%ae%2e/b", 404, 404},
		{"/ADMIN/", 404, 404}, {"/%61dmin", 404, 404}, {"/x/%2e/admin", 404, 404}, {"//admin", 404, 404}, {`/\admin`, 404, 404}, {"/%5cadmin", 404, 404}, {"/x%2fadmin", 404, 404}, {"/%ef%bc%8fadmin", 404, 404},
		{"/bin/x", 404, 404}, {"/x/bin;p=1", 404, 404}, {"/BIN%20./x", 404, 404},
		{"/a.exe", 404, 404}, {"/a.exe.", 404, 404}, {"/a.exe%20", 404, 404}, {"/a.exe;x.htm", 404, 404}, {"/a.exe::$DATA", 404, 404}, {"/a%2eexe/path", 404, 404},
		{"/?q=%3Cscript", 404, 404}, {"/?q=%u003cscript", 404, 404}, {"/?q=%c0%bcscript", 404, 404}, {"/?q=%00", 404, 404}, {"/?q=%", 400, 400}, {"/?q=%zz", 400, 400},
		{"/" + strings.Repeat("a", 99), 200, 200}, {"/" + strings.Repeat("a", 100), 404, 404}, {"/" + strings.Repeat("%61", 34), 404, 404},
		{"/a%00b", 400, 400}, {"/a%", 400, 0}, {"/a%u002e", 400, 0}, {"/a%0d%0ab", 400, 400}, {"/a%2f..%2fb", 400, 400}, {`/a\..\b`, 400, 400}, {"/a#b", 400, 0}, {"/caf\xc3\xa9", 200, 200}, {"/a\xef\xbc\x8fadmin", 404, 404},
		{"https://app.test/a?b", 200, 0}, {"https://app.test/a/../b", 404, 0}, {"https://app.test/%61dmin", 404, 0}, {"https://app.test?a", 200, 0}, {"HTTPS://app.test/a.exe?b", 404, 0},
	} {
		check := func(version string, want int, ask func() int) {
			t.Helper()
			_, before := o.seen()
			status := ask()
			head, after := o.seen()
			if status != want {
				t.Errorf("%s %q: %d, want %d", version, test.target, status, want)
			}
			if (after != before) != (status == 200) {
				t.Errorf("%s %q: %d, and the origin got %d requests", version, test.target, status, after-before)
				return
			}
			if after == before {
				return
			}
			h := &httpwire.Head{}
			if _, err := h.ParseRequest(head, httpwire.Limits{}); err != nil {
				t.Fatal(err)
			}
			if got, sent := string(h.Bytes(h.Target)), originForm(test.target); got != sent {
				t.Errorf("%s: the origin got %q, judged was %q", version, got, sent)
			}
			if v, _ := again.Judge(h, 0); v != nil {
				t.Errorf("%s: what the origin got would be refused by %s", version, v.Cause())
			}
		}
		check("HTTP/1.1", test.one, func() int {
			c.send("GET " + test.target + " HTTP/1.1\r\nHost: app.test\r\n\r\n")
			res, _, err := c.receive("GET")
			if err != nil {
				t.Fatalf("%q: %v", test.target, err)
			}
			if res.Close {
				c = d.dial("app.test")
			}
			return res.StatusCode
		})
		check("HTTP/2", test.two, func() int {
			return two.get(t, ":method", "GET", ":scheme", "https", ":authority", "app.test", ":path", test.target)
		})
	}
}

// originForm is what an origin is asked for.
func originForm(target string) string {
	_, rest, absolute := strings.Cut(target, "://app.test")
	switch {
	case !absolute:
		return target
	case strings.HasPrefix(rest, "/"):
		return rest
	}
	return "/" + rest
}

// gone holds when the client's connection has ended.
func gone(trace *flow.Trace) bool {
	return slices.ContainsFunc(trace.Conns, func(c *flow.Conn) bool { return c.Self == flow.Server && c.Close.Ended })
}

func TestFilterAnswers(t *testing.T) {
	policy := filter.Policy{DenyURL: []string{"bad"}, Max: filter.Max{Body: 5, Headers: map[string]int{"X": 1}}, Verbs: filter.Verbs{Deny: []string{"TRACE"}}}
	page := &Page{Type: "text/html; charset=utf-8", Body: NewText("no: {status} {incident}")}
	for _, test := range []struct {
		name  string
		tune  func(*Filtering)
		send  string
		want  int
		sub   int
		cause string
		body  string
	}{
		{"by the check", nil, "GET /bad HTTP/1.1\r\n", 404, 5, `the filter of site app refused it by deny_url (404.5): "bad" is in the URL: "bad" at byte 1 of the target`, ""},
		{"of the verb", nil, "TRACE / HTTP/1.1\r\n", 404, 6, `the filter of site app refused it by verbs (404.6): "TRACE" is in deny`, ""},
		{"of a field", nil, "GET / HTTP/1.1\r\nX: 12\r\n", 431, 0, "the filter of site app refused it by max.headers (431): the header X of 2 bytes is longer than 1", ""},
		{"of the length", nil, "POST / HTTP/1.1\r\nContent-Length: 6\r\n", 413, 1, "the filter of site app refused it by max.body (413.1): the request body of 6 bytes is longer than 5", ""},
		{"of the length, which 100 Continue does not come before", nil, "POST / HTTP/1.1\r\nContent-Length: 6\r\nExpect: 100-continue\r\n", 413, 1, "the filter of site app refused it by max.body (413.1): the request body of 6 bytes is longer than 5", ""},
		{"of a length that is not known", nil, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n", 413, 1, "the filter of site app refused it by max.body (413.1): the request body is longer than 5 bytes", ""},
		{"by a status", func(f *Filtering) { f.Status = 403 }, "GET /bad HTTP/1.1\r\n", 403, 5, `the filter of site app refused it by deny_url (404.5): "bad" is in the URL: "bad" at byte 1 of the target`, ""},
		{"by a page", func(f *Filtering) { f.Page = page }, "GET /%62ad HTTP/1.1\r\n", 404, 5, `the filter of site app refused it by deny_url (404.5): "bad" is in the URL: "%62ad" at byte 1 of the target, decoded once`, "no: 404 ID"},
		{"by a redirect", func(f *Filtering) { f.Redirect = NewText("/sorry?{uri}") }, "GET /bad?a=b HTTP/1.1\r\n", 302, 5, `the filter of site app refused it by deny_url (404.5): "bad" is in the URL: "bad" at byte 1 of the target`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := startOracle(t)
			f := &Filtering{Filter: filter.New(&policy)}
			if test.tune != nil {
				test.tune(f)
			}
			d := filtering(t, o, f)
			c := d.dial("app.test")
			method, _, _ := strings.Cut(test.send, " ")
			line, rest, _ := strings.Cut(test.send, "\r\n")
			c.send(line + "\r\nHost: app.test\r\n" + rest + "\r\n")
			res, body, err := c.receive(method)
			if err != nil || res.StatusCode != test.want {
				t.Fatalf("%v %v", res, err)
			}
			in := d.incident(res)
			if in.Cause != test.cause || in.SubStatus != test.sub {
				t.Errorf("%d, %q\nwant %d, %q", in.SubStatus, in.Cause, test.sub, test.cause)
			}
			if want := strings.ReplaceAll(test.body, "ID", in.ID); want != "" && body != want {
				t.Errorf("page %q, want %q", body, want)
			}
			if test.want == 302 && res.Header.Get("Location") != "/sorry?%2Fbad%3Fa%3Db" {
				t.Errorf("location %q", res.Header.Get("Location"))
			}
			if n := d.g.Metrics.Fired.All()["filter"]; n != 1 {
				t.Errorf("counted %d times", n)
			}
			c.Close()
			conn := clientConn(t, d.settled(gone))
			if x := conn.Exchanges[0]; x.SubStatus != test.sub || !has(conn, flow.Decision, "refuse: "+test.cause) {
				t.Errorf("sub-status %d, %v", x.SubStatus, conn.Events)
			}
		})
	}
}

// A filter that watches lets all pass, and says what it would have refused.
func TestFilterWatches(t *testing.T) {
	o := startOracle(t)
	d := filtering(t, o, &Filtering{Filter: filter.New(&filter.Policy{DenyURL: []string{"bad"}, Max: filter.Max{Body: 2}}), Watch: true})
	c := d.dial("app.test")
	for i, send := range []string{"GET /bad HTTP/1.1\r\nHost: app.test\r\n\r\n", "GET /good HTTP/1.1\r\nHost: app.test\r\n\r\n", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"} {
		c.send(send)
		if res, _, err := c.receive("GET"); err != nil || res.StatusCode != 200 {
			t.Fatalf("%d: %v %v", i, res, err)
		}
	}
	c.Close()
	conn := clientConn(t, d.settled(gone))
	if !has(conn, flow.Decision, `watch: the filter of site app would refuse this by deny_url (404.5): "bad" is in the URL: "bad" at byte 1 of the target`) || len(d.g.Incidents.All()) > 0 {
		t.Errorf("%v", conn.Events)
	}
	if fired := d.g.Metrics.Fired.All(); fired["filter-watch"] != 1 || fired["filter"] != 0 {
		t.Errorf("counted %v", fired)
	}
	if x := conn.Exchanges[0]; x.SubStatus != 0 {
		t.Errorf("sub-status %d of what passed", x.SubStatus)
	}
}

// A body of HTTP/2 that came whole before it was asked for is measured, too.
func TestBodyOfHTTP2IsMeasured(t *testing.T) {
	for name, tune := range map[string]func(*Site){
		"body-bytes": func(s *Site) { s.BodyBytes = 3 },
		"filter":     func(s *Site) { s.Filter = &Filtering{Filter: filter.New(&filter.Policy{Max: filter.Max{Body: 3}})} },
	} {
		t.Run(name, func(t *testing.T) {
			d := guarded(t, tune)
			s := d.speak2(t)
			var block bytes.Buffer
			enc := hpack.NewEncoder(&block)
			for _, f := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "app.test"}, {":path", "/x"}} {
				_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
			}
			var both bytes.Buffer // in one write, so that the body is there when the door looks
			framer := http2.NewFramer(&both, nil)
			_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
			_ = framer.WriteData(1, true, []byte("four"))
			_, _ = s.c.Write(both.Bytes())
			for {
				f, err := s.framer.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				if h, is := f.(*http2.MetaHeadersFrame); is {
					if got := h.PseudoValue("status"); got != "413" {
						t.Fatal(fmt.Sprint("status ", got))
					}
					break
				}
			}
			if n := d.g.Metrics.Fired.All()[name]; n != 1 {
				t.Errorf("%s fired %d times", name, n)
			}
		})
	}
}

// What a filter refuses in the head of a request does not get to the origin behind
// its body.
func TestFilterAndTrailers(t *testing.T) {
	for name, test := range map[string]struct {
		policy filter.Policy
		watch  bool
		pass   bool
	}{
		"denied":        {policy: filter.Policy{DenyHeaders: []string{"X-Evil"}}},
		"limited":       {policy: filter.Policy{Max: filter.Max{Headers: map[string]int{"X-Evil": 1}}}},
		"a rule":        {policy: filter.Policy{Rules: []filter.Rule{{Name: "r", Headers: []string{"X-Evil"}, Deny: []string{"bad"}}}}},
		"a rule, raw":   {policy: filter.Policy{Rules: []filter.Rule{{Name: "r", Raw: true, Deny: []string{"bad"}}}}},
		"watching":      {policy: filter.Policy{DenyHeaders: []string{"X-Evil"}}, watch: true, pass: true},
		"looks at URLs": {policy: filter.Policy{DenyURL: []string{"bad"}}, pass: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			d := newDoor(t)
			o := goOrigin(t, d, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				got <- r.Trailer.Get("X-Evil")
			}, "http/1.1")
			d.site(&Site{Name: "app", Filter: &Filtering{Filter: filter.New(&test.policy), Watch: test.watch}, Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
			c := d.dial("app.test")
			c.send("POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Evil\r\n\r\n3\r\nabc\r\n0\r\nX-Evil: bad\r\n\r\n")
			res, _, err := c.receive("POST")
			if err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			if v := <-got; (v == "bad") != test.pass {
				t.Errorf("the origin got %q", v)
			}
		})
	}
}
