package query

import (
	"net/netip"
	"strings"
)

// Where is a filter as far as a database can judge it. What the filter matches,
// Text matches; if Exact, it matches nothing else. Text is never null.
type Where struct {
	Text  string
	Args  []any
	Exact bool
}

// maxArgs bounds the values of a Where; a filter with more is not judged by the
// database.
const maxArgs = 2000

// SQL translates a filter into SQLite's SQL. columns names, by field, the columns
// that together hold all of its values; a null was not observed. Texts are stored
// as they are, names in lower case, times and durations in nanoseconds, addresses
// as 16 bytes, IPv4 mapped. Fields without columns are left to the filter.
func (f *Filter) SQL(columns map[string][]string) Where {
	w := f.root.sql(columns)
	if len(w.Args) > maxArgs {
		return anything()
	}
	return w
}

// anything is the Where of what only the filter can judge.
func anything() Where { return Where{Text: "1"} }

func (n either) sql(columns map[string][]string) Where {
	a, b := n.left.sql(columns), n.right.sql(columns)
	if a.Text == "1" || b.Text == "1" {
		return anything()
	}
	return Where{"(" + a.Text + " OR " + b.Text + ")", append(a.Args, b.Args...), a.Exact && b.Exact}
}

func (n both) sql(columns map[string][]string) Where {
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

func (n never) sql(columns map[string][]string) Where {
	w := n.of.sql(columns)
	if !w.Exact {
		return anything()
	}
	w.Text = "NOT " + w.Text
	return w
}

func (n present) sql(columns map[string][]string) Where {
	names := columns[n.field.name]
	if len(names) == 0 || n.field.kind == Flag {
		return anything()
	}
	return Where{observed(names), nil, true}
}

func observed(names []string) string {
	return "(" + strings.Join(names, " IS NOT NULL OR ") + " IS NOT NULL)"
}

func (n *comparison) sql(columns map[string][]string) Where {
	names := columns[n.field.name]
	if len(names) == 0 || n.op == "~" || n.field.kind == Flag || n.field.kind == Version {
		return anything()
	}
	w := Where{Exact: true}
	var any []string
	for _, name := range names {
		for i := range n.values {
			text, args := n.one(name, &n.values[i])
			any, w.Args = append(any, text), append(w.Args, args...)
		}
	}
	w.Text = "coalesce(" + strings.Join(any, " OR ") + ", 0)"
	if len(any) > 1 {
		for i := range any {
			any[i] = "coalesce(" + any[i] + ", 0)" // null OR false is null
		}
		w.Text = "(" + strings.Join(any, " OR ") + ")"
	}
	if n.none {
		w.Text = "(" + observed(names) + " AND NOT " + w.Text + ")"
	}
	return w
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
