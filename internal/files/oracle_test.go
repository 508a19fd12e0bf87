package files

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	oracleText = "The quick brown fox jumps over the lazy dog."
	oracleName = "fox.txt"
)

// oracle is what net/http's ServeContent answers for the same file and
// validators.
func oracle(t testing.TB, file *os.File, etag string, fields []string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", "/"+oracleName, nil)
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] != "" {
			r.Header.Set(fields[i], fields[i+1])
		}
	}
	w := httptest.NewRecorder()
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	http.ServeContent(w, r, oracleName, longAgo, file)
	return w.Result()
}

// parts reads a body, or all parts of a multipart one, into lines that can be
// compared whatever the boundary.
func parts(t testing.TB, contentType string, body io.Reader) string {
	t.Helper()
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "multipart/byteranges" {
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var out strings.Builder
	for r := multipart.NewReader(body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(p.Header.Get("Content-Type") + "|" + p.Header.Get("Content-Range") + "|" + string(b) + "\n")
	}
}

// TestAgainstServeContent tries every mixture of conditions with every range
// and wants the answers of net/http.
func TestAgainstServeContent(t *testing.T) {
	dir, folder := tree(t, map[string]string{oracleName: oracleText})
	file, err := os.Open(filepath.Join(dir, oracleName))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	etag := open(t, folder, "GET", "/"+oracleName).field("ETag")
	at := func(d time.Duration) string { return longAgo.Add(d).Format(httpDate) }
	tags := []string{"", etag, "W/" + etag, `"x"`, `"x", ` + etag, "*", "junk"}
	dates := []string{"", at(0), at(-time.Hour), at(time.Hour), "junk"}
	ranges := []string{
		"", "bytes=0-0", "bytes=4-8", "bytes=40-", "bytes=-4", "bytes=-400", "bytes=0-3,10-14", "bytes=10-14, 0-3",
		"bytes=0-3,500-", "bytes=500-", "bytes=500-,600-", "bytes=0-1,1-30,20-",
	}
	n := 0
	for _, ifMatch := range tags {
		for _, unmodified := range dates {
			for _, noneMatch := range tags {
				for _, modified := range dates {
					for _, rng := range ranges {
						n++
						compare(t, folder, file, etag, []string{
							"If-Match", ifMatch, "If-Unmodified-Since", unmodified, "If-None-Match", noneMatch,
							"If-Modified-Since", modified, "Range", rng, "If-Range", ifRangeFor(n, etag, at(0)),
						})
					}
				}
			}
		}
	}
}

// ifRangeFor spreads the values of If-Range over the mixtures.
func ifRangeFor(n int, etag, date string) string {
	values := []string{"", etag, "W/" + etag, `"x"`, date, "Mon, 06 May 2024 07:08:10 GMT", "junk"}
	return values[n%len(values)]
}

// mirrored are the fields both must agree on.
var mirrored = []string{"Content-Range", "ETag", "Last-Modified", "Accept-Ranges"}

func compare(t testing.TB, folder *Folder, file *os.File, etag string, fields []string) {
	t.Helper()
	want := oracle(t, file, etag, fields)
	resp, err := folder.Open(Request{Method: "GET", Path: "/" + oracleName, Get: getter(fields...)})
	if err != nil {
		t.Fatal(err)
	}
	ours := got{resp, read(t, resp)}
	if ours.Status != want.StatusCode {
		t.Fatalf("%q: %d, net/http says %d", fields, ours.Status, want.StatusCode)
	}
	if ours.Status >= 400 {
		if ours.field("Content-Range") != want.Header.Get("Content-Range") {
			t.Fatalf("%q: Content-Range %q, net/http says %q", fields, ours.field("Content-Range"), want.Header.Get("Content-Range"))
		}
		return
	}
	for _, name := range mirrored {
		if ours.field(name) != want.Header.Get(name) && ours.Status != 304 {
			t.Fatalf("%q: %s %q, net/http says %q", fields, name, ours.field(name), want.Header.Get(name))
		}
	}
	if a, b := parts(t, ours.field("Content-Type"), strings.NewReader(ours.body)), parts(t, want.Header.Get("Content-Type"), want.Body); a != b {
		t.Fatalf("%q: body %q, net/http says %q", fields, a, b)
	}
}

// FuzzRange holds parseRange to net/http wherever the two mean the same. The
// differences are wanted: what net/http refuses as malformed, or in an unknown
// unit, is ignored here (RFC 9110 section 14.2), as are overlapping parts; no
// bytes at the end (-0) is unsatisfiable; a number too large to hold is just large.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-3", "bytes=-5", "bytes=0-3,10-14", "bytes=44-", "bytes=43-43", "bytes=-0", "bytes= 1-2 ,3-3", "x=1-2"} {
		f.Add(seed)
	}
	dir, folder := tree(f, map[string]string{oracleName: oracleText})
	file, err := os.Open(filepath.Join(dir, oracleName))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { file.Close() })
	size := int64(len(oracleText))
	f.Fuzz(func(t *testing.T, field string) {
		spans, _ := parseRange(field, size)
		for _, s := range spans {
			if s.length < 1 || s.first < 0 || s.first+s.length > size {
				t.Fatalf("%q: part %v outside the file", field, s)
			}
		}
		g := open(t, folder, "GET", "/"+oracleName, "Range", field)
		if g.Status != 200 && g.Status != 206 && g.Status != 416 {
			t.Fatalf("%q: status %d", field, g.Status)
		}
		huge, nothing := strings.Contains(field, "99999"), strings.Contains(field, "-0")
		if g.Status == 206 && strings.HasPrefix(field, "bytes=") && !huge && !nothing {
			compare(t, folder, file, g.field("ETag"), []string{"Range", field})
		}
	})
}

// FuzzPath wants nothing from outside the folder and no dotfile, whatever the
// path.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/", "/a.txt", "/sub/", "/sub", "/../secret.txt", "/out/secret.txt", "/.env", "/sub/../.env", "/a.txt\x00", "/sub\\..\\.env",
		"/%2e%2e/secret.txt", "//sub//", "/.well-known/../.env", "/CON", "/out",
	} {
		f.Add(seed)
	}
	dir, _ := tree(f, map[string]string{
		"secret.txt": "SECRET", "www/a.txt": "public", "www/sub/index.html": "public", "www/.env": "SECRET", "www/.well-known/x": "public",
	})
	if err := os.Symlink("..", filepath.Join(dir, "www/out")); err != nil {
		f.Skipf("make a symlink: %v", err)
	}
	folder, err := New(filepath.Join(dir, "www"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		g := open(t, folder, "GET", path)
		switch g.Status {
		case 200:
			if g.body != "public" {
				t.Fatalf("%q gave %q", path, g.body)
			}
		case 308, 404:
			if g.body != "" {
				t.Fatalf("%q: %d with %q", path, g.Status, g.body)
			}
		default:
			t.Fatalf("%q: status %d", path, g.Status)
		}
	})
}
