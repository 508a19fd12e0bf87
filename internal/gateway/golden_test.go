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
// they appear, clients first. Of the ends of a connection the first one stays,
// before the last event: the others come at any time.
func normal(trace *flow.Trace) string {
	var conns []*flow.Conn
	for _, c := range trace.Conns {
		conns = append(conns, endedOnce(*c))
	}
	slices.SortStableFunc(conns, func(a, b *flow.Conn) int { return int(b.Self) - int(a.Self) })
	text := (&flow.Trace{Conns: conns}).String()
	for _, r := range []struct{ pattern, with string }{
		{`(?m)  at \S+$`, ""},
		{`\+-?\d+\.\d+ `, "+? "},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:1"},
		{`(incident \d+ )\S+`, "${1}ID"},
		{`(Fanlight-Incident: )\S+`, "${1}ID"},
		{`(Date: ).*`, "${1}DATE"},
		{`;by=_[a-z2-7]{10}-`, ";by=_DOOR-"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d`, "DATE"},
		{`(idle_ms|client_bytes|server_bytes|not_after|sha256|bytes|limit_ms|tickets|binding|took_ms)=\S+`, "${1}=?"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return reflow(renumber(text))
}

func endedOnce(c flow.Conn) *flow.Conn {
	c.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e flow.Event) bool { return e.Kind == flow.FIN || e.Kind == flow.RST })
	kind := map[flow.How]flow.Kind{flow.ByFIN: flow.FIN, flow.ByRST: flow.RST}[c.Close.How]
	if last := len(c.Events) - 1; kind != 0 {
		end := flow.Event{At: c.Started, Kind: kind, From: c.Close.By}
		c.Events = slices.Insert(c.Events, last, end)
	}
	return &c
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
	goldenText(t, name, normal(trace))
}

// goldenOpenEnd is golden for connections that both sides give up at the same
// moment.
func goldenOpenEnd(t *testing.T, name string, trace *flow.Trace) {
	t.Helper()
	goldenText(t, name, regexp.MustCompile(`(?m)^  \+\? (fin|rst) by \w+\n`).ReplaceAllString(normal(trace), ""))
}

func goldenText(t *testing.T, name, text string) {
	t.Helper()
	if _, err := flow.Parse(text); err != nil {
		t.Errorf("the normal form does not parse: %v\n%s", err, text)
	}
	testnet.Golden(t, "testdata/records.txtar#"+name, text)
}
