package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const wrkReport = `Running 4s test @ https://127.0.0.1:8443/
  1 threads and 64 connections
  Latency Distribution
     50%    1.59ms
     90%    2.01ms
     99%  991.00us
  161234 requests in 4.01s, 190.10MB read
Requests/sec:  40208.51
Transfer/sec:     47.41MB
`

func TestParseWrk(t *testing.T) {
	l, err := parseWrk(wrkReport)
	if err != nil || l != (load{161234, 40208.51, 991 * time.Microsecond, 190.10 * (1 << 20)}) {
		t.Errorf("%+v %v", l, err)
	}
	for name, report := range map[string]string{
		"socket errors": wrkReport + "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
		"statuses":      wrkReport + "  Non-2xx or 3xx responses: 12\n",
		"no answer":     strings.Replace(wrkReport, "161234 requests", "0 requests", 1),
		"cut off":       wrkReport[:200],
		"nothing":       "",
	} {
		if l, err := parseWrk(report); err == nil {
			t.Errorf("%s: %+v, want an error", name, l)
		}
	}
}

func TestParseStat(t *testing.T) {
	line := "4242 (a b) c) S 17 4242 4242 0 -1 4194560 100 200 0 0 150 50 7 8 20 0 1 0 999 1000000 256 18446744073709551615 1"
	s, err := parseStat(line)
	if err != nil || s.parent != 17 || s.cpu != 2*time.Second || s.resident < 256*4096 {
		t.Errorf("%+v %v", s, err)
	}
	for _, line := range []string{"", "1 (x) S 1 2 3", strings.Replace(line, "150", "x", 1)} {
		if _, err := parseStat(line); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{1: {1}, 3: {9, 1, 3}, 2.5: {4, 1, 3, 2}} {
		if got := median(values); got != want {
			t.Errorf("%v: %v, want %v", values, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	r := result{
		row: row{name: "r", columns: []column{{"us", "%.1f"}, {"p99", "%.0f"}}, bar: 1.3, doubt: func(m []float64) string {
			if m[0] > 30 {
				return "too much"
			}
			return ""
		}},
		subjects: []subject{
			{name: "nginx"}, {name: "gone", missing: errors.New("not built")}, {name: "fanlight", own: true}, {name: "slow", own: true},
		},
		samples: [][][]float64{{{20, 1}, {22, 2}, {40, 3}}, {{1, 1}}, {{22, 4}, {22, 5}, {22, 6}}, {{44, 7}, {44, 7}, {44, 7}}},
	}
	text := r.text()
	for _, want := range []string{
		"22.0 | 1.00 | 20.0..40.0 | 2 |", "22.0 | 1.00 | 22.0..22.0 | 5 |", "44.0 | 2.00 | 44.0..44.0 | 7 |",
		"gone: not measured: not built", "fanlight: 1.00 is within the bar of 1.30", "slow: 2.00 is ABOVE the bar of 1.30",
		"slow: DOUBTFUL: too much",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	r.row.limit = 30
	if text := r.text(); !strings.Contains(text, "slow: 44.0 is ABOVE the bar of 30.0") || !strings.Contains(text, "fanlight: 22.0 is within the bar of 30.0") {
		t.Errorf("a limit:\n%s", text)
	}
	r.subjects[0].missing = errors.New("no base")
	if !strings.Contains(r.table(), "unknown") {
		t.Errorf("ratio without a base:\n%s", r.table())
	}
	if err := ownMissing(r.subjects); err != nil {
		t.Errorf("only others are missing: %v", err)
	}
	r.subjects[2].missing = errors.New("fell over")
	if err := ownMissing(r.subjects); err == nil {
		t.Error("our own subject is missing: no error")
	}
}

func TestChoose(t *testing.T) {
	if all, err := choose(nil); err != nil || len(all) != len(rows) {
		t.Errorf("all: %d %v", len(all), err)
	}
	if one, err := choose([]string{rows[1].name}); err != nil || len(one) != 1 || one[0].name != rows[1].name {
		t.Errorf("one: %v %v", one, err)
	}
	if _, err := choose([]string{"nonsense"}); err == nil || !strings.Contains(err.Error(), rows[0].name) {
		t.Errorf("unknown row: %v", err)
	}
}
