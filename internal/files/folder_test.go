package files

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// longAgo is an mtime with a fraction, so that rounding faults show.
var longAgo = time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)

// tree makes a folder of files, all modified longAgo.
func tree(t testing.TB, files map[string]string) (dir string, folder *Folder) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, longAgo, longAgo); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, folder
}

// got is a response with its body read.
type got struct {
	*Response
	body string
}

func (g got) field(name string) string {
	for _, f := range g.Fields {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}

// open asks for path; fields are name, value, name, value.
func open(t testing.TB, f *Folder, method, path string, fields ...string) got {
	t.Helper()
	resp, err := f.Open(Request{Method: method, Path: path, Get: getter(fields...)})
	if err != nil {
		t.Fatalf("%s %q: %v", method, path, err)
	}
	return got{resp, read(t, resp)}
}

func getter(fields ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(fields); i += 2 {
			if fields[i] == name {
				return fields[i+1]
			}
		}
		return ""
	}
}

func read(t testing.TB, resp *Response) string {
	t.Helper()
	if resp.Body == nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read body: %v", err)
	}
	if int64(len(b)) != resp.Length {
		t.Fatalf("body has %d bytes, Length says %d", len(b), resp.Length)
	}
	return string(b)
}

func TestOpen(t *testing.T) {
	_, folder := tree(t, map[string]string{
		"a.txt":                     "hello",
		"index.html":                "<p>root",
		"docs/index.html":           "<p>docs",
		"a:b c/index.html":          "<p>colon",
		"bare/file.bin":             "x",
		"empty":                     "",
		".env":                      "secret",
		".git/config":               "secret",
		"docs/.well-known/x":        "not at the top",
		".well-known/security.txt":  "mail",
		".well-known/.hidden":       "secret",
		"odd/index.html/really.txt": "index is a folder",
	})
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/a.txt", 200, "hello"},
		{"GET", "//a.txt", 200, "hello"},
		{"GET", "/", 200, "<p>root"},
		{"GET", "/index.html", 200, "<p>root"},
		{"GET", "/docs/", 200, "<p>docs"},
		{"GET", "/docs", 308, ""},
		{"GET", "/bare/file.bin", 200, "x"},
		{"GET", "/bare", 404, ""},
		{"GET", "/bare/", 404, ""},
		{"GET", "/odd", 404, ""},
		{"GET", "/odd/", 404, ""},
		{"GET", "/empty", 200, ""},
		{"GET", "/nothing", 404, ""},
		{"GET", "/a.txt/", 404, ""},
		{"GET", "/a.txt/b", 404, ""},
		{"GET", "/.env", 404, ""},
		{"GET", "/.git/config", 404, ""},
		{"GET", "/docs/.well-known/x", 404, ""},
		{"GET", "/.well-known/security.txt", 200, "mail"},
		{"GET", "/.well-known/.hidden", 404, ""},
		{"GET", "/" + strings.Repeat("n", 300), 404, ""},
		{"GET", "", 404, ""},
		{"GET", "a.txt", 404, ""},
		{"HEAD", "/a.txt", 200, ""},
		{"POST", "/a.txt", 405, ""},
		{"OPTIONS", "/nothing", 405, ""},
		{"get", "/a.txt", 405, ""},
	}
	for _, tt := range tests {
		g := open(t, folder, tt.method, tt.path)
		if g.Status != tt.status || g.body != tt.body {
			t.Errorf("%s %q: %d %q, want %d %q", tt.method, tt.path, g.Status, g.body, tt.status, tt.body)
		}
		if g.Status >= 400 && (g.Why == "" || g.Body != nil) {
			t.Errorf("%s %q: refusal without a reason, or with a body: %+v", tt.method, tt.path, g)
		}
	}
}

func TestFields(t *testing.T) {
	_, folder := tree(t, map[string]string{"a.TXT": "hello", "b.woff2": "1", "c": "2"})
	g := open(t, folder, "HEAD", "/a.TXT")
	want := map[string]string{
		"Content-Type":           "text/plain; charset=utf-8",
		"X-Content-Type-Options": "nosniff",
		"ETag":                   `"17ccd493bd5b0715-5"`,
		"Last-Modified":          "Mon, 06 May 2024 07:08:09 GMT",
		"Accept-Ranges":          "bytes",
	}
	for name, value := range want {
		if g.field(name) != value {
			t.Errorf("%s: %q, want %q", name, g.field(name), value)
		}
	}
	if g.Length != 5 || len(g.Fields) != len(want) {
		t.Errorf("length %d, fields %v", g.Length, g.Fields)
	}
	if got := open(t, folder, "GET", "/b.woff2").field("Content-Type"); got != "font/woff2" {
		t.Errorf("b.woff2: %s", got)
	}
	if got := open(t, folder, "GET", "/c").field("Content-Type"); got != "application/octet-stream" {
		t.Errorf("c: %s", got)
	}
	if got := open(t, folder, "DELETE", "/c").field("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow: %q", got)
	}
}

func TestSlashRedirectIsRelative(t *testing.T) {
	_, folder := tree(t, map[string]string{"docs/index.html": "", "x/a:b ü%/index.html": ""})
	tests := []struct{ path, query, location string }{
		{"/docs", "", "./docs/"},
		{"/docs", "a=1&b=%20", "./docs/?a=1&b=%20"},
		{"//docs", "", "./docs/"},
		{"/x/a:b ü%", "", "./a:b%20%C3%BC%25/"},
	}
	for _, tt := range tests {
		resp, err := folder.Open(Request{Method: "GET", Path: tt.path, Query: tt.query, Get: getter()})
		if err != nil {
			t.Fatal(err)
		}
		if g := (got{resp, ""}); g.Status != 308 || g.field("Location") != tt.location {
			t.Errorf("%q ?%s: %d %q, want %q", tt.path, tt.query, g.Status, g.field("Location"), tt.location)
		}
	}
}

func TestNoWayOut(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret.txt")
	if err := os.WriteFile(secret, []byte("SECRET"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir, folder := tree(t, map[string]string{"a.txt": "inside", "sub/b.txt": "inside"})
	rel, err := filepath.Rel(dir, secret)
	if err != nil {
		t.Fatal(err)
	}
	links := map[string]string{
		"abs": secret, "rel": rel, "dir": outside, "sub/up": "../../", "loop": "loop",
		"good": "a.txt", "gooddir": "sub", "sub/back": "../a.txt",
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skipf("make symlinks: %v", err)
		}
	}
	refused := []string{
		"/abs", "/rel", "/dir/secret.txt", "/dir/", "/sub/up/a.txt", "/loop", "/loop/x",
		"/../secret.txt", "/..", "/sub/../../secret.txt", "/./a.txt", "/sub/..", "/...",
		"/..\\secret.txt", "/sub\\b.txt", "/a.txt\x00.html", "/\x00", secret[1:],
		"/%2e%2e/secret.txt", "/sub/.../b.txt",
	}
	for _, path := range refused {
		if g := open(t, folder, "GET", path); g.Status != 404 || g.body != "" {
			t.Errorf("%q: %d %q", path, g.Status, g.body)
		}
	}
	for _, path := range []string{"/good", "/gooddir/b.txt", "/sub/back"} {
		if g := open(t, folder, "GET", path); g.Status != 200 || g.body != "inside" {
			t.Errorf("%q: %d %q (%s), want the file inside", path, g.Status, g.body, g.Why)
		}
	}
}

func TestForbidden(t *testing.T) {
	dir, folder := tree(t, map[string]string{"locked.txt": "x"})
	if err := os.Chmod(filepath.Join(dir, "locked.txt"), 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(filepath.Join(dir, "locked.txt")); err == nil {
		f.Close()
		t.Skip("this user may read every file")
	}
	if g := open(t, folder, "GET", "/locked.txt"); g.Status != 403 {
		t.Errorf("locked.txt: %d", g.Status)
	}
}

func TestFolderReplaced(t *testing.T) {
	dir, folder := tree(t, map[string]string{"public/a.txt": "old"})
	public, err := New(filepath.Join(dir, "public"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "public")); err != nil {
		t.Fatal(err)
	}
	if _, err := public.Open(Request{Method: "GET", Path: "/a.txt", Get: getter()}); err == nil || !strings.Contains(err.Error(), "public") {
		t.Errorf("folder is gone: error %v, want one that names it", err)
	}
	if g := open(t, folder, "GET", "/public/a.txt"); g.Status != 404 {
		t.Errorf("file is gone: %d", g.Status)
	}
	if err := os.Mkdir(filepath.Join(dir, "public"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "public/a.txt"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if g := open(t, public, "GET", "/a.txt"); g.body != "new" {
		t.Errorf("folder was made again: %d %q", g.Status, g.body)
	}
}

func TestNew(t *testing.T) {
	dir, _ := tree(t, map[string]string{"a.txt": ""})
	for _, name := range []string{"a.txt", "nothing"} {
		_, err := New(filepath.Join(dir, name))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("New(%s): error %v, want one that names it", name, err)
		}
	}
}

func TestFileThatShrinks(t *testing.T) {
	dir, folder := tree(t, map[string]string{"a.bin": strings.Repeat("x", 1000)})
	for _, fields := range [][]string{nil, {"Range", "bytes=900-"}, {"Range", "bytes=0-1,900-"}} {
		resp, err := folder.Open(Request{Method: "GET", Path: "/a.bin", Get: getter(fields...)})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(dir, "a.bin"), 500); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != io.ErrUnexpectedEOF {
			t.Errorf("%v: error %v, want %v", fields, err, io.ErrUnexpectedEOF)
		}
		resp.Body.Close()
		if err := os.Truncate(filepath.Join(dir, "a.bin"), 1000); err != nil {
			t.Fatal(err)
		}
	}
}

func TestModifiedInTheFuture(t *testing.T) {
	dir, folder := tree(t, map[string]string{"a.txt": "x"})
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a.txt"), future, future); err != nil {
		t.Fatal(err)
	}
	g := open(t, folder, "GET", "/a.txt", "If-Modified-Since", future.Add(time.Hour).UTC().Format(httpDate))
	if g.Status != 200 || g.field("Last-Modified") != "" || g.field("ETag") == "" {
		t.Errorf("%d %v, want 200 with ETag and no Last-Modified", g.Status, g.Fields)
	}
}

func TestNoDescriptorLeaks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts /proc/self/fd")
	}
	_, folder := tree(t, map[string]string{"a.js": "x", "a.js.gz": "y", "a.js.br": "z", "d/index.html": "", "e/f": ""})
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	for _, path := range []string{"/a.js", "/d", "/d/", "/e", "/nothing", "/.x", "/a.js/"} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			for _, fields := range [][]string{
				nil, {"Accept-Encoding", "gzip, br"}, {"If-None-Match", "*"}, {"If-Match", `"no"`},
				{"Range", "bytes=0-0"}, {"Range", "bytes=9-"},
			} {
				open(t, folder, method, path, fields...)
			}
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors open, %d before", after, before)
	}
}
