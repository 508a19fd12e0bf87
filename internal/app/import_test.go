package app

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fanlight/internal/config"
	"fanlight/internal/filter"
	"fanlight/internal/httpwire"
	"fanlight/internal/iisimport"
)

// TestImportedFiltersJudge imports whole files, reads what is printed as the filter
// of a site, and holds it to the verdicts that the documentation of the other
// program gives: what it refuses, by the sub-status that IIS has for the reason (0
// where it has none), and what it lets through (-1). Pages: UrlScan 3 Reference,
// UrlScan 2 Reference, and Request Filtering of the IIS configuration reference.
func TestImportedFiltersJudge(t *testing.T) {
	const passes = -1
	type ask struct {
		request string // METHOD TARGET, and field lines
		want    int
	}
	for _, file := range []struct {
		name string
		read func([]byte, iisimport.Answers) (*iisimport.Result, error)
		asks []ask
	}{
		{"urlscan-3.1.ini", iisimport.UrlScan, []ask{
			{"GET /", passes}, {"HEAD /index.htm", passes}, {"POST /form.asp", passes},
			{"PUT /a", 6}, {"get /", 6}, {"OPTIONS /", 6}, // allow list, letter case counts
			{"GET /cmd.exe", 7}, {"GET /CMD.EXE", 7}, {"GET /a.exe/x", 7}, {"GET /a.ida", 7}, {"GET /web.config", 7},
			{"GET /%63md.%65xe", 7},              // looked at decoded
			{"GET /a.htm?x=/b.exe", passes},      // the extension ends at the question mark
			{"GET /a/../b", 0}, {"GET /a./b", 5}, // more than one dot; the way up
			{"GET /a%5cb", 5}, {"GET /a:b", 5}, {"GET /a&b", 5}, // texts
			{"GET /%252e", 11}, {"GET /a%2525", 11}, // changes when decoded again
			{"GET /%c3%a9", 12}, {"GET /a.b/c.htm", 0}, // high bits; dots
			{"GET /a\nTranslate: f", 10}, {"GET /a\nif: x", 10}, // header fields, in any case
			{"GET /a\nLock-Token: <a>", 10}, {"GET /a\nX: y", passes},
			{"GET /" + strings.Repeat("a", 260), 14}, {"GET /" + strings.Repeat("a", 259), passes},
			{"GET /a?" + strings.Repeat("b", 2049), 15}, {"GET /a?" + strings.Repeat("b", 2048), passes},
			{"POST /a\nContent-Length: 30000001", 1}, {"POST /a\nContent-Length: 30000000", passes},
			{"GET /a?b=<c", 18}, {"GET /a?b=%3Cc", 18}, {"GET /a?b=c", passes}, // raw and decoded
		}},
		{"urlscan-2.5.ini", iisimport.UrlScan, []ask{
			{"GET /a?b=<c", passes}, // 2.5 looks at no query
			{"GET /cmd.exe", 7}, {"TRACE /", 6}, {"GET /a?" + strings.Repeat("b", 2049), 15},
		}},
		{"applicationHost.config", iisimport.RequestFiltering, []ask{
			{"GET /bin/a.dll", 8}, {"GET /BIN/", 8}, {"GET /binary/", passes}, {"GET /a/App_Data/x", 8},
			{"GET /a.config", 7}, {"GET /a.cs", 7}, {"GET /a.css", passes}, {"PUT /a", passes},
			{"GET /a%2525", 11}, {"GET /%c3%a9", passes}, {"GET /a.b/c.htm", passes}, {"GET /a&b", passes},
			{"GET /" + strings.Repeat("a", 4096), 14}, {"GET /a?" + strings.Repeat("b", 2049), 15}, {"POST /a\nContent-Length: 30000001", 1},
		}},
		{"web.config", iisimport.RequestFiltering, []ask{
			{"GET /", passes}, {"HEAD /", 6}, {"get /", 6}, {"TRACE /", 6}, // only what is listed
			{"GET /old.bak", 7}, {"GET /private/a", 8}, {"GET /a//b", 5}, {"GET /a..b", passes}, {"GET /c..d", 5},
			{"GET /%c3%a9", 12}, {"GET /a?q=%3Cscript", 18},
			{"POST /a\nContent-Type: " + strings.Repeat("a", 101), 0}, {"GET /a\nTranslate: f", 0}, // 431, which has none
			{"GET /a.asp?q=drop", 19}, {"GET /a.asp\nCookie: a--b", 19}, {"GET /a.htm?q=drop", passes},
			{"GET /a\nUser-Agent: a leech", 19}, {"GET /a\nUser-Agent: 50%", 19}, {"GET /a\nUser-Agent: a", passes},
		}},
	} {
		judge := importedFilter(t, file.name, file.read)
		for _, a := range file.asks {
			got := passes
			v := judge(a.request)
			if v != nil {
				got = v.SubStatus
			}
			if got != a.want {
				t.Errorf("%s: %.60q gives %d (%+v), want %d", file.name, a.request, got, v, a.want)
			}
		}
	}
}

// importedFilter makes a filter of what import prints of a file.
func importedFilter(t *testing.T, name string, read func([]byte, iisimport.Answers) (*iisimport.Result, error)) func(request string) *filter.Verdict {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "imports", name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := read(raw, nil)
	if err != nil || len(r.Open()) > 0 {
		t.Fatalf("%s: %v, open %v", name, err, r.Open())
	}
	yaml := "sites:\n  shop:\n    bind: [\"127.0.0.2:443 shop.test\"]\n    routes: [{path: /, files: .}]\n"
	for line := range strings.Lines(r.YAML(name)) {
		yaml += "    " + line
	}
	c, err := config.Parse(name, []byte(yaml))
	if err != nil || len(c.Faults) > 0 {
		t.Fatalf("%s: %v, %v\n%s", name, err, c, yaml)
	}
	f := filter.New(filterPolicy(c.Sites["shop"].Filter))
	return func(request string) *filter.Verdict {
		h := &httpwire.Head{}
		raw := strings.Replace(strings.ReplaceAll(request, "\n", "\r\n"), "\r\n", " HTTP/1.1\r\nHost: shop.test\r\n", 1)
		if !strings.Contains(request, "\n") {
			raw = request + " HTTP/1.1\r\nHost: shop.test"
		}
		if _, err := h.ParseRequest([]byte(raw+"\r\n\r\n"), httpwire.Limits{}); err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		length, _ := strconv.ParseInt(string(h.Get("Content-Length")), 10, 64) // 0 without a body
		v, _ := f.Judge(h, length)
		return v
	}
}
