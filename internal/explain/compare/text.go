package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Text writes the result for a terminal: what was compared, the first difference
// that matters with what both sides show, then the rest in order.
func (r *Result) Text(w io.Writer) {
	fmt.Fprintf(w, "bad:  %s\ngood: %s\n", r.Bad, r.Good)
	r.doubts(w)
	if len(r.Differences) == 0 {
		fmt.Fprintln(w, "\nNothing differs but what differs every time (dates, ids, tokens, ports).")
		if r.Good.Troubled && r.Bad.Troubled {
			fmt.Fprintln(w, "The good side is not well either. Compare with something that works.")
		}
		return
	}
	first := &r.Differences[0]
	if r.First() != nil {
		fmt.Fprintln(w, "\nThe first difference that matters:")
	} else {
		fmt.Fprintln(w, "\nNothing that came before the failure sets the sides apart. What differs:")
	}
	first.text(w, 1, len(first.Bad.Evidence))
	r.fixes(w, first)
	r.rest(w)
}

// doubts say what to know before the differences are believed.
func (r *Result) doubts(w io.Writer) {
	switch r.Aligned {
	case SameHost:
		fmt.Fprintln(w, "No request that fails is on the good side too; others to the same host were compared.")
	case All:
		fmt.Fprintln(w, "The two sides have no request or name in common; all was compared with all.")
	}
	if n := r.Good.Unread + r.Bad.Unread; n > 0 {
		fmt.Fprintf(w, "What %s carried could not be read and was not compared: give the secrets (--keys).\n", counted(n, "connection"))
	}
	if r.Good.Troubled && !r.Bad.Troubled {
		fmt.Fprintln(w, "Something is wrong on the good side and nothing on the bad one. Are the two swapped? The order is GOOD BAD.")
	}
}

// TextFirst writes the first difference that matters with what both sides show,
// without what to do. The arguments name the sides.
func (r *Result) TextFirst(w io.Writer, good, bad string) {
	first := r.First()
	if first == nil {
		return
	}
	fmt.Fprintf(w, "The first difference that matters (bad: %s; good: %s):\n", bad, good)
	first.text(w, 1, len(first.Bad.Evidence))
	if len(first.Findings) > 0 {
		fmt.Fprintf(w, "    known as %s\n", strings.Join(first.Findings, ", "))
	}
}

// rest prints the differences behind the first in short, and only names what the
// failed responses have otherwise.
func (r *Result) rest(w io.Writer) {
	if len(r.Differences) > 1 {
		fmt.Fprintln(w, "\nThen, in order:")
	}
	var told []string
	for i := range r.Differences {
		d := &r.Differences[i]
		switch {
		case i == 0:
		case d.ofFailure():
			told = append(told, strings.TrimPrefix(d.What, "response header "))
		default:
			d.text(w, i+1, 1)
		}
	}
	if len(told) > 0 {
		fmt.Fprintf(w, "    The failed responses also differ in the headers %s.\n", strings.Join(told, ", "))
	}
}

// ofFailure tells a header of the responses that are the failure.
func (d *Difference) ofFailure() bool {
	block, _, isField := aspect{key: d.Key}.field()
	return isField && block == "response" && d.When != Before
}

func (e Extent) String() string {
	part := func(n, of int, what string) string {
		if n == of {
			return counted(of, what)
		}
		return fmt.Sprintf("%d of %s", n, counted(of, what))
	}
	out := part(e.ComparedConns, e.Conns, "connection") + ", " + part(e.ComparedExchanges, e.Exchanges, "exchange") + " compared"
	if e.LeftOut > 0 {
		out += fmt.Sprintf("; %d more were left out to bound memory", e.LeftOut)
	}
	return out
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// text prints a difference, with so many pieces of evidence of the bad side.
func (d *Difference) text(w io.Writer, rank, evidence int) {
	fmt.Fprintf(w, "%2d. %s\n", rank, d.sentence())
	fmt.Fprintf(w, "    in %d of %s of the bad side", d.Bad.Count, counted(d.Bad.Of, d.Unit))
	if d.Good.Of > 0 {
		fmt.Fprintf(w, ", %d of %d of the good side", d.Good.Count, d.Good.Of)
	}
	fmt.Fprintf(w, "; %s\n", d.When.words())
	d.Bad.text(w, "bad", evidence)
	d.Good.text(w, "good", 1)
}

// sentence says what differs and how.
func (d *Difference) sentence() string {
	return fmt.Sprintf("%s: %s (good: %s)", d.What, clip(d.Bad.Value), clip(d.Good.Value))
}

func (w When) words() string {
	return [...]string{"before the failure", "with the failure", "after the failure"}[w%3]
}

func (s Shown) text(w io.Writer, side string, evidence int) {
	for _, e := range s.Evidence[:min(len(s.Evidence), evidence)] {
		fmt.Fprintf(w, "    %-4s %s\n", side, e)
	}
}

// fixes prints the findings that know a difference, with what to change.
func (r *Result) fixes(w io.Writer, d *Difference) {
	told := map[string]bool{}
	for _, f := range r.Findings {
		if told[f.ID] || !slices.Contains(d.Findings, f.ID) {
			continue
		}
		told[f.ID] = true
		fmt.Fprintln(w)
		var b strings.Builder
		f.Text(&b)
		for line := range strings.Lines(b.String()) {
			fmt.Fprint(w, "    "+line)
		}
	}
}
