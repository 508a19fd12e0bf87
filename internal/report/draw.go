package report

import (
	"bufio"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"fanlight/internal/flow"
)

// ladder draws the steps of one family.
type ladder struct {
	out   *bufio.Writer
	o     LadderOptions
	f     *family
	start time.Time
	lanes int
	lane  int  // columns between two posts
	below bool // marks stand below their step, for want of room beside it
	pens  pens
}

// pens are the characters that a ladder is drawn with.
type pens struct{ post, line, missing, right, left, cut string }

func pensOf(ascii bool) pens {
	if ascii {
		return pens{"|", "-", ".", ">", "<", "x"}
	}
	return pens{"│", "─", "┄", "►", "◄", "×"}
}

const (
	leastLane  = 24
	roomyLane  = 40
	timeColumn = 10
)

func newLadder(out *bufio.Writer, f *family, o LadderOptions) *ladder {
	return &ladder{out: out, o: o, f: f, start: f.start(), lanes: f.lanes(), pens: pensOf(o.ASCII)}
}

func (l *ladder) draw(steps []step) {
	l.measure(steps)
	l.head()
	var last *step
	for i := range steps {
		s := &steps[i]
		if last != nil && s.known {
			if silence := s.at.Sub(last.at); silence > l.o.Gap {
				fmt.Fprintf(l.out, "%*s ... %s nothing ...\n", timeColumn, "", appendSpan(nil, silence))
			}
		}
		l.step(s)
		last = s
	}
	for _, g := range l.f.legs {
		if !g.conn.Close.Ended && g.conn.Scheme != flow.SchemeDNS { // UDP has no end
			fmt.Fprintf(l.out, "%*s (%s: its end was not seen)\n", timeColumn, "", g.conn.ID)
		}
	}
}

// measure shares the width out.
func (l *ladder) measure(steps []step) {
	packet, mark := 0, 0
	for i := range steps {
		packet = max(packet, len(packetOf(&steps[i])))
		mark = max(mark, len(markOf(&steps[i])))
	}
	free := l.o.Width - timeColumn - 1 - (l.lanes + 1) - packet
	l.below = (free-mark)/l.lanes < roomyLane
	if !l.below {
		free -= mark
	}
	l.lane = max(leastLane, free/l.lanes)
}

// head writes who is connected to whom, and the names of the posts.
func (l *ladder) head() {
	for _, g := range l.f.legs {
		c := g.conn
		line := appendAddress([]byte(c.ID.String()+"  "), c.Client)
		line = appendAddress(append(line, " -> "...), c.Server)
		for _, word := range [...]string{c.Source, c.Scheme} {
			if word != "" {
				line = append(line, "  "+l.visible(word)...)
			}
		}
		if c.WhyNot != "" {
			line = append(line, "  not decrypted: "+l.visible(c.WhyNot)...)
		}
		if g.lane > 0 {
			line = append(line, "  for "+c.Parent.String()...)
		}
		if g.lane == 0 && !l.start.IsZero() && l.start.Year() > 1970 {
			line = append(line, "  "+l.start.UTC().Format(time.RFC3339Nano)...)
		}
		fmt.Fprintf(l.out, "%s\n", line)
	}
	names := l.f.posts()
	line := []rune(strings.Repeat(" ", timeColumn+1+(l.lane+1)*l.lanes+1))
	for i, name := range names {
		at := timeColumn + 1 + (l.lane+1)*i - len(name)/2
		if i == len(names)-1 {
			at = len(line) - len(name) + min(len(name)/2, 3)
			line = append(line, []rune(strings.Repeat(" ", 3))...)
		}
		copy(line[at:], []rune(name))
	}
	fmt.Fprintln(l.out, strings.TrimRight(string(line), " "))
}

func (l *ladder) step(s *step) {
	offset := "?"
	if s.known {
		offset = string(appendOffset(nil, s.at.Sub(l.start)))
	}
	margin := packetOf(s)
	if !l.below {
		margin += markOf(s)
	}
	marked := len(s.marks) > 0
	l.row(offset, s.lane, l.between(s), margin, marked)
	if l.below && marked {
		l.row("", s.lane, l.note("^ "+strings.Join(s.marks, ", ")), "", marked)
	}
}

// row writes a line of the ladder.
func (l *ladder) row(offset string, lane int, between, margin string, marked bool) {
	var b strings.Builder
	fmt.Fprintf(&b, "%*s ", timeColumn, offset)
	for i := range l.lanes {
		b.WriteString(l.pens.post)
		if i == lane {
			b.WriteString(between)
		} else {
			b.WriteString(strings.Repeat(" ", l.lane))
		}
	}
	b.WriteString(l.pens.post + margin)
	line := b.String()
	if l.o.Colour && marked {
		line = red + line + plain
	}
	fmt.Fprintln(l.out, line)
}

func packetOf(s *step) string {
	if s.packet == 0 {
		return ""
	}
	return fmt.Sprintf(" [#%d]", s.packet)
}

func markOf(s *step) string {
	if len(s.marks) == 0 {
		return ""
	}
	return " <- " + strings.Join(s.marks, ", ")
}

// between draws what is between the posts of the step's lane.
func (l *ladder) between(s *step) string {
	if s.from == flow.Unknown {
		return l.note(s.text())
	}
	label := cut(l.visible(s.text()), l.lane-5, l.o.ASCII)
	line, right, left := l.pens.line, l.pens.right, l.pens.left
	switch s.kind {
	case flow.Gap, flow.BufferFull:
		line = l.pens.missing
	case flow.RST:
		right, left = l.pens.cut, l.pens.cut
	}
	rest := strings.Repeat(line, l.lane-4-utf8.RuneCountInString(label))
	if s.from == flow.Client {
		return line + " " + label + " " + rest + right
	}
	return left + rest + " " + label + " " + line
}

// note is a text between two posts.
func (l *ladder) note(text string) string {
	label := cut(l.visible(text), l.lane-3, l.o.ASCII)
	return "  " + label + strings.Repeat(" ", l.lane-2-utf8.RuneCountInString(label))
}

func (l *ladder) visible(s string) string { return visible(s, l.o.ASCII) }
