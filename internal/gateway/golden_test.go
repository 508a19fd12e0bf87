package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// normal writes a trace without what differs from run to run: times, ports,
// incident ids, dates, serial numbers. Connections and exchanges are numbered as
// they appear, clients first.
func normal(trace *flow.Trace) string {
	conns := slices.Clone(trace.Conns)
	slices.SortStableFunc(conns, func(a, b *flow.Conn) int { return int(b.Self) - int(a.Self) })
	text := (&flow.Trace{Conns: conns}).String()
	for _, r := range []struct{ pattern, with string }{
		{`(?m)  at \S+$`, ""},
		{`\+-?\d+\.\d+ `, "+? "},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:1"},
		{`(incident \d+ )\S+`, "${1}ID"},
		{`(Fanlight-Incident: )\S+`, "${1}ID"},
		{`(Date: ).*`, "${1}DATE"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d`, "DATE"},
		{`(idle_ms|client_bytes|server_bytes|not_after|sha256|bytes|limit_ms)=\S+`, "${1}=?"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return reflow(renumber(text))
}

// reflow gives each event a line of its own, since widths depend on what was
// replaced.
func reflow(text string) string {
	return strings.ReplaceAll(text, "   +?", "\n  +?")
}

func renumber(text string) string {
	for _, prefix := range []string{"conn ", "x", "c"} {
		seen := map[string]string{}
		text = regexp.MustCompile(`(\b|\s)`+prefix+`\d+\b`).ReplaceAllStringFunc(text, func(s string) string {
			at := strings.Index(s, prefix)
			key := s[at:]
			if prefix == "c" {
				return s
			}
			if seen[key] == "" {
				seen[key] = fmt.Sprintf("%s%d", prefix, len(seen)+1)
			}
			return s[:at] + seen[key]
		})
	}
	return text
}

func golden(t *testing.T, name string, trace *flow.Trace) {
	t.Helper()
	text := normal(trace)
	if _, err := flow.Parse(text); err != nil {
		t.Errorf("the normal form does not parse: %v\n%s", err, text)
	}
	testnet.Golden(t, "testdata/records.txtar#"+name, text)
}
