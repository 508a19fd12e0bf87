package files

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPrecompressed(t *testing.T) {
	_, folder := tree(t, map[string]string{
		"both.js": "plain", "both.js.gz": "GZ", "both.js.br": "BR",
		"gz.css": "plain", "gz.css.gz": "GZ",
		"none.txt": "plain",
	})
	tests := []struct{ path, accept, coding, body string }{
		{"/both.js", "", "", "plain"},
		{"/both.js", "gzip", "gzip", "GZ"},
		{"/both.js", "x-gzip", "gzip", "GZ"},
		{"/both.js", "GZip;Q=1", "gzip", "GZ"},
		{"/both.js", "gzip, deflate, br, zstd", "br", "BR"},
		{"/both.js", "br;q=0.5, gzip;q=0.8", "gzip", "GZ"},
		{"/both.js", "br;q=0, gzip;q=0", "", "plain"},
		{"/both.js", "br;q=0, *", "gzip", "GZ"},
		{"/both.js", "*", "br", "BR"},
		{"/both.js", "*;q=0", "", "plain"},
		{"/both.js", "identity;q=1, gzip;q=0.5", "", "plain"},
		{"/both.js", "identity, gzip", "gzip", "GZ"},
		{"/both.js", "identity;q=0", "", "plain"},
		{"/both.js", "gzip;q=2", "", "plain"},
		{"/both.js", "gzip;q=nan, br;q=", "", "plain"},
		{"/both.js", ";;,,gzip;level=1,", "", "plain"},
		{"/gz.css", "br, gzip;q=0.1", "gzip", "GZ"},
		{"/gz.css", "br", "", "plain"},
		{"/none.txt", "gzip, br", "", "plain"},
	}
	for _, tt := range tests {
		g := open(t, folder, "GET", tt.path, "Accept-Encoding", tt.accept)
		if g.Status != 200 || g.field("Content-Encoding") != tt.coding || g.body != tt.body {
			t.Errorf("%s for %q: %d %q %q, want %q %q", tt.path, tt.accept, g.Status, g.field("Content-Encoding"), g.body, tt.coding, tt.body)
		}
		if varies := g.field("Vary") == "Accept-Encoding"; varies != (tt.path != "/none.txt") {
			t.Errorf("%s for %q: Vary %q", tt.path, tt.accept, g.field("Vary"))
		}
		if g.field("Content-Type") != open(t, folder, "GET", tt.path).field("Content-Type") {
			t.Errorf("%s for %q: Content-Type %q", tt.path, tt.accept, g.field("Content-Type"))
		}
	}
}

func TestFormsHaveTheirOwnETag(t *testing.T) {
	_, folder := tree(t, map[string]string{"a.js": "12", "a.js.gz": "34", "a.js.br": "56"})
	seen := map[string]string{}
	for _, accept := range []string{"identity", "gzip", "br"} {
		tag := open(t, folder, "GET", "/a.js", "Accept-Encoding", accept).field("ETag")
		if other, twice := seen[tag]; twice {
			t.Errorf("%s and %s share %s", accept, other, tag)
		}
		seen[tag] = accept
		g := open(t, folder, "GET", "/a.js", "Accept-Encoding", accept, "If-None-Match", tag)
		if g.Status != 304 || g.field("ETag") != tag || g.field("Vary") != "Accept-Encoding" || g.field("Content-Encoding") != "" {
			t.Errorf("%s again: %d %v", accept, g.Status, g.Fields)
		}
	}
}

// A client that holds the beginning of one form must never get the rest of
// another.
func TestRangesAreOfTheIdentityForm(t *testing.T) {
	_, folder := tree(t, map[string]string{"a.js": "0123456789", "a.js.gz": "ABCDEF"})
	plain := open(t, folder, "GET", "/a.js").field("ETag")
	zipped := open(t, folder, "GET", "/a.js", "Accept-Encoding", "gzip").field("ETag")
	tests := []struct {
		ifRange string
		status  int
		body    string
	}{
		{"", 206, "6789"},
		{plain, 206, "6789"},
		{zipped, 200, "0123456789"},
	}
	for _, tt := range tests {
		g := open(t, folder, "GET", "/a.js", "Accept-Encoding", "gzip", "Range", "bytes=6-", "If-Range", tt.ifRange)
		if g.Status != tt.status || g.body != tt.body || g.field("Content-Encoding") != "" || g.field("ETag") != plain {
			t.Errorf("If-Range %q: %d %q %v, want %d %q", tt.ifRange, g.Status, g.body, g.Fields, tt.status, tt.body)
		}
	}
	if g := open(t, folder, "HEAD", "/a.js", "Accept-Encoding", "gzip", "Range", "bytes=6-"); g.Status != 200 || g.Length != 6 {
		t.Errorf("HEAD ignores Range: %d, length %d", g.Status, g.Length)
	}
}

func TestStaleFormIsNotServed(t *testing.T) {
	dir, folder := tree(t, map[string]string{"a.js": "new", "a.js.gz": "old"})
	path := filepath.Join(dir, "a.js.gz")
	for _, tt := range []struct {
		before time.Duration
		body   string
	}{{0, "old"}, {100 * time.Millisecond, "old"}, {time.Second, "new"}} {
		if err := os.Chtimes(path, longAgo, longAgo.Add(-tt.before)); err != nil {
			t.Fatal(err)
		}
		if g := open(t, folder, "GET", "/a.js", "Accept-Encoding", "gzip"); g.body != tt.body {
			t.Errorf("older by %v: %q, want %q", tt.before, g.body, tt.body)
		}
	}
}
