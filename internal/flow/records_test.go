package flow

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const recorded = `conn 1  192.0.2.10:5 -> 127.0.0.2:443  source live  keys yes  self server  scheme https  at 2026-11-21T10:00:00Z
  +0.000 established   +0.001 > client-hello sni=app.test   +0.002 < server-hello cipher=X version=1.2   +0.003 tls-done 1.2
  +0.004 > POST /a host=app.test http=1.1 x1
    > Host: app.test
    > X-Twice: 1
    > x-twice: 2
  +0.005 > request-done 7 B x1 [#3]
  +0.009 < 200 OK x1
    < Server: y
  +0.010 < response-done 0 B x1   +0.011 exchange-done complete x1   +0.012 fin by client   +0.013 closed client_bytes=9 server_bytes=8
conn 2  127.0.0.1:6 -> 10.0.0.5:443  self client  parent c1  at 2026-11-21T10:00:00.25Z
  +0.001 connect-failed refused
`

func lines(t *testing.T, tr *Trace, conns bool) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, c := range tr.Conns {
		for _, x := range c.Exchanges {
			must(t, enc.Encode(ExchangeJSON(x, nil)))
		}
		if conns {
			must(t, enc.Encode(ConnJSON(c, nil)))
		}
	}
	must(t, enc.Encode(SummaryRecord{Type: "summary"}))
	return &b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadRecords: what was written reads back as the same trace, as lines and
// as one document.
func TestReadRecords(t *testing.T) {
	tr, err := Parse(recorded)
	must(t, err)
	written := lines(t, tr, true)
	document := `{"schema":1,"items":[` + strings.ReplaceAll(strings.TrimSpace(written.String()), "\n", ",") + `]}`
	for name, text := range map[string]string{"lines": written.String(), "document": document} {
		got, err := ReadRecords(strings.NewReader(text))
		must(t, err)
		if diff := cmp.Diff(tr.String(), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestReadExchanges: an access log has no connections.
func TestReadExchanges(t *testing.T) {
	tr, err := Parse(recorded)
	must(t, err)
	got, err := ReadRecords(lines(t, tr, false))
	must(t, err)
	want, x := tr.Exchange(1), got.Exchange(1)
	if x == nil {
		t.Fatal("no exchange was read")
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool {
		switch p.Last().String() {
		case ".RequestDone", ".Packets":
			return true
		}
		return false
	}, cmp.Ignore())
	if diff := cmp.Diff(want, x, ignore); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := got.Conn(1); c.Server.IsValid() || c.Close.Ended {
		t.Errorf("more is known of its connection than was read: %+v", c)
	}
}

func TestReadRecordsFaults(t *testing.T) {
	good := `{"type":"exchange","id":"x1","conn":"c1","method":"GET","target":"/","outcome":"complete"}`
	for text, want := range map[string]string{
		good + "\n{\"type\":\"conn":                               "record behind byte",
		good + "\n" + `{"type":"connection","id":"7"}`:            `read id "7"`,
		good + "\n" + `{"type":"connection","id":7}`:              "record before byte",
		good + `{"type":"connection","id":"c2","started":"noon"}`: `read time "noon"`,
	} {
		got, err := ReadRecords(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
		if got.Exchange(1) == nil {
			t.Errorf("%s: what could be read is lost", text)
		}
	}
}

func FuzzReadRecords(f *testing.F) {
	f.Add(`{"type":"connection","id":"c2","events":[{"kind":"request","at_ms":1e300,"text":"GET /"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		tr, _ := ReadRecords(strings.NewReader(text))
		_ = tr.String()
	})
}
