package filter

import (
	"bytes"
	"strings"
	"testing"

	"fanlight/internal/httpwire"
)

// Other ways to write what is denied. What the door itself refuses before a
// filter is asked is not here; the gateway's tests have it.
func TestEvasions(t *testing.T) {
	f := New(&Policy{
		DenyURL: []string{"..", "/admin/"}, DenyQuery: []string{"<script", "union select"}, HiddenSegments: []string{"bin"},
		Extensions: Extensions{Deny: []string{".exe"}}, DenyHeaders: []string{"Lock-Token"}, Max: Max{Headers: map[string]int{"X-A": 5}},
		Allow: Allow{URLs: []string{"/health"}},
	})
	for request, want := range map[string]string{
		// Overlong UTF-8, as decoders before RFC 3629 took it.
		"/a/%c0%ae%c0%ae/b":                      "404.5 deny_url %c0%ae%c0%ae",
		"/a/%e0%80%ae%e0%80%ae/b":                "404.5 deny_url %e0%80%ae%e0%80%ae",
		"/a/%f0%80%80%ae%f0%80%80%ae/b":          "404.5 deny_url %f0%80%80%ae%f0%80%80%ae",
		"/a%c0%af%61dmin%c0%afb":                 "404.5 deny_url %c0%af%61dmin%c0%af",
		"/?q=%c0%bcscript":                       "404.18 deny_query %c0%bcscript",
		"/?q=%e0%80%bcscript":                    "404.18 deny_query %e0%80%bcscript",
		"/caf%c3%a9/%e2%82%ac/%f0%9f%98%80.html": "",
		// Fullwidth letters, as Windows maps them to code pages.
		"/?q=%uff1cscript":     "404.18 deny_query %uff1cscript",
		"/?q=%ef%bc%9cscript":  "404.18 deny_query %ef%bc%9cscript",
		"/a/%ef%bc%8e%uff0e/b": "404.5 deny_url %ef%bc%8e%uff0e",
		// %u.
		"/?q=%u003cscript": "404.18 deny_query %u003cscript",
		"/?q=%U003Cscript": "404.18 deny_query %U003Cscript",
		// Slashes of both kinds, doubled, and dot segments in between.
		`/x\admin\y`:          `404.5 deny_url \admin\`,
		"/x%5cadmin%5cy":      "404.5 deny_url %5cadmin%5c",
		"/x%2fadmin%2fy":      "404.5 deny_url %2fadmin%2f",
		"/./admin/./":         "404.5 deny_url /admin/",
		"/admin/.":            "404.5 deny_url /admin/",
		"//admin//x":          "404.5 deny_url /admin/",
		`/bin\x`:              "404.8 hidden_segments bin",
		`/a\bin`:              "404.8 hidden_segments bin",
		"/a/./bin/./x":        "404.8 hidden_segments bin",
		`http://h/admin/x`:    "404.5 deny_url /admin/",
		"http://h/?<script":   "404.18 deny_query <script",
		"HTTPS://h:1/a.exe?x": "404.7 extensions .exe",
		// What Windows drops at the end of a name, streams, parameters.
		"/a.exe.":                 "404.7 extensions .exe",
		"/a.exe%20":               "404.7 extensions .exe",
		"/a.exe%20.%20.":          "404.7 extensions .exe",
		"/a.exe::$DATA":           "404.7 extensions .exe",
		"/a.exe:x.txt":            "404.7 extensions .exe",
		"/a.exe;v=1.2":            "404.7 extensions .exe",
		"/a.exe;.jpg":             "404.7 extensions .exe",
		"/a.exe/./":               "404.7 extensions .exe",
		`/a.exe\x`:                "404.7 extensions .exe",
		"/a.exe%3b.jpg":           "404.7 extensions .exe",
		"/bin./x":                 "404.8 hidden_segments bin.",
		"/bin%20/x":               "404.8 hidden_segments bin%20",
		"/bin;a=b/x":              "404.8 hidden_segments bin;a=b",
		"/bin::$INDEX_ALLOCATION": "404.8 hidden_segments bin::$INDEX_ALLOCATION",
		// A plus is a blank in forms.
		"/?q=1+union+select+2":   "404.18 deny_query union+select",
		"/?q=1%20union+select":   "404.18 deny_query union+select",
		"/?q=1%2bunion%2bselect": "404.18 deny_query union%2bselect", // careful: decoded once it is a plus, too
		"/?q=1 union":            "",
		// Fields.
		"/\nLock_Token: x":    "404.10 deny_headers Lock_Token",
		"/\nX-A: 12\nX-A: 34": "431 max.headers",
		"/\nX_A: 123456":      "431 max.headers",
		// What is always allowed is that alone.
		"/health":            "",
		"/he%61lth":          "",
		"/health/../a.exe":   "404.7 extensions .exe",
		"/./health?<script":  "404.18 deny_query <script",
		"/health/?<script":   "404.18 deny_query <script",
		"/health;x?<script":  "404.18 deny_query <script",
		"/health%00?<script": "404.18 deny_query <script",
	} {
		if strings.Contains(request, " union") {
			continue // no request line
		}
		h := head(t, request)
		v, _ := f.Judge(h, 0)
		if got := told(v); got != want {
			t.Errorf("%q: %q, want %q", request, got, want)
		}
		placed(t, h, v)
	}
}

// In HTTP/2 a cookie may come in pieces, and there is no line of Host.
func TestHTTP2(t *testing.T) {
	f := New(&Policy{
		Verbs: Verbs{Deny: []string{"TRACE"}}, DenyURL: []string{".."}, Max: Max{Headers: map[string]int{"Cookie": 20}},
		Rules: []Rule{{Name: "raw", Raw: true, Deny: []string{"evil.test", "b=2; c"}}, {Name: "cookie", Headers: []string{"Cookie"}, Deny: []string{"drop"}}},
	})
	for _, c := range []struct {
		fields []string
		want   string
	}{
		{[]string{":method", "GET", ":path", "/", ":authority", "a.test"}, ""},
		{[]string{":method", "TRACE", ":path", "/", ":authority", "a.test"}, "404.6 verbs TRACE"},
		{[]string{":method", "GET", ":path", "/%2e%2e/x", ":authority", "a.test"}, "404.5 deny_url %2e%2e"},
		{[]string{":method", "GET", ":path", "/", ":authority", "evil.test"}, "404.19 rule raw evil.test"},
		{[]string{":method", "GET", ":path", "/", ":authority", "a.test", "cookie", "b=2", "cookie", "c=3"}, "404.19 rule raw b=2; c"},
		{[]string{":method", "GET", ":path", "/", ":authority", "a.test", "cookie", "b=1", "cookie", "c=DROP"}, "404.19 rule cookie DROP"},
		{[]string{":method", "GET", ":path", "/", ":authority", "a.test", "cookie", "b=1234567", "cookie", "c=123456789"}, "431 max.headers"},
	} {
		h := h2head(t, c.fields)
		v, _ := f.Judge(&h.Head, 0)
		if got := told(v); got != c.want {
			t.Errorf("%q: %q, want %q", c.fields, got, c.want)
		}
		placed(t, &h.Head, v)
	}
}

func h2head(t *testing.T, fields []string) *httpwire.H2Head {
	t.Helper()
	var block []byte
	fields = append([]string{":scheme", "https"}, fields...)
	for i := 0; i < len(fields); i += 2 {
		block = httpwire.AppendHPACK(block, fields[i], fields[i+1])
	}
	h := &httpwire.H2Head{}
	if err := h.ReadRequest(&httpwire.HPACKDecoder{}, block, httpwire.Limits{}); err != nil || len(h.Irregular) > 0 {
		t.Fatalf("%q: %v %v", fields, err, h.Irregular)
	}
	return h
}

func benign() *Policy {
	return &Policy{
		Verbs: Verbs{Allow: []string{"GET", "HEAD", "POST"}}, Extensions: Extensions{Deny: []string{".exe", ".bat", ".config"}},
		DenyURL: []string{"..", "./", `\`, ":", "%", "&"}, DenyQuery: []string{"<script", "union select"}, DenyHeaders: []string{"Translate", "If", "Lock-Token"},
		HiddenSegments: []string{"bin", "App_Data"}, DenyDoubleEscaping: true, DenyUnescaped: true, Max: Max{URL: 4096, Query: 2048, Body: 30000000, Headers: map[string]int{"Content-Type": 100}},
		Allow: Allow{URLs: []string{"/health"}}, Rules: []Rule{{Name: "sql", Extensions: []string{".html", ".asp"}, Query: true, Headers: []string{"Cookie"}, Deny: []string{"--", "drop table"}, DenyUnescaped: true}},
	}
}

const benignRequest = "/shop/item/caf%C3%A9/list.html?page=3&q=blue+shoes&sort=price%20asc\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\nAccept: text/html\nAccept-Encoding: gzip\nCookie: session=abcdefghijklmnopqrstuvwxyz; theme=dark"

func TestPassingAllocatesNothing(t *testing.T) {
	f, h := New(benign()), head(t, benignRequest)
	allocs := testing.AllocsPerRun(1000, func() {
		if v, _ := f.Judge(h, 0); v != nil {
			t.Fatal(v.Cause())
		}
	})
	if allocs > 0.1 && !raced { // a garbage collection may empty the pool
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkPass(b *testing.B) {
	f, h := New(benign()), head(b, benignRequest)
	b.ReportAllocs()
	for b.Loop() {
		if v, _ := f.Judge(h, 0); v != nil {
			b.Fatal(v.Cause())
		}
	}
}

// The automaton finds what a plain search finds, and what it says it found is
// there.
func FuzzSequences(f *testing.F) {
	f.Add("..\n./\n\\", "/a/../b")
	f.Add("aab\nab\nb", "aaaab")
	f.Add("%41b\nB", "xAB%41")
	f.Add("he\nshe\nhers", "USHERS")
	f.Fuzz(func(t *testing.T, list, text string) {
		if len(list) > 300 || len(text) > 2000 {
			return
		}
		var texts []string
		for w := range strings.SplitSeq(list, "\n") {
			if w != "" {
				texts = append(texts, w)
			}
		}
		entry, start, end, found := newSequences(texts).find([]byte(text))
		first := -1
		lowered := string(appendLower(nil, []byte(text)))
		for _, w := range texts {
			plain := string(appendLower(nil, decode(nil, []byte(w), nil)))
			if i := strings.Index(lowered, plain); i >= 0 && (first < 0 || i+len(plain) < first) {
				first = i + len(plain)
			}
		}
		if found != (first >= 0) || found && end != first {
			t.Fatalf("found %v at %d, a plain search at %d", found, end, first)
		}
		if found && lowered[start:end] != string(appendLower(nil, decode(nil, []byte(entry), nil))) {
			t.Fatalf("%q is not %q", text[start:end], entry)
		}
	})
}

// No request upsets the filter, and what it says stands where it says.
func FuzzJudge(f *testing.F) {
	for _, s := range statements() {
		for _, a := range s.asks {
			f.Add([]byte(a.request))
		}
	}
	strict := New(benign())
	loose := New(&Policy{DenyURL: []string{"/admin", ".."}, DenyQuery: []string{"a b", "<"}, Rules: []Rule{{Name: "r", URL: true, Query: true, Raw: true, Deny: []string{"x%00y", "é"}}}})
	f.Fuzz(func(t *testing.T, request []byte) {
		line, fields, _ := bytes.Cut(request, []byte("\n"))
		raw := append([]byte("GET "), line...)
		raw = append(append(append(raw, " HTTP/1.1\r\nHost: a\r\n"...), fields...), "\r\n\r\n"...)
		h := &httpwire.Head{}
		if _, err := h.ParseRequest(raw, httpwire.Limits{}); err != nil || len(h.Irregular) > 0 {
			return
		}
		for _, filter := range []*Filter{strict, loose} {
			v, _ := filter.Judge(h, 0)
			if v != nil && v.Cause() == "" {
				t.Error("no cause")
			}
			if v != nil && (v.Where == "URL" || v.Where == "query") {
				placed(t, h, v)
			}
		}
	})
}
