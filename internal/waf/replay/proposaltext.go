package replay

import (
	"fmt"
	"io"
	"strconv"

	"fanlight/internal/waf"
)

// Text tells a proposal to a person: why the request is refused, what to write,
// the proof, and the price. others is what became of the other requests that
// there are records of; nil: there are none.
func (p *Proposal) Text(w io.Writer, others *Result) {
	e := example(p.Request, &p.Before, &p.After)
	fmt.Fprintf(w, "%s %s is refused, with a score of %d of %d (%s):\n", e.Method, e.Target, p.Before.Score, p.Policy.Inbound, e.Place.text())
	for i := range e.Rules {
		e.Rules[i].text(w)
	}
	fmt.Fprintf(w, "\n%s. Write it under the site:\n\n%s", p.promise(), p.YAML())
	if p.Unproven {
		fmt.Fprintf(w, "\nThis is NOT PROVEN. It goes by what the door recorded of its verdict; the request could not be judged again.\nCapture one like it (fanlight capture), and try that:\n")
	} else {
		fmt.Fprintf(w, "\nproof:\n  With it the request scores %d of %d, and passes.\n", p.After.Score, p.Policy.Inbound)
	}
	for _, lack := range p.Request.Lack {
		fmt.Fprintf(w, "  Not all of it was judged: %s.\n", lack)
	}
	p.others(w, others)
	p.price(w)
}

func (p *Proposal) promise() string {
	if p.Unproven {
		return "This should let it pass"
	}
	return "This lets it pass"
}

// YAML is what the configuration of the site needs.
func (p *Proposal) YAML() string {
	out := "waf:\n  exclude:\n"
	for i := range p.Excluded {
		e := &p.Excluded[i]
		out += "    - rule: " + strconv.Quote(e.Rule) + "\n"
		for _, member := range []struct{ key, value string }{
			{"target", e.Exclusion.Target}, {"host", e.Host}, {"path", e.Path}, {"exact", e.Exact}, {"method", e.Method}, {"why", p.why(e)},
		} {
			if member.value != "" {
				out += "      " + member.key + ": " + strconv.Quote(member.value) + "\n"
			}
		}
	}
	return out
}

func (p *Proposal) why(e *Excluded) string {
	return fmt.Sprintf("refused %s as: %s", p.Request.From.text(), e.Cause.Message)
}

func (p *Proposal) others(w io.Writer, r *Result) {
	if r == nil || r.Requests == 0 {
		fmt.Fprintln(w, "  There are no other requests to try it on; --over names some.")
		return
	}
	passing := 0
	for _, s := range r.Shapes {
		passing += s.NewlyPassing
	}
	fmt.Fprintf(w, "  Of %s more %d would pass that are refused now", counted(r.Requests, "request"), passing)
	if passing == 0 {
		fmt.Fprintln(w, ": all keep their verdict.")
	} else {
		fmt.Fprintln(w, ":")
	}
	for _, s := range r.Shapes {
		if s.NewlyPassing > 0 {
			fmt.Fprintf(w, "    %s: %d of %d\n", s.Name, s.NewlyPassing, s.Requests)
			s.Example.text(w, true)
		}
	}
	for _, rule := range r.Rules {
		if p.has(rule) && rule.Hits[0] > rule.Hits[1] {
			fmt.Fprintf(w, "  Rule %d would not match any more in %d values of them.\n", rule.ID, rule.Hits[0]-rule.Hits[1])
		}
	}
}

func (p *Proposal) has(r *Rule) bool {
	for i := range p.Excluded {
		if excludes(&p.Excluded[i].Exclusion, r) {
			return true
		}
	}
	return false
}

// price says what is not protected any more.
func (p *Proposal) price(w io.Writer) {
	fmt.Fprintln(w, "\nwhat is lost:")
	if p.Unproven {
		defer fmt.Fprintln(w, "  Attacks were not tried: where they would stand was not recorded.")
	}
	for i := range p.Excluded {
		e := &p.Excluded[i]
		fmt.Fprintf(w, "  Rule %s (%s) no longer looks at %s.\n", e.Rule, e.Cause.Message, lostOf(&e.Exclusion))
	}
	for i := range p.Attacks {
		p.Attacks[i].text(w)
	}
}

func lostOf(e *waf.Exclusion) string {
	what := e.Target
	if what == "" {
		what = "anything"
	}
	return what + " of " + scopeWords(e)
}

func (a *Attacks) text(w io.Writer) {
	if !a.Placed {
		fmt.Fprintf(w, "  Attacks could not be tried: %s cannot be given another value.\n", a.Target)
		return
	}
	fmt.Fprintf(w, "  Of %d %s put into %s %d are refused now, %d would still be by other rules, %d would pass:\n", a.Tried, a.Kind, a.Target, a.Before, a.After, len(a.Lost))
	for _, payload := range a.Lost {
		fmt.Fprintf(w, "    %s\n", payload)
	}
}
