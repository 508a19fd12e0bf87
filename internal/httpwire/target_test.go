package httpwire

import (
	"net/http"
	"testing"
)

func TestCleanPath(t *testing.T) {
	tests := []struct{ target, want string }{
		{"/", "/"},
		{"/a/b.txt?x=../y", "/a/b.txt"},
		{"*", "*"},
		{"http://a.example", "/"},
		{"http://a.example?q", "/"},
		{"http://a.example:80/x/../y?z", "/y"},
		{"//a//b/", "/a/b/"},
		{"/a/./b/../c", "/a/c"},
		{"/a/..", "/"},
		{"/a/.", "/a/"},
		{"/../../a", "/a"},
		{"/a/%2e%2E/b", "/b"},
		{"/a%20b/%e4%C3%A4+", "/a b/\xe4\xc3\xa4+"},
		{"/\xc3\xa4", "/\xc3\xa4"},
		{"/a%2fb", "/a%2Fb"},
		{`/a\b%5cc`, "/a%5Cb%5Cc"},
		{"/a%23b%3fc", "/a#b?c"},
		{"/a%252fb", "/a%2fb"},
		{"/.hidden/...", "/.hidden/..."},
		{"/a/?..", "/a/"},
	}
	for _, tt := range tests {
		if got, ok := CleanPath([]byte(tt.target)); got != tt.want || !ok {
			t.Errorf("CleanPath(%q) = %q, %v; want %q", tt.target, got, ok, tt.want)
		}
	}
	for _, target := range []string{
		"", "a", "a.example:443", "mailto:x", "/%", "/%4", "/%zz", "/%00", "/a\x00", "/%0a", "/\x7f", "/a#b",
		"/a/..%2fb", "/a%2f..", `/a/..\b`, "/a/%2e%2e%5cb", "/x%2f.%2fy", "/a/..%252Fb",
	} {
		if got, ok := CleanPath([]byte(target)); got != "" || ok {
			t.Errorf("CleanPath(%q) = %q, %v; want it refused", target, got, ok)
		}
	}
}

func TestSplitTarget(t *testing.T) {
	for target, want := range map[string][2]string{
		"/a/%2e?b?c":      {"/a/%2e", "b?c"},
		"/a?":             {"/a", ""},
		"https://h/a?b":   {"/a", "b"},
		"https://h?b":     {"", "b"},
		"/a?x=http://b/c": {"/a", "x=http://b/c"},
		"*":               {"*", ""},
		"h:443":           {"", ""},
	} {
		path, query := SplitTarget([]byte(target))
		if string(path) != want[0] || string(query) != want[1] {
			t.Errorf("SplitTarget(%q) = %q, %q", target, path, query)
		}
	}
	if _, query := SplitTarget([]byte("/a")); query != nil {
		t.Error("a query that is not there is not nil")
	}
	if _, query := SplitTarget([]byte("/a?")); query == nil {
		t.Error("an empty query is nil")
	}
}

func TestAuthority(t *testing.T) {
	for raw, want := range map[string]string{
		"GET / HTTP/1.1\r\nhost: a:1\r\n\r\n":              "a:1",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":            "a",
		"GET http://b:2/x HTTP/1.1\r\nHost: a\r\n\r\n":     "b:2",
		"CONNECT c:3 HTTP/1.1\r\nHost: a\r\n\r\n":          "c:3",
		"GET http://b:2?x=/ HTTP/1.1\r\nHost: b:2\r\n\r\n": "b:2",
		"GET / HTTP/1.0\r\n\r\n":                           "",
	} {
		if got := string(parsedRequest(t, raw).Authority()); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

func TestCleanPathAllocatesOnlyTheResult(t *testing.T) {
	target := []byte("/orders/2026/a-rather-long-name-of-a-page.html?x=y")
	if allocs := testing.AllocsPerRun(100, func() { _, _ = CleanPath(target) }); allocs != 1 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestAppend(t *testing.T) {
	if got := string(AppendRequestLine(nil, "GET", []byte("/a b\r\nX: y\x7f"))); got != "GET /a%20b%0D%0AX:%20y%7F HTTP/1.1\r\n" {
		t.Errorf("request line %q", got)
	}
	if got := string(AppendStatusLine(nil, 502, "")); got != "HTTP/1.1 502 \r\n" {
		t.Errorf("status line %q", got)
	}
	if got := string(AppendStatusLine([]byte("x"), 404, "Not\r\nFound")); got != "xHTTP/1.1 404 Not  Found\r\n" {
		t.Errorf("status line %q", got)
	}
	if got := string(AppendField(nil, "A", "b\r\nC: d\x00\t\xe4")); got != "A: b  C: d \t\xe4\r\n" {
		t.Errorf("field %q", got)
	}
	if got := string(AppendChunk(nil, []byte("0123456789"))) + string(AppendChunk(nil, nil)); got != "a\r\n0123456789\r\n" {
		t.Errorf("chunk %q", got)
	}
}

// net/http knows the same registry under some older names.
func TestStatusText(t *testing.T) {
	renamed := map[int]string{
		413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable",
		422: "Unprocessable Content", 418: "", // 418 is reserved
	}
	for status := range 1000 {
		want := http.StatusText(status)
		if name, ok := renamed[status]; ok {
			want = name
		}
		if got := StatusText(status); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
}
