package flow

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// String writes the trace in flow notation, see docs/flow-notation.md.
// Parse(t.String()) gives a trace with the same facts.
func (t *Trace) String() string {
	var b strings.Builder
	if len(t.Facts) > 0 {
		writeBlock(&b, "facts", t.Facts[0].At, t.Facts)
	}
	for _, c := range t.Conns {
		b.WriteString(c.String())
	}
	return b.String()
}

// String writes one connection in flow notation.
func (c *Conn) String() string {
	var b strings.Builder
	var open Event
	events := make([]Event, 0, len(c.Events))
	for _, e := range c.Events {
		if e.Kind == Open {
			open = e
			continue
		}
		events = append(events, e)
	}
	writeBlock(&b, c.head(), c.base(open), events)
	return b.String()
}

func (c *Conn) base(open Event) time.Time {
	if !open.At.IsZero() {
		return open.At
	}
	for _, e := range c.Events {
		if !e.At.IsZero() {
			return e.At
		}
	}
	return time.Time{}
}

func (c *Conn) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "conn %d  %s -> %s", c.ID, formatAddr(c.Client), formatAddr(c.Server))
	word := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s %s", key, quote(value))
		}
	}
	word("source", c.Source)
	word("keys", c.Keys.String())
	word("why-not", c.WhyNot)
	if c.Self != Unknown {
		word("self", c.Self.String())
	}
	if c.Parent != 0 {
		word("parent", c.Parent.String())
	}
	word("scheme", c.Scheme)
	return b.String()
}

func formatAddr(a netip.AddrPort) string {
	if !a.IsValid() {
		return "?"
	}
	return a.String()
}

const lineWidth = 110

func writeBlock(b *strings.Builder, head string, base time.Time, events []Event) {
	b.WriteString(head)
	if !base.IsZero() && base != notation {
		b.WriteString("  at " + base.UTC().Format(time.RFC3339Nano))
	}
	width := 0
	for i := range events {
		e := &events[i]
		word := formatEvent(e, base)
		if width == 0 || width+3+len(word) > lineWidth || e.Kind == Request || e.Kind == Response {
			b.WriteString("\n  ")
			width = 2
		} else {
			b.WriteString("   ")
			width += 3
		}
		b.WriteString(word)
		width += len(word)
		for _, f := range ParseFields(e.Header) {
			b.WriteString("\n    " + arrow(e.From) + " " + formatField(f))
			width = 0
		}
	}
	b.WriteString("\n")
}

// formatField writes a header field; one with bytes that a terminal or the
// next reading would take for something else is quoted behind :=.
func formatField(f Field) string {
	if !clean(f.Name) || strings.ContainsAny(f.Name, " \t") {
		return ":= " + strconv.Quote(f.Name+": "+f.Value)
	}
	if !clean(f.Value) {
		return f.Name + ":= " + strconv.Quote(f.Value)
	}
	return f.Name + ": " + f.Value
}

// clean reports whether a string is printable but for blanks.
func clean(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return r != ' ' && r != '\t' && !strconv.IsPrint(r) || r == utf8.RuneError
	}) < 0
}

// notation is the start of a connection whose text gives none.
var notation = time.Unix(0, 0).UTC()

func arrow(s Side) string { return [...]string{"-", ">", "<"}[s%3] }

func formatEvent(e *Event, base time.Time) string {
	words := []string{formatOffset(e.At, base)}
	byWord := e.Kind == FIN || e.Kind == RST
	if e.From != Unknown && !byWord {
		words = append(words, arrow(e.From))
	}
	words = append(words, kindWords(e)...)
	if byWord {
		words = append(words, "by", e.From.String())
	}
	if e.Bytes != 0 || e.Kind == RequestDone || e.Kind == ResponseDone {
		words = append(words, strconv.FormatInt(e.Bytes, 10), "B")
	}
	for _, a := range e.Attrs {
		words = append(words, a.Key+"="+quoteValue(a.Value))
	}
	if e.Exchange != 0 {
		words = append(words, e.Exchange.String())
	}
	if e.Parent != 0 {
		words = append(words, "for", e.Parent.String())
	}
	if e.Packet != 0 {
		words = append(words, fmt.Sprintf("[#%d]", e.Packet))
	}
	return strings.Join(words, " ")
}

func kindWords(e *Event) (words []string) {
	text := func() {
		if e.Text != "" {
			words = append(words, quote(e.Text))
		}
	}
	switch {
	case e.Kind == Request && isRequestText(e.Text):
		method, target, _ := strings.Cut(e.Text, " ")
		words = append(words, method, quoteTarget(target))
	case e.Kind == Response && e.Status >= 100 && e.Status <= 999:
		words = append(words, strconv.Itoa(e.Status))
		text()
	default:
		words = append(words, e.Kind.String())
		if e.Status != 0 {
			words = append(words, strconv.Itoa(e.Status))
		}
		text()
	}
	return words
}

// isRequestText reports whether a request can be written as METHOD target
// without being mistaken for another event.
func isRequestText(s string) bool {
	method, target, found := strings.Cut(s, " ")
	if !found || method == "" || target == "" || ParseKind(method) != KindUnknown || strings.Contains(target, " ") {
		return false
	}
	return strings.IndexFunc(method, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' && r != '_' }) < 0
}

// formatOffset writes seconds since base with at least three decimals; "+?"
// for a time that was not observed.
func formatOffset(at, base time.Time) string {
	if at.IsZero() {
		return "+?"
	}
	d := at.Sub(base)
	sign := "+"
	if d < 0 {
		sign, d = "+-", -d
	}
	frac := fmt.Sprintf("%09d", d%time.Second)
	frac = frac[:3] + strings.TrimRight(frac[3:], "0")
	return fmt.Sprintf("%s%d.%s", sign, d/time.Second, frac)
}

// quote writes a value as it is when a reader cannot mistake it for something
// else, and as a Go string otherwise.
func quote(s string) string {
	if s == "" || s[0] == '+' || s[0] == '[' || s == "by" || s == "for" || s == "B" ||
		strings.ContainsAny(s, " =\"\\") || isNumberOrExchange(s) || !printable(s) {
		return strconv.Quote(s)
	}
	return s
}

// quoteValue is quote for what stands behind key=, where only blanks and
// quotes can be mistaken.
func quoteValue(s string) string {
	if s == "" || strings.ContainsAny(s, "\"\\") || !printable(s) {
		return strconv.Quote(s)
	}
	return s
}

func quoteTarget(s string) string {
	if s[0] == '+' || s[0] == '[' || strings.ContainsAny(s, "\"\\") || !printable(s) {
		return strconv.Quote(s)
	}
	return s
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || !strconv.IsPrint(r) }) < 0
}

func isNumberOrExchange(s string) bool {
	s = strings.TrimPrefix(s, "x")
	return s == "" || strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// Sorted orders connections by start and id; the text of a live trace is then
// the same however the events were interleaved.
func (t *Trace) Sorted() *Trace {
	out := &Trace{Conns: slices.Clone(t.Conns), Facts: t.Facts}
	slices.SortFunc(out.Conns, func(a, b *Conn) int {
		if d := a.Started.Compare(b.Started); d != 0 {
			return d
		}
		return int(a.ID) - int(b.ID)
	})
	return out
}
