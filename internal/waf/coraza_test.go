package waf

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/httpwire"
)

// ask sends one request, as it stands on the wire, past an engine.
func ask(t *testing.T, e Engine, raw, body string) (*Interruption, *Verdict) {
	t.Helper()
	return askPart(t, e, raw, body, 0)
}

// askPart does so with a body of which more follows.
func askPart(t *testing.T, e Engine, raw, body string, more int64) (*Interruption, *Verdict) {
	t.Helper()
	var h httpwire.Head
	if _, err := h.ParseRequest([]byte(raw), httpwire.Limits{}); err != nil {
		t.Fatal(err)
	}
	tx := e.Begin(&Request{Client: netip.MustParseAddrPort("192.0.2.10:50000"), Server: netip.MustParseAddrPort("192.0.2.1:443"),
		Method: string(h.Bytes(h.Method)), Target: string(h.Bytes(h.Target)), Protocol: "HTTP/1.1", Host: string(h.Get("Host")), Head: &h})
	by := tx.Headers()
	if by == nil {
		by = tx.Body([]byte(body), more)
	}
	return by, tx.End()
}

func ids(v *Verdict) (out []int) {
	for i := range v.Matches {
		out = append(out, v.Matches[i].Rule)
	}
	return out
}

// bothEngines runs a test with each of the engines.
func bothEngines(t *testing.T, test func(t *testing.T, make func(func(*Policy)) Engine)) {
	for _, plain := range []bool{true, false} {
		name := map[bool]string{true: "coraza", false: "plan"}[plain]
		t.Run(name, func(t *testing.T) {
			test(t, func(change func(*Policy)) Engine {
				p := Defaults()
				p.Mode, p.Coraza = Block, plain
				if change != nil {
					change(&p)
				}
				e, err := New(&p)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { e.Close() })
				return e
			})
		})
	}
}

func engine(t *testing.T, change func(*Policy)) Engine {
	t.Helper()
	p := Defaults()
	p.Mode = Block
	if change != nil {
		change(&p)
	}
	e, err := newCoraza(&p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

const head = "Host: app.test\r\nUser-Agent: test\r\nAccept: */*\r\n"

func TestCoraza(t *testing.T) {
	e := engine(t, nil)
	by, v := ask(t, e, "GET /?q=1%27+OR+%271%27%3D%271 HTTP/1.1\r\n"+head+"\r\n", "")
	t.Logf("%+v %+v", by, v)
	if by == nil || by.Status != 403 || !slices.Contains(ids(v), 942100) || v.Inbound < 5 {
		t.Errorf("got %+v, %v, score %d", by, ids(v), v.Inbound)
	}
}

// A value is told as it stood, with each step to what was compared.
func TestTellsHow(t *testing.T) { bothEngines(t, testTellsHow) }

func testTellsHow(t *testing.T, make func(func(*Policy)) Engine) {
	e := make(nil)
	_, v := ask(t, e, "GET /?a=1&q=one&q=%2526lt%3bSCRIPT%3Ealert(1)%3C/script%3e HTTP/1.1\r\n"+head+"\r\n", "")
	i := slices.IndexFunc(v.Matches, func(m Match) bool { return m.Rule == 941110 })
	if i < 0 {
		t.Fatalf("got %v", ids(v))
	}
	h := v.Matches[i].Hits[0]
	if h.Target() != "ARGS:q" || !h.Known || h.Before != "%26lt;SCRIPT>alert(1)</script>" || len(h.Steps) == 0 || h.Steps[len(h.Steps)-1].Value != h.Value || !strings.HasPrefix(h.Value, "<script>") && !strings.HasPrefix(h.Value, "<SCRIPT>") {
		t.Errorf("got %+v", h)
	}
}

func TestExclusions(t *testing.T) { bothEngines(t, testExclusions) }

func testExclusions(t *testing.T, make func(func(*Policy)) Engine) {
	const attack = "id=1' OR '1'='1&comment=1' OR '1'='1"
	post := func(target, host, method string) string {
		return method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: test\r\nAccept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 38\r\n\r\n"
	}
	form := strings.NewReplacer("'", "%27", " ", "+").Replace(attack)
	for _, test := range []struct {
		name      string
		exclusion Exclusion
		request   string
		found     []string // targets of rule 942100
	}{
		{"other rule", Exclusion{Rule: "941100"}, post("/", "app.test", "POST"), []string{"ARGS:comment", "ARGS:id"}},
		{"rule", Exclusion{Rule: "942100"}, post("/", "app.test", "POST"), nil},
		{"range", Exclusion{Rule: "942100-942199"}, post("/", "app.test", "POST"), nil},
		{"tag", Exclusion{Rule: "tag:attack-sqli"}, post("/", "app.test", "POST"), nil},
		{"target", Exclusion{Rule: "942100", Target: "ARGS:comment"}, post("/", "app.test", "POST"), []string{"ARGS:id"}},
		{"target of a range", Exclusion{Rule: "942000-942999", Target: "ARGS:id"}, post("/", "app.test", "POST"), []string{"ARGS:comment"}},
		{"target of a tag", Exclusion{Rule: "tag:attack-sqli", Target: "ARGS:id"}, post("/", "app.test", "POST"), []string{"ARGS:comment"}},
		{"path", Exclusion{Rule: "942100", Path: "/blog/"}, post("/blog/x", "app.test", "POST"), nil},
		{"encoded path", Exclusion{Rule: "942100", Path: "/blog/"}, post("/bl%6fg/x", "app.test", "POST"), nil},
		{"other path", Exclusion{Rule: "942100", Path: "/blog/"}, post("/", "app.test", "POST"), []string{"ARGS:comment", "ARGS:id"}},
		{"path that leaves", Exclusion{Rule: "942100", Path: "/blog/"}, post("/blog/../x", "app.test", "POST"), []string{"ARGS:comment", "ARGS:id"}},
		{"path that leaves, encoded", Exclusion{Rule: "942100", Path: "/blog/"}, post("/blog/%2e%2e/x", "app.test", "POST"), []string{"ARGS:comment", "ARGS:id"}},
		{"exact", Exclusion{Rule: "942100", Exact: "/blog/x"}, post("/b%6cog/./x?y", "app.test", "POST"), nil},
		{"the root", Exclusion{Rule: "942100", Exact: "/"}, post("/?y", "app.test", "POST"), nil},
		{"below an exact one", Exclusion{Rule: "942100", Exact: "/"}, post("/blog/x", "app.test", "POST"), []string{"ARGS:comment", "ARGS:id"}},
		{"with a slash behind", Exclusion{Rule: "942100", Exact: "/blog"}, post("/blog/", "app.test", "POST"), []string{"ARGS:comment", "ARGS:id"}},
		{"host", Exclusion{Rule: "942100", Host: "App.test"}, post("/", "app.TEST:8443", "POST"), nil},
		{"other host", Exclusion{Rule: "942100", Host: "app.test"}, post("/", "b.test", "POST"), []string{"ARGS:comment", "ARGS:id"}},
		{"all that is said", Exclusion{Rule: "942100", Target: "ARGS:id", Host: "app.test", Path: "/a", Method: "POST"}, post("/a", "app.test", "POST"), []string{"ARGS:comment"}},
		{"other method", Exclusion{Rule: "942100", Host: "app.test", Path: "/a", Method: "PUT"}, post("/a", "app.test", "POST"), []string{"ARGS:comment", "ARGS:id"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := make(func(p *Policy) { p.Exclusions = []Exclusion{{Rule: "920350"}, test.exclusion} })
			_, v := ask(t, e, test.request, form)
			var found []string
			for _, m := range v.Matches {
				for _, h := range m.Hits {
					if m.Rule == 942100 {
						found = append(found, h.Target())
					}
				}
			}
			slices.Sort(found)
			if !slices.Equal(found, test.found) {
				t.Errorf("found in %q, want %q", found, test.found)
			}
		})
	}
}

// What cannot be read as what it says it is is refused, unless it was cut.
func TestOwnRules(t *testing.T) { bothEngines(t, testOwnRules) }

func testOwnRules(t *testing.T, make func(func(*Policy)) Engine) {
	post := func(kind string) string {
		return "POST / HTTP/1.1\r\n" + head + "Content-Type: " + kind + "\r\nContent-Length: 10\r\n\r\n"
	}
	parts := "--x\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--x--\r\n"
	many := "a=1" + strings.Repeat("&a=1", 1001)
	engines := map[Mode]Engine{Block: make(nil), Watch: make(func(p *Policy) { p.Mode = Watch })}
	for _, test := range []struct {
		name, request, body string
		more                int64
		rule                int
	}{
		{"json", post("application/json"), `{"a": 1}`, 0, 0},
		{"broken json", post("application/json"), `{"a": `, 0, 200002},
		{"cut json", post("application/json"), `{"a": `, 5, 0},
		{"broken json, other name", post("application/ld+json"), `{"a": `, 0, 200002},
		{"broken xml", post("text/xml"), `<a></b>`, 0, 200002},
		{"xml", post("application/soap+xml"), `<a>1</a>`, 0, 0},
		{"two names", post("multipart/form-data; boundary=x"), parts, 0, 200003},
		{"many in the body", post("application/x-www-form-urlencoded"), many, 0, 200005},
		{"many in the target", "GET /?" + many + " HTTP/1.1\r\n" + head + "\r\n", "", 0, 200004},
		{"no URI", "GET /a%zz HTTP/1.1\r\n" + head + "\r\n", "", 0, 200009},
	} {
		for mode, e := range engines {
			by, v := askPart(t, e, test.request, test.body, test.more)
			got := 0
			if v.Interrupted != nil {
				got = v.Interrupted.Rule
			}
			if got != test.rule || by != nil && (mode == Watch || by.Status != 400) || by == nil && test.rule != 0 && mode == Block {
				t.Errorf("%s: %d by %+v, want %d (%v)", test.name, got, by, test.rule, ids(v))
			}
		}
	}
}

func TestLooksAt(t *testing.T) {
	for kind, want := range map[string]bool{
		"image/png": false, "Application/Octet-Stream ; x=y": false, "application/grpc+proto": false, "font/woff2": false,
		"": true, "application/json": true, "text/csv": true, "application/x-unknown": true, "image": true, "application/vnd.rar2": true,
		"audio/mpeg": true, // it is asked for
	} {
		if _, got := LooksAt([]byte(kind), []string{"audio/*"}); got != want {
			t.Errorf("%q: looked at %v", kind, got)
		}
	}
}

func TestInvalidPolicies(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"paranoia":  func(p *Policy) { p.Paranoia = 5 },
		"detect":    func(p *Policy) { p.Paranoia, p.Detect = 2, 1 },
		"threshold": func(p *Policy) { p.Inbound = 0 },
		"limit":     func(p *Policy) { p.BodyLimit = 0 },
		"quote":     func(p *Policy) { p.Exclusions = []Exclusion{{Rule: "942100", Path: `/a"`}} },
		"macro":     func(p *Policy) { p.Exclusions = []Exclusion{{Rule: "942100", Path: `/%{TX.a}`}} },
		"no rule":   func(p *Policy) { p.Exclusions = []Exclusion{{Path: `/`}} },
	} {
		p := Defaults()
		if change(&p); p.valid() == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func TestEnginesAreShared(t *testing.T) {
	var engines Engines
	p := Defaults()
	first, err := engines.Get(&p)
	if err != nil {
		t.Fatal(err)
	}
	q := Defaults()
	if same, err := engines.Get(&q); err != nil || same != first {
		t.Errorf("two sites of one policy have two engines, %v", err)
	}
	q.Exclusions = []Exclusion{{Rule: "942100"}}
	other, err := engines.Get(&q)
	if err != nil || other == first || engines.Len() != 2 {
		t.Errorf("another policy: %v, %d engines", err, engines.Len())
	}
	engines.Keep(map[Engine]bool{other: true})
	if again, _ := engines.Get(&q); again != other || engines.Len() != 1 {
		t.Errorf("%d engines are left", engines.Len())
	}
}
