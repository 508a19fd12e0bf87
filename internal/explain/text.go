package explain

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// width is where running text is broken.
const width = 96

// Text writes the finding for a terminal: plain ASCII, without colour.
func (f Finding) Text(w io.Writer) {
	fmt.Fprintf(w, "%s (%s): %s [%s]\n", f.Severity, f.Confidence, f.Title, f.ID)
	if names := f.names(); names != "" {
		fmt.Fprintf(w, "  on %s\n", names)
	}
	wrap(w, "  ", "  ", f.Cause)
	for _, e := range f.Evidence {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(e.String(), "\n", `\n`)) // the name in a certificate may hold one
	}
	if len(f.Fixes) > 0 {
		fmt.Fprintln(w, "  what to change:")
	}
	for _, x := range f.Fixes {
		x.text(w, "    ")
	}
	for _, m := range f.Missing {
		wrap(w, "  would be certain with: ", "    ", m)
	}
}

func (f Finding) names() string {
	var names []string
	for _, id := range f.Conns {
		names = append(names, id.String())
	}
	for _, id := range f.Exchanges {
		names = append(names, id.String())
	}
	if more := len(names) - maxNames; more > 0 {
		return strings.Join(names[:maxNames], " ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, " ")
}

// maxNames bounds the ids under a finding: some are about hundreds.
const maxNames = 16

// String is the evidence on one line, as under a finding.
func (e Evidence) String() string {
	var b strings.Builder
	b.WriteString("- ")
	if e.Ref.Conn != 0 {
		b.WriteString(e.Ref.Conn.String() + " ")
	}
	if e.AtKnown {
		fmt.Fprintf(&b, "%+.3f ", e.At.Seconds())
	}
	if e.Packet != 0 {
		fmt.Fprintf(&b, "#%d ", e.Packet)
	}
	b.WriteString(e.Text)
	return b.String()
}

func (x Fix) text(w io.Writer, indent string) {
	who := x.Side
	if x.Product != "" {
		who += " (" + x.Product + ")"
	}
	x.as(w, indent, who)
}

// as writes the fix under the name of whom it is for.
func (x Fix) as(w io.Writer, indent, who string) {
	wrap(w, indent+who+": ", indent+"  ", x.Text)
	for line := range strings.Lines(x.Command) {
		fmt.Fprintf(w, "%s    %s\n", indent, strings.TrimRight(line, "\n"))
	}
}

// wrap writes words on lines of at most width columns.
func wrap(w io.Writer, first, rest, text string) {
	line, empty := first, true
	for _, word := range strings.Fields(text) {
		if !empty && len(line)+1+len(word) > width {
			fmt.Fprintln(w, line)
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	fmt.Fprintln(w, line)
}

// Span writes a duration as users write timers: 120.0 s, 45 ms.
func Span(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%d us", d.Microseconds())
}
