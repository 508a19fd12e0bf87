package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/testnet"
	"fanlight/internal/waf"
)

// judge is an engine that does what a test says, and remembers what it saw.
type judge struct {
	headers  func(*waf.Request) *waf.Interruption
	body     func(body []byte, more int64) *waf.Interruption
	response func(h *httpwire.Head) *waf.Interruption
	answer   func(body []byte) *waf.Interruption
	end      func() *waf.Verdict
	wants    bool

	keeps atomic.Int64 // bytes, while it waits

	mu     sync.Mutex
	saw    [][]byte // of bodies
	more   []int64
	phases []string
	ended  int
}

func (j *judge) Begin(r *waf.Request) waf.Transaction { return &judged{j: j, r: r} }
func (j *judge) Close() error                         { return nil }

func (j *judge) note(phase string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.phases = append(j.phases, phase)
}

func (j *judge) seen() (bodies [][]byte, more []int64, phases string, ended int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.saw, j.more, strings.Join(j.phases, " "), j.ended
}

type judged struct {
	j    *judge
	r    *waf.Request
	over *waf.Interruption
}

func (t *judged) Headers() *waf.Interruption {
	t.j.note("headers")
	if t.j.headers != nil {
		t.over = t.j.headers(t.r)
	}
	return t.over
}

func (t *judged) Body(body []byte, more int64) *waf.Interruption {
	t.j.note("body")
	t.j.mu.Lock()
	t.j.saw, t.j.more = append(t.j.saw, bytes.Clone(body)), append(t.j.more, more)
	t.j.mu.Unlock()
	if t.j.body != nil {
		t.over = t.j.body(body, more)
	}
	return t.over
}

func (t *judged) ResponseHeaders(h *httpwire.Head) *waf.Interruption {
	t.j.note("response-headers")
	if t.j.response != nil {
		t.over = t.j.response(h)
	}
	return t.over
}

func (t *judged) WantsResponseBody() bool { return t.j.wants }

func (t *judged) ResponseBody(body []byte) *waf.Interruption {
	t.j.note("response-body")
	if t.j.answer != nil {
		t.over = t.j.answer(body)
	}
	return t.over
}

func (t *judged) Idle() int { return int(t.j.keeps.Load()) }

func (t *judged) End() *waf.Verdict {
	t.j.mu.Lock()
	t.j.ended++
	t.j.mu.Unlock()
	if t.j.end != nil {
		return t.j.end()
	}
	return &waf.Verdict{Engine: "test", Interrupted: t.over}
}

// protected starts a door whose site has a WAF.
func protected(t *testing.T, peer *testnet.Origin, rule Protection, options ...doorOption) *door {
	t.Helper()
	d := newDoor(t, options...)
	if rule.Policy.BodyLimit == 0 {
		p := waf.Defaults()
		p.Mode, p.Responses, p.Partial = waf.Block, rule.Policy.Responses, rule.Policy.Partial
		rule.Policy = p
	}
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(d.to(peer, nil)), WAF: &rule}}}, "app.test")
	return d
}

func refusal(status int) *waf.Interruption {
	return &waf.Interruption{Status: status, Rule: 949110, Cause: "it scores too much"}
}

// What the WAF looked at reaches the origin as it came.
func TestInspectedBodiesPass(t *testing.T) {
	for _, two := range []bool{false, true} {
		for _, size := range []int{0, 1, 5000, 8 << 10, 100_000, 128 << 10, 128<<10 + 1, 300_000} {
			for _, unsized := range []bool{false, true} {
				j := &judge{}
				d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j, Policy: waf.Policy{Partial: true}})
				body := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
				var reader = bytes.NewReader(body)
				req, _ := http.NewRequest("POST", "https://app.test/", struct{ *bytes.Reader }{reader})
				req.Header.Set("Content-Type", "text/plain")
				if req.ContentLength = int64(size); unsized {
					req.ContentLength = -1
				}
				if size == 0 {
					req.Body = http.NoBody
				}
				res, err := d.visitor(two).Do(req)
				if err != nil {
					t.Fatal(two, size, unsized, err)
				}
				var got bytes.Buffer
				_, _ = got.ReadFrom(res.Body)
				res.Body.Close()
				sum := sha256.Sum256(body)
				if e := echoed(t, got.String()); e.BodyBytes != size || e.BodySHA256 != hex.EncodeToString(sum[:]) {
					t.Errorf("%v, %d bytes, unsized %v: the origin got %d bytes", two, size, unsized, e.BodyBytes)
				}
				saw, more, _, _ := j.seen()
				want := min(size, 128<<10)
				if len(saw) != 1 || !bytes.Equal(saw[0], body[:want]) || (more[0] != 0) != (size > want) {
					t.Errorf("%v, %d bytes, unsized %v: rules saw %d bytes, more %d", two, size, unsized, len(saw[0]), more)
				}
				d.settled(func(*flow.Trace) bool { return d.g.held.Load() == 0 })
			}
		}
	}
}

// An engine that fails never becomes an answer that nobody gave.
func TestEngineFails(t *testing.T) {
	boom := func() *waf.Interruption { panic("boom") }
	for name, j := range map[string]*judge{
		"headers":          {headers: func(*waf.Request) *waf.Interruption { return boom() }},
		"body":             {body: func([]byte, int64) *waf.Interruption { panic(errors.New("boom")) }},
		"end":              {end: func() *waf.Verdict { panic("boom") }},
		"response headers": {response: func(*httpwire.Head) *waf.Interruption { return boom() }},
		"response body":    {wants: true, answer: func([]byte) *waf.Interruption { return boom() }},
	} {
		for _, pass := range []bool{false, true} {
			t.Run(name+" pass "+strconv.FormatBool(pass), func(t *testing.T) {
				responses := strings.HasPrefix(name, "response")
				d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j, Pass: pass, Policy: waf.Policy{Responses: responses}})
				c := d.dial("app.test")
				c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\n\r\nabc")
				res, body, err := c.receive("POST")
				want := 500
				if pass {
					want = 200
				}
				if err != nil || res.StatusCode != want || len(body) == 0 {
					t.Fatal(res, body, err)
				}
				if !pass {
					contains(t, "cause", d.incident(res).Cause, "the WAF failed: ", "boom")
				}
				c.Close()
				trace := d.settled(clientOver)
				found := false
				for _, e := range clientConn(t, trace).Events {
					found = found || e.Kind == flow.Decision && e.Attr(flow.KeyBy) == "waf-failure" && strings.Contains(e.Text, "boom")
				}
				if !found || d.g.Metrics.Fired.All()["waf-failure"] != 1 {
					t.Errorf("not in the record, or not counted: %v\n%s", d.g.Metrics.Fired.All(), trace)
				}
			})
		}
	}
}

// A request that its head condemns is refused before its body is asked for.
func TestRefusedBeforeItsBody(t *testing.T) {
	j := &judge{headers: func(r *waf.Request) *waf.Interruption {
		if r.Target == "/bad" {
			return refusal(403)
		}
		return nil
	}}
	peer := testnet.Echo{}.Start(t)
	d := protected(t, peer, Protection{Engine: j})
	c := d.dial("app.test")
	c.send("POST /good HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	if lines := c.lines(); lines[0] != "HTTP/1.1 100 Continue" {
		t.Fatal(lines)
	}
	c.send("abc")
	res, body, err := c.receive("POST")
	if err != nil || res.StatusCode != 200 || echoed(t, body).BodyBytes != 3 {
		t.Fatal(res, body, err)
	}
	c.send("POST /bad HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	res, _, err = c.receive("POST")
	if err != nil || res.StatusCode != 403 {
		t.Fatal(res, err)
	}
	contains(t, "cause", d.incident(res).Cause, "the WAF refuses the request")
	if d.g.Metrics.Fired.All()["waf"] != 1 {
		t.Errorf("counted %v", d.g.Metrics.Fired.All())
	}
	if _, _, phases, ended := j.seen(); phases != "headers body headers" || ended != 2 {
		t.Errorf("phases %s, %d ended", phases, ended)
	}
}

// What the files in a form hold counts apart: rules do not read it.
func TestInspectedFiles(t *testing.T) {
	file := func(bytes int) string {
		return "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.jpg\"\r\n\r\n" + strings.Repeat("j", bytes) + "\r\n"
	}
	field := func(bytes int) string {
		return "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + strings.Repeat("v", bytes) + "\r\n"
	}
	const end, form = "--b--\r\n", "multipart/form-data; boundary=b"
	for _, test := range []struct {
		name, kind, body string
		refused          string // the cause
	}{
		{"a file", form, file(300_000) + end, ""},
		{"a file and a field", form, field(100_000) + file(300_000) + field(20_000) + end, ""},
		{"fields", form, file(300_000) + field(70_000) + field(70_000) + end, "more beside its files than the 131072 bytes that it looks at"},
		{"behind the end", form, file(1000) + end + strings.Repeat("x", 140_000), "more beside its files"},
		{"no form", "multipart/form-data", file(300_000) + end, "more beside its files"},
		{"not ended", form, strings.TrimSuffix(file(300_000), "\r\n"), ""},
		{"in all", form, file(2<<20) + end, "bytes that it takes with files"},
		{"of another type", "text/plain; x=multipart/form-data", file(300_000) + end, "longer than the 131072 bytes"},
		{"said twice", form + "\r\nContent-Type: application/json", file(300_000) + end, "longer than the 131072 bytes"},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				j := &judge{}
				policy := waf.Defaults()
				policy.Mode, policy.FilesLimit = waf.Block, 1<<20
				d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j, Policy: policy})
				c := d.dial("app.test")
				framing := "Content-Length: " + strconv.Itoa(len(test.body)) + "\r\n\r\n" + test.body
				if chunked {
					framing = "Transfer-Encoding: chunked\r\n\r\n" + strconv.FormatInt(int64(len(test.body)), 16) + "\r\n" + test.body + "\r\n0\r\n\r\n"
				}
				c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Type: " + test.kind + "\r\n" + framing)
				res, body, err := c.receive("POST")
				if err != nil {
					t.Fatal(err)
				}
				if test.refused != "" {
					if res.StatusCode != 413 {
						t.Fatal(res)
					}
					contains(t, "cause", d.incident(res).Cause, test.refused)
					return
				}
				if res.StatusCode != 200 || echoed(t, body).BodyBytes != len(test.body) {
					t.Fatal(res, body)
				}
				if saw, more, _, _ := j.seen(); len(saw) != 1 || string(saw[0]) != test.body || more[0] != 0 {
					t.Errorf("rules saw %d bytes, and %v more", len(saw[0]), more)
				}
			})
		}
	}
}

// Bodies that do not come, end early or are irregular end as without the WAF.
func TestInspectedBodyFaults(t *testing.T) {
	for _, test := range []struct {
		name, send, cause string
		status            int
	}{
		{"slow", "Content-Length: 10\r\n\r\nabc", "the request body did not arrive within", 408},
		{"bad chunk", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", "request body is irregular", 400},
		{"too long", "Content-Length: 200000\r\n\r\n", "request body of 200000 bytes is longer than the 131072 bytes that it looks at on route 1 of site app", 413},
		{"too long, chunked", "Transfer-Encoding: chunked\r\n\r\n20001\r\n" + strings.Repeat("x", 0x20001), "request body is longer than the 131072 bytes that it looks at on route 1 of site app", 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			j := &judge{end: func() *waf.Verdict {
				return &waf.Verdict{Engine: "test", Inbound: 5, Matches: []waf.Match{{Rule: 920420, Message: "odd", Score: 5}}}
			}}
			peer := testnet.Echo{}.Start(t)
			audited := make(chan string, 1)
			audit := func(j *Judged) { audited <- j.Decision }
			d := protected(t, peer, Protection{Engine: j, Audit: audit}, func(o *Options) { o.Limits.BodyTimeout = 300 * time.Millisecond })
			c := d.dial("app.test")
			c.send("POST / HTTP/1.1\r\nHost: app.test\r\n" + test.send)
			res, _, err := c.receive("POST")
			if err != nil || res.StatusCode != test.status {
				t.Fatal(res, err)
			}
			contains(t, "cause", d.incident(res).Cause, test.cause)
			c.Close()
			if trace := d.settled(clientOver); len(originConns(trace)) != 0 {
				t.Errorf("the origin was asked:\n%s", trace)
			}
			if _, _, _, ended := j.seen(); ended != 1 || d.g.held.Load() != 0 {
				t.Errorf("%d transactions ended, %d bytes are held", ended, d.g.held.Load())
			}
			d.settled(func(trace *flow.Trace) bool {
				return decided(trace, "unjudged: the WAF judged the head alone, which scores 5")
			})
			if said := <-audited; said != "unjudged" {
				t.Errorf("the audit says %q", said)
			}
		})
	}
	t.Run("client leaves", func(t *testing.T) {
		j := &judge{}
		d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j})
		c := d.dial("app.test")
		c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 20000))
		c.Close()
		d.settled(clientOver)
		if _, _, _, ended := j.seen(); ended != 1 || d.g.held.Load() != 0 {
			t.Errorf("%d transactions ended, %d bytes are held", ended, d.g.held.Load())
		}
	})
}

// The door holds so many bytes of bodies in all, and no more. Long ones leave room
// for a short one.
func TestHeldBodiesAreBounded(t *testing.T) {
	for _, pass := range []bool{false, true} {
		j := &judge{}
		d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j, Pass: pass}, func(o *Options) { o.Inspected = 64 << 10 })
		first := d.dial("app.test")
		first.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 30000\r\n\r\n" + strings.Repeat("x", 20000))
		d.settled(func(*flow.Trace) bool { return d.g.held.Load() == 32<<10 })
		second := d.dial("app.test")
		second.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000))
		res, body, err := second.receive("POST")
		if err != nil {
			t.Fatal(err)
		}
		if pass {
			if res.StatusCode != 200 || echoed(t, body).BodyBytes != 20000 {
				t.Error(res, body)
			}
		} else {
			if res.StatusCode != 503 {
				t.Fatal(res)
			}
			contains(t, "cause", d.incident(res).Cause, "limits.inspected")
		}
		d.settled(func(*flow.Trace) bool { return d.g.held.Load() == 32<<10 }) // what the second had is given back
		again := d.dial("app.test")
		again.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 30000\r\n\r\n" + strings.Repeat("x", 16000))
		d.settled(func(*flow.Trace) bool { return d.g.held.Load() == 48<<10 })
		short := d.dial("app.test")
		short.send("POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
		if res, _, err := short.receive("POST"); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		if d.g.Metrics.Fired.All()["waf-inspected"] != 1 {
			t.Errorf("counted %v", d.g.Metrics.Fired.All())
		}
		again.Close()
		first.send(strings.Repeat("x", 10000))
		if res, _, err := first.receive("POST"); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		d.settled(func(*flow.Trace) bool { return d.g.held.Load() == 0 })
	}
}

// Types that hold nothing to read are carried on as they come, and that is said.
func TestBodiesThatAreNotLookedAt(t *testing.T) {
	j := &judge{}
	d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j})
	c := d.dial("app.test")
	c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Type: image/png\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 200000))
	res, body, err := c.receive("POST")
	if err != nil || res.StatusCode != 200 || echoed(t, body).BodyBytes != 200000 {
		t.Fatal(res, err)
	}
	if saw, more, _, _ := j.seen(); len(saw[0]) != 0 || more[0] != 200000 {
		t.Errorf("rules saw %d bytes, more %d", len(saw[0]), more[0])
	}
	c.Close()
	if trace := d.settled(clientOver); !decided(trace, "the WAF does not look at a body of image/png") {
		t.Errorf("it is not said:\n%s", trace)
	}
}

// A WebSocket's handshake is judged, and then it is none of the WAF's business.
func TestInspectedWebSocket(t *testing.T) {
	j := &judge{wants: true}
	d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j, Policy: waf.Policy{Responses: true}})
	w := d.dial("app.test")
	w.upgrade()
	w.send("ping")
	got := make([]byte, 4)
	if _, err := w.r.Read(got); err != nil || string(got) != "ping" {
		t.Fatal(string(got), err)
	}
	w.Close()
	if _, _, phases, ended := j.seen(); phases != "headers body" || ended != 1 {
		t.Errorf("phases %s, %d ended", phases, ended)
	}
}

// Who asks for another protocol and sends a body with it is judged like anybody
// else: an origin that does not know the protocol reads the body.
func TestInspectedUpgradeWithBody(t *testing.T) {
	for _, framing := range []string{"Content-Length: 6\r\n\r\nattack", "Transfer-Encoding: chunked\r\n\r\n6\r\nattack\r\n0\r\n\r\n"} {
		for _, protocol := range []string{"websocket", "h2c", "x"} {
			j := &judge{wants: true,
				body: func(body []byte, _ int64) *waf.Interruption {
					if string(body) == "attack" {
						return refusal(403)
					}
					return nil
				},
				answer: func(body []byte) *waf.Interruption {
					if bytes.Contains(body, []byte("/leak")) {
						return refusal(403)
					}
					return nil
				}}
			d := protected(t, testnet.Raw{Responses: []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/leak"}}.Start(t), Protection{Engine: j, Policy: waf.Policy{Responses: true}})
			head := " / HTTP/1.1\r\nHost: app.test\r\nConnection: upgrade\r\nUpgrade: " + protocol + "\r\n"
			for _, request := range []string{"POST" + head + framing, "GET" + head + "\r\n"} {
				c := d.dial("app.test")
				c.send(request)
				res, body, err := c.receive("POST")
				if err != nil || res.StatusCode != 403 || strings.Contains(body, "leak") {
					t.Errorf("%q: %v %v %s", request, err, res, body)
				}
				c.Close()
			}
		}
	}
}

// Responses are held until they are judged; what is refused never leaves.
func TestInspectedResponses(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 100_000)
	for _, test := range []struct {
		name    string
		body    string
		kind    string
		secret  string // in what rules see: refused
		headers bool   // the head is refused
		status  int
		phases  string
	}{
		{"passes", "fine", "text/html", "", false, 200, "headers body response-headers response-body"},
		{"large", large, "text/html", "", false, 200, "headers body response-headers response-body"},
		{"refused", "a secret", "text/html", "secret", false, 403, "headers body response-headers response-body"},
		{"large, refused", "secret" + large, "text/html", "secret", false, 403, "headers body response-headers response-body"},
		{"behind what is seen", large + "secret", "text/html", "secret", false, 200, "headers body response-headers response-body"},
		{"head", "a secret", "text/html", "", true, 403, "headers body response-headers"},
		{"events", "data: secret\n\n", "text/event-stream", "secret", false, 200, "headers body response-headers response-body"},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := &judge{wants: true,
				response: func(h *httpwire.Head) *waf.Interruption {
					if test.headers && string(h.Get("Content-Type")) == "text/html" && h.Status == 200 {
						return refusal(403)
					}
					return nil
				},
				answer: func(body []byte) *waf.Interruption {
					if test.secret != "" && bytes.Contains(body, []byte(test.secret)) {
						return refusal(403)
					}
					return nil
				}}
			for _, two := range []bool{false, true} {
				j.phases = nil
				d := newDoor(t)
				p := waf.Defaults()
				p.Mode, p.Responses = waf.Block, true
				o := goOrigin(t, d, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", test.kind)
					_, _ = w.Write([]byte(test.body))
				}, "http/1.1")
				d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o), WAF: &Protection{Engine: j, Policy: p}}}}, "app.test")
				res, err := d.visitor(two).Get("https://app.test/")
				if err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				_, err = got.ReadFrom(res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != test.status || test.status == 200 && got.String() != test.body || test.status != 200 && strings.Contains(got.String(), "secret") {
					t.Errorf("HTTP/2 %v: %v, %d bytes, %v", two, res, got.Len(), err)
				}
				if _, _, phases, _ := j.seen(); phases != test.phases {
					t.Errorf("HTTP/2 %v: phases %s", two, phases)
				}
				d.settled(func(*flow.Trace) bool { return d.g.held.Load() == 0 })
				for class := range d.g.Metrics.Responses {
					want := int64(0)
					if class == test.status/100 {
						want = 1
					}
					if n := d.g.Metrics.Responses[class].Load(); n != want {
						t.Errorf("HTTP/2 %v: %d responses of class %d are counted, not %d", two, n, class, want)
					}
				}
				o.Close()
			}
		})
	}
}
