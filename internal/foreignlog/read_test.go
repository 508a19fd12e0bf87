package foreignlog

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// readAll reads a log to its end.
func readAll(t *testing.T, in io.Reader, o Options) (*Reader, []*Line) {
	t.Helper()
	r, err := NewReader(in, o)
	if err != nil {
		t.Fatal(err)
	}
	var lines []*Line
	for {
		l, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
}

// TestLogs reads the logs of testdata, most of them the products' own (its
// README says which), and holds what is made of each line against a golden.
func TestLogs(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) < 9 {
		t.Fatalf("%d logs, %v", len(logs), err)
	}
	for _, path := range logs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r, lines := readAll(t, bytes.NewReader(raw), Options{})
			if r.Counts.Unread > 0 {
				t.Errorf("%d lines were not understood", r.Counts.Unread)
			}
			var out strings.Builder
			fmt.Fprintf(&out, "format %s, %d lines\n", r.Format(), r.Counts.Lines)
			for _, l := range lines {
				writeLine(&out, l)
			}
			testnet.Golden(t, strings.TrimSuffix(path, ".log")+".golden", out.String())
		})
	}
}

func writeLine(w io.Writer, l *Line) {
	if l.Meaning.State == Fine {
		return
	}
	fmt.Fprintf(w, "%d %s %s", l.Number, l.Time.Format(time.RFC3339Nano), Address(l.Client))
	if l.Method != "" {
		fmt.Fprintf(w, " %s %s%s", l.Method, l.Host, l.Target)
	}
	if l.Status != 0 {
		fmt.Fprintf(w, " %d", l.Status)
	}
	if l.TookKnown {
		fmt.Fprintf(w, " %v", l.Took)
	}
	if l.Upstream.IsValid() {
		fmt.Fprintf(w, " origin %v", l.Upstream)
	}
	fmt.Fprintf(w, "\n  %s: %s", l.Meaning.State, l.Meaning.Kind)
	for _, p := range l.Meaning.Points {
		fmt.Fprintf(w, " [%s %s]", p.Finding, p.Confidence)
	}
	fmt.Fprintln(w)
}

func TestFormats(t *testing.T) {
	tests := []struct{ file, want string }{
		{"httperr", "httperr"}, {"iis", "iis"}, {"haproxy", "haproxy"}, {"envoy", "envoy"}, {"envoy-json", "envoy"},
		{"nginx-error", "nginx-error"}, {"apache-error", "apache-error"}, {"nginx-upstream", "access"}, {"nginx-json", "access"},
		{"apache-access", "access"},
	}
	for _, tt := range tests {
		raw, err := os.ReadFile("testdata/" + tt.file + ".log")
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(bytes.NewReader(raw), Options{})
		if err != nil || r.Format() != tt.want {
			t.Errorf("%s: format %v, %v, want %s", tt.file, r, err, tt.want)
		}
	}
	for _, text := range []string{"", "\n\n", "Dear diary,\nnothing happened.\n", "#Fields: date time\n", "{}\n", strings.Repeat("x", 3*sniffBytes)} {
		if r, err := NewReader(strings.NewReader(text), Options{}); err == nil {
			t.Errorf("%.20q: taken for %s", text, r.Format())
		}
	}
	if _, err := NewReader(strings.NewReader("x"), Options{Format: "squid"}); err == nil {
		t.Error("format squid is known")
	}
}

const haproxyLine = `127.0.0.1:1 [21/Nov/2026:10:00:00.250] web app/s1 0/0/0/-1/1002 504 198 - - sH-- 1/1/0/0/0 0/0 "GET /slow HTTP/1.1"`

func TestZones(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	tests := []struct {
		name, line string
		zone       *time.Location
		want       string
		how        Zone
	}{
		{"no zone said", haproxyLine, nil, "2026-11-21T10:00:00.25Z", ZoneUnknown},
		{"zone given", haproxyLine, berlin, "2026-11-21T09:00:00.25Z", ZoneUnknown},
		{"nginx error", "2026/11/21 10:00:00 [error] 1#1: *1 no live upstreams, client: 192.0.2.1", berlin, "2026-11-21T09:00:00Z", ZoneUnknown},
		{"Apache error", "[Sat Nov 21 10:00:00.500000 2026] [core:error] [pid 1] x", berlin, "2026-11-21T09:00:00.5Z", ZoneUnknown},
		{"in the line", `192.0.2.1 - - [21/Nov/2026:10:00:00 +0100] "GET / HTTP/1.1" 499 0 "-" "-"`, time.UTC, "2026-11-21T09:00:00Z", ZoneInLine},
		{"W3C is UTC", "2026-11-21 10:00:00 192.0.2.1 1 192.0.2.2 443 HTTP/1.1 GET / - 1 Timer_EntityBody -", berlin, "2026-11-21T10:00:00Z", ZoneByRule},
		{"Envoy is UTC", `[2026-11-21T10:00:00.000Z] "GET / HTTP/1.1" 503 UH 0 19 0 - "-" "-" "1" "shop.test" "-"`, berlin, "2026-11-21T10:00:00Z", ZoneInLine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := NewReader(strings.NewReader(tt.line), Options{Zone: tt.zone})
			if err != nil {
				t.Fatal(err)
			}
			l, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if got := l.Time.Format(time.RFC3339Nano); got != tt.want || l.Zone != tt.how {
				t.Errorf("%s, zone %v; want %s, %v", got, l.Zone, tt.want, tt.how)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	long := haproxyLine + strings.Repeat("x", 3*MaxLine)
	r, lines := readAll(t, strings.NewReader(haproxyLine+"\n"+long+"\r\n\nwhat is this\n"+haproxyLine), Options{})
	if len(lines) != 3 || r.Counts != (Counts{Lines: 3, Unread: 1, Cut: 1}) {
		t.Errorf("%d lines, %+v", len(lines), r.Counts)
	}
	if n := len(lines[1].Text); n != MaxLine || lines[2].Number != 5 {
		t.Errorf("%d bytes of a long line, last line %d", n, lines[2].Number)
	}
}

func TestGzip(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for range 2000 {
		fmt.Fprintln(w, haproxyLine)
	}
	w.Close()
	if _, lines := readAll(t, bytes.NewReader(packed.Bytes()), Options{}); len(lines) != 2000 {
		t.Errorf("%d lines", len(lines))
	}
	r, err := NewReader(bytes.NewReader(packed.Bytes()[:packed.Len()-12]), Options{})
	for err == nil {
		_, err = r.Next()
	}
	if errors.Is(err, io.EOF) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a file: %v", err)
	}
}
