package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/foreignlog"
)

// textLog is for people.
type textLog struct {
	out  io.Writer
	path string
	ids  []string // findings that were named
}

func (p *textLog) clock(path string, t *foreignlog.Ties) {
	p.head(path)
	by := fmt.Sprintf("(by %s)", counted(t.Evidence, "line"))
	switch {
	case t.Evidence == 0:
		fmt.Fprintln(p.out, "No line of this log fits the capture: are they of the same time and machine?")
	case t.Offset == 0:
		fmt.Fprintln(p.out, "The clocks of log and capture agree "+by+".")
	default:
		fmt.Fprintf(p.out, "The log's clock is about %s the capture's %s; allowed for.%s\n", apart(t.Offset), by, zoneHint(t.Offset))
	}
}

func apart(d time.Duration) string {
	if d < 0 {
		return apartBy(-d) + " behind"
	}
	return apartBy(d) + " ahead of"
}

func apartBy(d time.Duration) string {
	text := d.Round(time.Second).String()
	if d >= time.Hour {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// zoneHint: differences of time zones are multiples of a quarter of an hour.
func zoneHint(d time.Duration) string {
	if (d - d.Round(15*time.Minute)).Abs() > 3*time.Second {
		return ""
	}
	return " That looks like a time zone (--zone)."
}

// head names the log once, where there are several.
func (p *textLog) head(path string) {
	if p.path != path {
		if p.path != "" {
			fmt.Fprintln(p.out)
		}
		fmt.Fprintln(p.out, visible(inputName(path)))
		p.path = path
	}
}

func (p *textLog) line(path string, l *foreignlog.Line, tie *foreignlog.TiedRecord, found []explain.Finding, isNew bool) {
	p.head(path)
	m := &l.Meaning
	fmt.Fprintf(p.out, "%s\n", visible(fmt.Sprintf("%6d  %s", l.Number, factsOf(l))))
	if m.Text != "" {
		fmt.Fprintf(p.out, "        %s%s\n", visible(m.Text), pointsOf(m.Points))
	}
	if l.Timers != "" {
		fmt.Fprintf(p.out, "        %s matches a default limit of %s\n", explain.Span(l.Took), l.Timers)
	}
	if isNew && m.Next != "" && m.State != foreignlog.Fine {
		fmt.Fprintf(p.out, "        Next: %s\n", m.Next)
	}
	for _, point := range m.Points {
		p.name(point.Finding)
	}
	p.tied(tie, found)
}

func (p *textLog) tied(tie *foreignlog.TiedRecord, found []explain.Finding) {
	if tie == nil {
		return
	}
	where := strings.TrimSpace(tie.Conn + " " + tie.Exchange)
	if tie.Origin != "" {
		where += ", to the origin " + tie.Origin + " " + tie.OriginExchange
	}
	fmt.Fprintf(p.out, "        In the capture: %s (%s: same %s)\n", where, tie.Confidence, tie.Why)
	for _, f := range found {
		p.name(f.ID)
		fmt.Fprintf(p.out, "        Found there: [%s] %s (%s)\n", f.ID, visible(f.Cause), f.Confidence)
	}
}

func (p *textLog) name(id string) {
	if !slices.Contains(p.ids, id) {
		p.ids = append(p.ids, id)
	}
}

// factsOf writes a line's facts, the time in UTC.
func factsOf(l *foreignlog.Line) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if !l.Time.IsZero() {
		add(l.Time.Format("2006-01-02 15:04:05"))
	}
	add(foreignlog.Address(l.Client))
	if l.Method != "" {
		add(l.Method + " " + shortened(l.Host+l.Target))
	} else {
		add(l.Host)
	}
	add(l.Meaning.Kind)
	if l.TookKnown {
		add(fmt.Sprintf("after %s", l.Took.Round(time.Millisecond)))
	}
	if at := foreignlog.Address(l.Upstream); at != "" {
		add("origin " + at)
	}
	return strings.Join(parts, "  ")
}

func shortened(s string) string {
	if len(s) > 100 {
		return s[:97] + "..."
	}
	return s
}

func pointsOf(points []foreignlog.Point) string {
	var out []string
	for _, p := range points {
		out = append(out, fmt.Sprintf("%s (%s)", p.Finding, p.Confidence))
	}
	if len(out) == 0 {
		return ""
	}
	return " [" + strings.Join(out, ", ") + "]"
}

func (p *textLog) summary(sum logSummary) {
	fmt.Fprintf(p.out, "\n%s of %s, %d of them tell of a fault%s\n", counted(sum.Lines, "line"), strings.Join(sum.Formats, ", "), sum.Faults, share(sum.Faults, sum.Lines))
	for _, k := range sum.Kinds {
		fmt.Fprintf(p.out, "%7d %6s  %s%s\n", k.Lines, percent(k.Share), visible(k.Kind), pointsOf(k.Points))
	}
	if sum.Tied != nil {
		fmt.Fprintf(p.out, "%s found in the capture\n", counted(*sum.Tied, "line"))
	}
	if sum.Unread > 0 {
		fmt.Fprintf(p.out, "%s not of this format, and left out\n", counted(sum.Unread, "line"))
	}
	if sum.Cut > 0 {
		fmt.Fprintf(p.out, "%s longer than %d bytes, and cut\n", counted(sum.Cut, "line"), foreignlog.MaxLine)
	}
	if ids := withPage(p.ids); len(ids) > 0 {
		fmt.Fprintf(p.out, "More of each with `fanlight explain ID`: %s\n", strings.Join(ids, ", "))
	}
}

// withPage gives those findings whose page there is.
func withPage(ids []string) []string {
	pages := ruleIDs()
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(pages, id) })
}

func share(part, whole int) string {
	if whole == 0 {
		return ""
	}
	return " (" + percent(float64(part)/float64(whole)) + ")"
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", share*100) }
