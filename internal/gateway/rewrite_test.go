package gateway

import (
	"regexp"
	"strings"
	"testing"

	"fanlight/internal/httpwire"
)

func TestRewrite(t *testing.T) {
	query := func(text string) *Text { out := NewText(text); return &out }
	strip := &Rewrite{Strip: "/api"}
	move := &Rewrite{Strip: "/old/", Prefix: "/new"}
	item := &Rewrite{Pattern: regexp.MustCompile(`^/item/([^/]+)/(.*)$`), Replace: "/i/${2}/$1"}
	for _, test := range []struct {
		name   string
		w      *Rewrite
		target string
		want   string // empty: refused
	}{
		{"strip", strip, "/api/x?a=1", "/x?a=1"},
		{"strip all", strip, "/api", "/"},
		{"strip with a slash", strip, "/api/", "/"},
		{"no whole segment", strip, "/apiary/x", "/apiary/x"},
		{"not there", strip, "/x/api/y", "/x/api/y"},
		{"escaped prefix", strip, "/%61pi/x", "/x"},
		{"dot segments first", strip, "/x/../api//y/./z/..", "/y/"},
		{"absolute form", strip, "http://app.test/api/x", "/x"},
		{"asterisk", strip, "*", "*"},
		{"empty query stays", strip, "/api/x?", "/x?"},
		{"query is not touched", strip, "/api/x?u=/api/../%2e%00", "/x?u=/api/../%2e%00"},
		{"move", move, "/old/x", "/new/x"},
		{"move the folder", move, "/old", "/new"},
		{"prefix alone", &Rewrite{Prefix: "/in%20side"}, "/x/", "/in%20side/x/"},
		{"replace", item, "/item/7/a/b", "/i/a/b/7"},
		{"replace nothing", item, "/items/7", "/items/7"},
		{"replace all", &Rewrite{Pattern: regexp.MustCompile("a+"), Replace: "b"}, "/aaxa/a", "/bxb/b"},
		{"no slash at first", &Rewrite{Pattern: regexp.MustCompile("^/x"), Replace: ""}, "/xy", "/y"},
		{"two slashes at first", &Rewrite{Pattern: regexp.MustCompile("^/x"), Replace: "/"}, "/x/y.example/z", "/y.example/z"},
		{"longer than anybody reads", &Rewrite{Pattern: regexp.MustCompile("a"), Replace: strings.Repeat("b", 1000)}, "/" + strings.Repeat("a", 100), ""},
		{"drop the query", &Rewrite{Strip: "/api", Query: query("")}, "/api/x?a=1", "/x"},
		{"set the query", &Rewrite{Query: query("from={path}&{query}")}, "/a%20b?c=d&e", "/a%20b?from=%2Fa%2520b&c=d&e"},

		// What could lead a route astray stays what it was, or is refused.
		{"encoded slash", strip, "/api/a%2fb", "/a%2Fb"},
		{"encoded slash behind the prefix", strip, "/api%2fadmin", "/api%2Fadmin"},
		{"encoded twice", strip, "/api/a%252fb", "/a%252fb"},
		{"encoded percent", strip, "/api/%2541", "/%2541"},
		{"encoded question mark", strip, "/api/a%3fb=c", "/a%3Fb=c"},
		{"encoded number sign", strip, "/api/a%23b", "/a%23b"},
		{"encoded semicolon", strip, "/api/a%3bb;c", "/a%3Bb;c"},
		{"backslash", strip, `/api/a\b`, "/a%5Cb"},
		{"dots behind an encoded slash", strip, "/api/..%2fadmin", ""},
		{"dots encoded", strip, "/api/%2e%2e/%2e%2e/etc", "/etc"},
		{"NUL", strip, "/api/%00", ""},
		{"encoded slash in a group", item, "/item/a%2Fb/c", "/i/c/a%2Fb"},
		{"percent in a group", item, "/item/%252e%252e/c", "/i/c/%252e%252e"},
		{"blank in a group", item, "/item/a%20b/c", "/i/c/a%20b"},
		{"a match inside of an escape", &Rewrite{Pattern: regexp.MustCompile("2F"), Replace: "5C"}, "/a%2Fb", ""},
		{"dots that come of replacing", &Rewrite{Pattern: regexp.MustCompile("x"), Replace: ""}, "/a/.x./admin", "/admin"},
		{"dots and an encoded slash that come of replacing", &Rewrite{Pattern: regexp.MustCompile("x"), Replace: ""}, "/a/.x.%2Fadmin", ""},
	} {
		req := requested(t, "GET", "/")
		path, ok := httpwire.CleanPath([]byte(test.target))
		if test.target == "*" {
			req = requested(t, "OPTIONS", "*")
		} else if ok {
			req = requested(t, "GET", test.target)
		}
		if req.Path != path && ok {
			t.Fatal(req.Path, path)
		}
		if !ok {
			if test.want != "" {
				t.Errorf("%s: %s was refused before", test.name, test.target)
			}
			continue // the connection machine refuses it
		}
		got, ok := test.w.target(&facts{req: req})
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %s becomes %q, %v; want %q", test.name, test.target, got, ok, test.want)
		}
	}
}

// FuzzRewrite holds that what is sent after a prefix was taken off is the path
// that was judged, less the prefix.
func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{"/api/x", "/api%2f..%2f", "/api/%2e%2e/x", "/a/../api/y;z", "/api/%252e%252e%255c", `/api\x`} {
		f.Add(seed)
	}
	w := &Rewrite{Strip: "/api"}
	f.Fuzz(func(t *testing.T, target string) {
		h := &httpwire.Head{}
		n, err := h.ParseRequest([]byte("GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n"), httpwire.Limits{})
		clean, ok := httpwire.CleanPath(h.Bytes(h.Target))
		if n == 0 || err != nil || !ok || clean == "*" {
			return
		}
		req := requested(t, "GET", "/")
		req.Head, req.Path, req.Target = h, clean, string(h.Bytes(h.Target))
		got, ok := w.target(&facts{req: req})
		if !ok {
			t.Fatalf("%q was refused", target)
		}
		sent, ok := httpwire.CleanPath([]byte(got))
		want := clean
		if clean == "/api" {
			want = "/"
		} else if len(clean) > 4 && clean[:5] == "/api/" {
			want = clean[4:]
		}
		if again, _ := httpwire.CleanPath([]byte(got)); !ok || sent != want || again != sent {
			t.Fatalf("%q is %q, sent is %q, which is %q; want %q", target, clean, got, sent, want)
		}
	})
}
