package archive

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"fanlight/internal/testnet"
)

// TestReadHAR: the parts of a browser's export, as a trace. What it cannot say
// is not there.
func TestReadHAR(t *testing.T) {
	f, err := os.Open("testdata/shop.har")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tr, err := ReadHAR(f, "shop.har")
	if err != nil {
		t.Fatal(err)
	}
	testnet.Golden(t, "testdata/shop.flow", tr.String())
	for _, c := range tr.Conns {
		if c.Close.Ended || c.TLS != nil || c.Client.IsValid() {
			t.Errorf("%s: more is known than an archive says", c.ID)
		}
	}
}

func TestReadHARFaults(t *testing.T) {
	entry := func(started, url string) string {
		return `{"log":{"entries":[{"startedDateTime":"` + started + `","request":{"method":"GET","url":"` + url + `"},"response":{"status":200}}]}}`
	}
	for text, want := range map[string]string{
		``:                      "read HAR: EOF",
		`{"log":{"entries":[`:   "unexpected EOF",
		`{"entries":[]}`:        "it has no log",
		`{"log":{"entries":7}}`: "7 at byte 19: expected [",
		`{"log":{"entries":[{"request":{"headers":7}}]}}`:                   "expected [",
		`{"log":{"entries":[` + strings.Repeat("{},", maxEntries) + `{}]}}`: `entry 1: read startedDateTime ""`,
		`{"log":{"x":` + strings.Repeat("[", 1<<20):                         "max depth",
		entry("noon", "https://a.test"):                                     `entry 1: read startedDateTime "noon"`,
		entry("2026-11-21T10:00:00Z", "https://user:secret@[/"):             "entry 1: read url",
	} {
		_, err := ReadHAR(strings.NewReader(text), "x.har")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got error %v, want %q", text, err, want)
		}
	}
	if _, err := ReadHAR(strings.NewReader(entry("2026-11-21T10:00:00Z", "https://a.test")), "x.har"); err != nil {
		t.Errorf("a whole one: %v", err)
	}
}

// TestHostileHAR: what an archive holds too much of costs no memory, and what it
// says makes no line of its own.
func TestHostileHAR(t *testing.T) {
	const times = 1 << 20
	text := func(fields, more string) string {
		return `{"Log":{"entries":[{"startedDateTime":"2026-11-21T10:00:00Z","request":{"method":"GET\nconn 9","url":"https://a.test/","headers":[` +
			fields + `]},"response":{"status":200}}` + more + `]}}`
	}
	var before, after runtime.MemStats
	for name, in := range map[string]string{
		"fields":  text(`{}`+strings.Repeat(",{}", times), ""),
		"entries": text("", strings.Repeat(",{}", times)),
	} {
		runtime.ReadMemStats(&before)
		tr, err := ReadHAR(strings.NewReader(in), "x.har")
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 100*times {
			t.Errorf("%s: %d bytes allocated for %d", name, took, len(in))
		}
		if name == "fields" && (err != nil || !strings.HasPrefix(tr.Conns[0].Exchanges[0].Method, "GET") || strings.Contains(tr.String(), "\nconn")) {
			t.Errorf("%s: error %v, %s", name, err, tr)
		}
	}
}

func TestVersion(t *testing.T) {
	for in, want := range map[string]string{"HTTP/1.1": "1.1", "http/2.0": "2", "h2": "2", "h3": "3", "HTTP/3": "3", "unknown": "", "": ""} {
		if got := version(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func FuzzReadHAR(f *testing.F) {
	raw, err := os.ReadFile("testdata/shop.har")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(raw))
	f.Fuzz(func(t *testing.T, text string) {
		if tr, err := ReadHAR(strings.NewReader(text), "x.har"); err == nil {
			_ = tr.String()
		}
	})
}

// TestNetErrors: what Chromium says of a request without an answer is the
// connection's, where it means one thing.
func TestNetErrors(t *testing.T) {
	for name, want := range map[string]string{
		`"_error": "net::ERR_NAME_NOT_RESOLVED"`:        `looked-up a.test result=not-found reason=ERR_NAME_NOT_RESOLVED`,
		`"_failureText": "net::ERR_CONNECTION_REFUSED"`: "connect-failed refused",
		`"_error": "net::ERR_CERT_AUTHORITY_INVALID"`:   "fault=unknown-issuer",
		`"_error": "net::ERR_ABORTED"`:                  "",
	} {
		tr, err := ReadHAR(strings.NewReader(`{"log":{"entries":[{"startedDateTime":"2026-11-21T10:00:00Z","time":5,
			"request":{"method":"GET","url":"https://a.test/"},"response":{"status":0,`+name+`}}]}}`), "x.har")
		if err != nil {
			t.Fatal(err)
		}
		got := tr.String()
		if want == "" && strings.Contains(got, "failed") || !strings.Contains(got, want) || !strings.Contains(got, "exchange-done no-response") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
