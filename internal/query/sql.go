package query

import (
	"net/netip"
	"strings"
)

// Where is a filter as far as a database can judge it. What the filter matches,
// Text matches; if Exact, it matches nothing else. Null is no match.
type Where struct {
	Text  string
	Args  []any
	Exact bool
}

// Column holds values of a field; null was not observed.
type Column struct {
	Name string
	// Instead holds the values from From on and null for those below; it is
	// asked where lower values cannot match. Empty: there is none.
	Instead string
	From    int64
}

// maxArgs bounds the values of a Where; a filter with more is not judged by the
// database.
const maxArgs = 2000

// SQL translates a filter into SQLite's SQL. columns gives, by field, the columns
// that together hold all of its values. Texts are stored
// as they are, names in lower case, times and durations in nanoseconds, addresses
// as 16 bytes, IPv4 mapped. Fields without columns are left to the filter.
func (f *Filter) SQL(columns map[string][]Column) Where {
	w := f.root.sql(columns)
	if len(w.Args) > maxArgs {
		return anything()
	}
	return w
}

// anything is the Where of what only the filter can judge.
func anything() Where { return Where{Text: "1"} }

func (n either) sql(columns map[string][]Column) Where {
	a, b := n.left.sql(columns), n.right.sql(columns)
	if a.Text == "1" || b.Text == "1" {
		return anything()
	}
	return Where{"(" + a.Text + " OR " + b.Text + ")", append(a.Args, b.Args...), a.Exact && b.Exact}
}

func (n both) sql(columns map[string][]Column) Where {
	a, b := n.left.sql(columns), n.right.sql(columns)
	switch {
	case a.Text == "1":
		b.Exact = false
		return b
	case b.Text == "1":
		a.Exact = false
		return a
	}
	return Where{"(" + a.Text + " AND " + b.Text + ")", append(a.Args, b.Args...), a.Exact && b.Exact}
}

func (n never) sql(columns map[string][]Column) Where {
	w := n.of.sql(columns)
	if !w.Exact {
		return anything()
	}
	w.Text = "NOT coalesce(" + w.Text + ", 0)"
	return w
}

func (n present) sql(columns map[string][]Column) Where {
	names := columns[n.field.name]
	if len(names) == 0 || n.field.kind == Flag {
		return anything()
	}
	return Where{observed(names), nil, true}
}

func observed(columns []Column) string {
	var out []string
	for _, c := range columns {
		out = append(out, c.Name+" IS NOT NULL")
	}
	return "(" + strings.Join(out, " OR ") + ")"
}

func (n *comparison) sql(columns map[string][]Column) Where {
	of := columns[n.field.name]
	if len(of) == 0 || n.op == "~" || n.field.kind == Flag || n.field.kind == Version {
		return anything()
	}
	w := Where{Exact: true}
	var any []string
	for _, c := range of {
		for i := range n.values {
			text, args := n.one(c.name(n.op, &n.values[i]), &n.values[i])
			any, w.Args = append(any, text), append(w.Args, args...)
		}
	}
	w.Text = "(" + strings.Join(any, " OR ") + ")"
	if n.none {
		w.Text = "(" + observed(of) + " AND NOT coalesce(" + w.Text + ", 0))"
	}
	return w
}

// name is that of the column to compare with an operand.
func (c Column) name(op string, o *operand) string {
	if c.Instead != "" && o.from >= c.From && !strings.HasPrefix(op, "<") && op != "contains" {
		return c.Instead
	}
	return c.Name
}

// one compares a column with one operand.
func (n *comparison) one(name string, o *operand) (string, []any) {
	switch n.op {
	case "<", "<=", ">", ">=":
		return name + " " + n.op + " ?", []any{o.from}
	case "contains":
		return "instr(" + name + ", ?) > 0", []any{o.text}
	}
	switch n.field.kind {
	case Text, Word, Name:
		return name + " = ?", []any{o.text}
	case Address:
		low, high := bounds(o.network)
		return name + " BETWEEN ? AND ?", []any{low, high}
	}
	if o.from == o.to {
		return name + " = ?", []any{o.from}
	}
	return name + " BETWEEN ? AND ?", []any{o.from, o.to}
}

// bounds are the lowest and the highest address of a network, as 16 bytes.
func bounds(p netip.Prefix) (low, high []byte) {
	a, bits := p.Addr().As16(), p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	b := a
	for i := bits; i < 128; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return a[:], b[:]
}
