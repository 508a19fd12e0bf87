package score

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"fanlight/internal/explain"
)

// Kinds of faults.
const (
	Missed = "missed"      // a labelled finding is not there
	Wrong  = "wrong"       // a finding of severity warning or error is not labelled, or must not be there
	Alarm  = "false alarm" // the same in a healthy capture
)

// Fault is one answer that is not right. Rule is the rule at fault.
type Fault struct {
	Capture, Kind, Rule string
	Text                string // what was expected or found
}

// Row is what became of one rule.
type Row struct {
	Rule                            string
	Labelled, Found, Wrong, Alarmed int
}

// Table is a score over captures. The zero value is ready.
type Table struct {
	Healthy, Sick, Synthetic int // captures
	Faults                   []Fault

	rows map[string]*Row
}

// Rows are sorted by rule; only rules that were labelled or had a fault.
func (t *Table) Rows() []Row {
	var out []Row
	for _, r := range t.rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Row) int { return cmp.Compare(a.Rule, b.Rule) })
	return out
}

func (t *Table) row(rule string) *Row {
	if t.rows == nil {
		t.rows = map[string]*Row{}
	}
	if t.rows[rule] == nil {
		t.rows[rule] = &Row{Rule: rule}
	}
	return t.rows[rule]
}

// Add judges the findings of one capture. A label of nil is that of a healthy one.
func (t *Table) Add(capture string, label *Label, found []explain.Finding) {
	if label == nil {
		t.Healthy++
		t.unexpected(capture, Alarm, &Label{}, found)
		return
	}
	t.Sick++
	if label.Synthetic != "" {
		t.Synthetic++
	}
	for _, want := range label.Find {
		r := t.row(want.Rule)
		r.Labelled++
		if slices.ContainsFunc(found, want.matches) {
			r.Found++
			continue
		}
		t.Faults = append(t.Faults, Fault{capture, Missed, want.Rule, want.String()})
	}
	t.unexpected(capture, Wrong, label, found)
}

// unexpected looks for findings that the label does not have.
func (t *Table) unexpected(capture, kind string, label *Label, found []explain.Finding) {
	for _, f := range found {
		denied := slices.Contains(label.Not, f.ID)
		labelled := slices.ContainsFunc(label.Find, func(w Want) bool { return w.matches(f) })
		if f.Undecided || labelled || f.Severity == explain.Note && !denied {
			continue
		}
		if r := t.row(f.ID); kind == Alarm {
			r.Alarmed++
		} else {
			r.Wrong++
		}
		t.Faults = append(t.Faults, Fault{capture, kind, f.ID, fmt.Sprintf("%s (%s) on %s: %s", f.ID, f.Confidence, names(f), f.Cause)})
	}
}

func (w Want) matches(f explain.Finding) bool {
	has := func(want string, names []string) bool { return want == "" || slices.Contains(names, want) }
	return !f.Undecided && f.ID == w.Rule && has(w.Conn, texts(f.Conns)) && has(w.Exchange, texts(f.Exchanges)) &&
		(w.Confidence == "" || w.Confidence == f.Confidence.String())
}

func texts[T fmt.Stringer](ids []T) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

func names(f explain.Finding) string {
	return strings.Join(append(texts(f.Conns), texts(f.Exchanges)...), " ")
}

// Text writes the table and the faults for a terminal.
func (t *Table) Text(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "finding\tlabelled\tfound\twrong\tfalse alarms\n")
	total := Row{Rule: "all"}
	for _, r := range t.Rows() {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\n", r.Rule, r.Labelled, r.Found, r.Wrong, r.Alarmed)
		total.Labelled += r.Labelled
		total.Found += r.Found
		total.Wrong += r.Wrong
		total.Alarmed += r.Alarmed
	}
	fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\n", total.Rule, total.Labelled, total.Found, total.Wrong, total.Alarmed)
	_ = tw.Flush() // w keeps the error
	fmt.Fprintf(w, "\n%d captures of faults (%d synthetic), %d healthy ones\n", t.Sick, t.Synthetic, t.Healthy)
	for _, f := range t.Faults {
		fmt.Fprintf(w, "%s: %s: %s\n", f.Capture, f.Kind, f.Text)
	}
}
