package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Advice writes the finding for somebody who runs a gateway of that product and
// needs help with it now: what happened, what to do, and what shows it. What to
// change there comes first; if the trouble was with a client, what the client
// can change. Gateways of other makes are left out: they are in the rule's page.
func (f Finding) Advice(w io.Writer, product string, withClient bool) {
	fmt.Fprintf(w, "what happened: %s [%s]\n", f.Title, f.ID)
	wrap(w, "  ", "  ", f.Cause)
	wrap(w, "  ", "  ", f.sure())
	if len(f.Fixes) > 0 {
		fmt.Fprint(w, "\nwhat to do:\n")
	}
	first := func(x Fix) bool { return x.Product == product }
	if withClient {
		first = func(x Fix) bool { return x.Side == Client }
	}
	fixes, others := arrange(f.Fixes, product, first)
	for _, x := range fixes {
		x.advice(w, product)
	}
	if others {
		fmt.Fprintf(w, "  Gateways of other makes: fanlight explain %s\n", f.ID)
	}
	if len(f.Evidence) > 0 {
		fmt.Fprint(w, "\nwhat shows it:\n")
	}
	for _, e := range f.Evidence {
		wrap(w, "  ", "    ", e.String())
	}
}

// sure says in words how far the evidence carries.
func (f Finding) sure() string {
	text := map[Confidence]string{
		Proof:    "This is certain: the record shows the cause itself.",
		Likely:   "This is likely: it fits better than anything else, but the record does not prove it.",
		Possible: "This is possible: other causes fit as well.",
	}[f.Confidence]
	switch {
	case len(f.Missing) == 0:
		return text
	case f.Confidence == Proof:
		text += " More can be told from "
	default:
		text += " It would be certain with "
	}
	return text + strings.Join(f.Missing, ", and ") + "."
}

// arrange puts some fixes first, and leaves out those for other products that do
// the same work.
func arrange(fixes []Fix, product string, first func(Fix) bool) (out []Fix, others bool) {
	var rest []Fix
	for _, x := range fixes {
		switch {
		case x.Side == Gateway && x.Product != "" && x.Product != product:
			others = true
		case first(x):
			out = append(out, x)
		default:
			rest = append(rest, x)
		}
	}
	return slices.Concat(out, rest), others
}

func (x Fix) advice(w io.Writer, product string) {
	who := x.Product
	switch {
	case x.Product == "":
		who = "the " + x.Side
	case x.Product != product && x.Side != Gateway:
		who += " (the " + x.Side + ")"
	}
	x.as(w, "  ", who)
}
