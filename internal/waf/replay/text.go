package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"fanlight/internal/waf"
)

// Text tells a result to a person; b is nil where nothing was compared. What it
// writes holds what clients sent: whoever prints it to a terminal makes that
// harmless.
func (r *Result) Text(w io.Writer, a, b *waf.Policy) {
	if r.Requests == 0 {
		fmt.Fprintln(w, "There is no request to judge.")
		r.left(w)
		return
	}
	t := text{w, r, a, b}
	t.head()
	t.shapes()
	t.rules()
	t.idle()
	t.breakEven()
	t.live()
	t.doubts()
	r.left(w)
	t.cost()
}

// text is a result on its way to be told.
type text struct {
	io.Writer
	*Result
	a, b *waf.Policy
}

const (
	toldShapes = 20
	toldRules  = 25
	// manyRequests is from how many on the average says what one costs.
	manyRequests = 200
)

func (t *text) head() {
	fmt.Fprintf(t, "%s judged.\n", counted(t.Requests, "request"))
	if t.b == nil {
		fmt.Fprintf(t, "The policy (%s) refuses %d.\n", describe(t.a), t.Sides[0].Refused)
		return
	}
	refused, passing, scores := 0, 0, 0
	for _, s := range t.Shapes {
		refused, passing, scores = refused+s.NewlyRefused, passing+s.NewlyPassing, scores+s.ScoreChanged
	}
	fmt.Fprintf(t, "A (%s) refuses %d, B (%s) refuses %d:\n", describe(t.a), t.Sides[0].Refused, describe(t.b), t.Sides[1].Refused)
	fmt.Fprintf(t, "  %d would be newly refused, %d newly let pass, %d only score otherwise.\n", refused, passing, scores)
}

// describe says of a policy what decides.
func describe(p *waf.Policy) string {
	out := fmt.Sprintf("paranoia %d, threshold %d", p.Paranoia, p.Inbound)
	if p.Detect > p.Paranoia {
		out += fmt.Sprintf(", telling of paranoia %d", p.Detect)
	}
	if n := len(p.Exclusions); n > 0 {
		out += ", " + counted(n, "exclusion")
	}
	if p.Mode == waf.Watch {
		out += ", as if it blocked"
	}
	return out
}

// shapes lists the routes that something is to be said of.
func (t *text) shapes() {
	told := 0
	for _, s := range t.Shapes {
		if !t.worth(s) {
			continue
		}
		if told++; told == 1 {
			fmt.Fprintln(t, "\nby route:")
		}
		if told > toldShapes {
			continue
		}
		fmt.Fprintf(t, "  %s: %s\n", s.Name, t.change(s))
		if s.Example != nil {
			s.Example.text(t, t.b != nil)
		}
	}
	if told > toldShapes {
		fmt.Fprintf(t, "  and %s; --json has all\n", counted(told-toldShapes, "route"))
	}
	switch {
	case told > 0:
	case t.b == nil:
		fmt.Fprintln(t, "\nNone of them scores anything.")
	default:
		fmt.Fprintln(t, "\nNothing changes.")
	}
}

func (t *text) worth(s *Shape) bool {
	if t.b == nil {
		return s.Refused[0] > 0 || s.Highest[0] > 0
	}
	return s.Changed()
}

func (t *text) change(s *Shape) string {
	if t.b == nil {
		return fmt.Sprintf("%d of %d refused, scores up to %d", s.Refused[0], s.Requests, s.Highest[0])
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{s.NewlyRefused, "newly refused"}, {s.NewlyPassing, "newly let pass"}, {s.ScoreChanged, "of another score"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return fmt.Sprintf("%s, of %d", strings.Join(parts, ", "), s.Requests)
}

func (e *Example) text(w io.Writer, compared bool) {
	score := fmt.Sprintf("score %d", e.Score[1])
	if compared {
		score = fmt.Sprintf("score %d, then %d", e.Score[0], e.Score[1])
	}
	fmt.Fprintf(w, "    %s  %s %s  %s\n", e.Place.text(), e.Method, e.Target, score)
	for i := range e.Rules {
		e.Rules[i].text(w)
	}
}

// text says where a request is, as other commands name it.
func (p Place) text() string {
	var parts []string
	if p.Source != "" && p.Source != "live" {
		parts = append(parts, p.Source)
	}
	if !p.At.IsZero() {
		parts = append(parts, p.At.UTC().Format("2006-01-02 15:04:05.000"))
	}
	return strings.Join(append(parts, p.Conn.String(), p.Exchange.String()), " ")
}

func (c *Cause) text(w io.Writer) {
	fmt.Fprintf(w, "      %d +%d %s", c.Rule, c.Score, c.Message)
	if c.Target != "" {
		fmt.Fprintf(w, "\n             %s = %q", c.Target, c.Value)
		if !c.Stood {
			fmt.Fprint(w, " as it was compared")
		}
	}
	fmt.Fprintln(w)
}

// rules lists the rules that matched otherwise, or at all.
func (t *text) rules() {
	told := 0
	for _, rule := range t.Rules {
		if t.b != nil && rule.Matched[0] == rule.Matched[1] {
			continue
		}
		if told++; told == 1 {
			fmt.Fprintln(t, "\nby rule, in how many requests it matched:")
		}
		if told > toldRules {
			continue
		}
		count := fmt.Sprint(rule.Matched[0])
		if t.b != nil {
			count = fmt.Sprintf("%d, then %d", rule.Matched[0], rule.Matched[1])
		}
		fmt.Fprintf(t, "  %d: %s  %s\n", rule.ID, count, rule.Message)
	}
	if told > toldRules {
		fmt.Fprintf(t, "  and %s; --json has all\n", counted(told-toldRules, "rule"))
	}
}

func (t *text) breakEven() {
	s := &t.Sides[1]
	fmt.Fprintf(t, "\nThe lowest threshold that refuses none of these for its score is %d.\n", s.BreakEven())
	if n := s.Refused - s.ByScore; n > 0 {
		fmt.Fprintf(t, "At any threshold %d would be refused: %d for bodies longer than is looked at, the others by rules that refuse on their own.\n", n, s.TooLong)
	}
	for i, name := range []string{"A", "B"} {
		if side := &t.Sides[i]; side.Failed > 0 && (i == 0 || t.b != nil) {
			fmt.Fprintf(t, "The engine of %s failed at %s: %v\n", name, counted(side.Failed, "request"), side.Failure)
		}
	}
}

func (t *text) live() {
	l := &t.Live
	switch {
	case l.Told == 0:
	case l.Differ == 0:
		fmt.Fprintf(t, "The door's own verdicts on %d of them were the same.\n", l.Told)
	default:
		fmt.Fprintf(t, "The door judged %d of them, and %d otherwise: by another policy, or from what the record does not hold. It said %q of\n", l.Told, l.Differ, l.Said)
		l.Example.text(t, false)
	}
}

// doubts say of how many requests not all was known.
func (t *text) doubts() {
	if len(t.Lack) == 0 {
		return
	}
	fmt.Fprintln(t, "\nNot all was known of some, so that more or less may match in what was sent:")
	listed(t, t.Lack)
}

func (r *Result) left(w io.Writer) {
	if len(r.Left) == 0 {
		return
	}
	fmt.Fprintln(w, "\nNot judged:")
	listed(w, r.Left)
}

func listed(w io.Writer, counts map[string]int) {
	for _, why := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(w, "  %d: %s\n", counts[why], why)
	}
}

func (t *text) cost() {
	each := func(i int) time.Duration {
		return (t.Sides[i].Cost / time.Duration(t.Requests)).Round(time.Microsecond)
	}
	fmt.Fprintf(t, "\nJudging took %s of CPU a request", each(0))
	if t.b != nil {
		fmt.Fprintf(t, " by A, %s by B", each(1))
	}
	if t.Requests < manyRequests {
		fmt.Fprint(t, "; the first few cost more than those that follow")
	}
	fmt.Fprintln(t, ".")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
