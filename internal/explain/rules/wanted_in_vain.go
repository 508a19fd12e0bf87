package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

const (
	// triedAgain is how soon another try that works makes up for one that failed.
	triedAgain = 2 * time.Second
	// namesNamed is how many names that do not resolve get a finding each.
	namesNamed = 5
)

// checkSearches reports the names that packets show to be asked for in vain.
func checkSearches(p *explain.Pass) {
	wishes := wantedInVain(p)
	if len(wishes) > namesNamed {
		reportManyInVain(p, wishes)
		return
	}
	for _, w := range wishes {
		reportInVain(p, w)
	}
}

// wish is the names that a client tried one after the other for one it wanted.
type wish struct {
	client string
	tried  []*search
}

// wantedInVain gives the wishes that led to nothing, each name once.
func wantedInVain(p *explain.Pass) (out []*wish) {
	all := searches(p)
	wishes := wishesOf(all)
	end := lastEvent(p)
	known := reached(p)
	for _, w := range wishes {
		last := w.tried[len(w.tried)-1]
		if known[last.name] || known[firstLabel(last.name)] || w.granted(all) || !last.over(end) || needless(last.name) {
			continue
		}
		known[last.name] = true
		out = append(out, w)
	}
	return withoutTests(out)
}

// wishesOf puts the names of a search list together: the next one has the same
// first label, and is asked for at once.
func wishesOf(all []*search) (out []*wish) {
	last := map[netip.Addr]*wish{}
	for _, s := range all {
		w := last[s.client]
		if w == nil || !w.goesOn(s) {
			w = &wish{client: s.asker()}
			last[s.client] = w
			out = append(out, w)
		}
		w.tried = append(w.tried, s)
	}
	return out
}

func (w *wish) goesOn(s *search) bool {
	last := w.tried[len(w.tried)-1]
	gap := s.began().Sub(last.ended())
	return firstLabel(last.name) == firstLabel(s.name) && last.name != s.name && gap >= 0 && gap < searchPause && len(last.found) == 0
}

func firstLabel(name string) string {
	label, _, _ := strings.Cut(name, ".")
	return label
}

// granted tells that one of the names was found, or was soon after.
func (w *wish) granted(all []*search) bool {
	for _, s := range w.tried {
		if len(s.found) > 0 {
			return true
		}
		for _, o := range all {
			if o.name == s.name && o.client == s.client && len(o.found) > 0 && o.began().Sub(s.ended()) < triedAgain && !o.ended().Before(s.began()) {
				return true
			}
		}
	}
	return false
}

// over tells that nothing more is to be expected of s at the end of the
// record, and that it was for an IPv4 address: who asks for IPv6 alone may
// know the other.
func (s *search) over(end time.Time) bool {
	if s.tries("A") == 0 {
		return false
	}
	if _, cut := s.answer(func(e *flow.Event) bool { return e.Attr(flow.KeyCut) == "yes" }); cut {
		return false // it is asked for again over TCP
	}
	return len(s.open) == 0 || s.tries("A") > 1 || end.Sub(s.ended()) > searchPatience
}

// lastEvent is the time of the last event of the trace.
func lastEvent(p *explain.Pass) (end time.Time) {
	for _, c := range p.Trace.Conns {
		for i := range c.Events {
			if c.Events[i].At.After(end) {
				end = c.Events[i].At
			}
		}
	}
	return end
}

// needless are names that programs ask for to learn something about the
// network; most do not exist, and nobody waits for them.
func needless(name string) bool {
	switch firstLabel(name) {
	case "wpad", "isatap", "ipv4only", "use-application-dns", "_dns", "local":
		return true
	}
	return strings.HasPrefix(name, "_") || strings.HasSuffix(name, ".arpa")
}

// reached are the names for which there are connections: whose address another
// source than DNS had, such as the hosts file, if DNS had none.
func reached(p *explain.Pass) map[string]bool {
	out := map[string]bool{}
	for _, c := range p.Trace.Conns {
		if c.Scheme != flow.SchemeDNS && c.Server.IsValid() {
			out[sought(c)] = true
		}
	}
	return out
}

// withoutTests leaves out the made-up names by which Chrome tests whether its
// name server invents addresses: three without a dot, at once.
func withoutTests(wishes []*wish) []*wish {
	plain := func(w *wish) bool { return !strings.Contains(w.tried[0].name, ".") && len(w.tried) == 1 }
	return slices.DeleteFunc(slices.Clone(wishes), func(w *wish) bool {
		n := 0
		for _, o := range wishes {
			if plain(o) && o.client == w.client && o.tried[0].began().Sub(w.tried[0].began()).Abs() < time.Second {
				n++
			}
		}
		return plain(w) && n >= 3
	})
}

func reportInVain(p *explain.Pass, w *wish) {
	last := w.tried[len(w.tried)-1]
	why, at, sure := last.why()
	if at.c == nil && lastEvent(p).Equal(last.ended()) {
		sure = explain.Possible // what came later was not captured
	}
	f := explain.Finding{
		Confidence: sure,
		Cause:      fmt.Sprintf("%s asked for the address of %s: %s. No connection for it follows.", w.client, last.name, why),
		Fixes:      forName(p.Fixes(), last.name),
		Evidence:   []explain.Evidence{explain.At(last.said[0].c, last.said[0].i, "query for "+last.name+" to "+last.said[0].c.Server.String())},
	}
	if at.c != nil {
		f.Evidence = append(f.Evidence, explain.At(at.c, at.i, answerWords(at)))
	}
	f.Title = last.title(at)
	if len(w.tried) > 1 {
		f.Evidence = append(f.Evidence, explain.Fact("tried before, with other suffixes: "+strings.Join(names(w.tried[:len(w.tried)-1]), ", ")))
	}
	if sure != explain.Proof {
		f.Missing = []string{"that the answers are not missing in the capture only: what the program said, or the log of the name server"}
	}
	for _, s := range w.tried {
		blameSearch(p, &f, s)
	}
	p.Report(f)
}

// why says why s found nothing, which answer shows it, and how sure that is.
func (s *search) why() (words string, at said, sure explain.Confidence) {
	for _, code := range []struct{ rcode, words string }{
		{"NXDOMAIN", "the name server says that there is no such name (NXDOMAIN)"},
		{"SERVFAIL", "the name server failed to find out (SERVFAIL)"},
		{"REFUSED", "the name server refuses to tell (REFUSED)"},
		{"NOERROR", "the name exists, but has no address"},
	} {
		if at, ok := s.answer(func(e *flow.Event) bool { return e.Attr(flow.KeyRcode) == code.rcode }); ok {
			return code.words, at, explain.Proof
		}
	}
	if at, ok := s.answer(func(*flow.Event) bool { return true }); ok {
		return "the name server answers " + at.event().Attr(flow.KeyRcode), at, explain.Proof
	}
	return fmt.Sprintf("no name server answered, asked %s within %s", times(s.tries("A")), explain.Span(s.ended().Sub(s.began()))), said{}, explain.Likely
}

// title is empty where that of the rule fits: where nobody could tell, nothing
// is known of the name.
func (s *search) title(at said) string {
	switch {
	case at.c == nil:
		return noResolverAnswered
	case at.event().Attr(flow.KeyRcode) != "NXDOMAIN" && at.event().Attr(flow.KeyRcode) != "NOERROR":
		return notLookedUp
	}
	return ""
}

// answerWords says what an answer was.
func answerWords(m said) string {
	e := m.event()
	words := "answer for " + m.kind() + ": " + e.Attr(flow.KeyRcode)
	if a := e.Attr(flow.KeyAddresses); a != "" {
		return words + ", " + strings.ReplaceAll(a, ",", ", ")
	}
	if e.Attr(flow.KeyRcode) == "NOERROR" {
		words += ", no address"
	}
	return words
}

func names(all []*search) (out []string) {
	for _, s := range all {
		out = append(out, s.name)
	}
	return out
}

// reportManyInVain is one finding for names that are too many to be each worth
// one: a filter of advertisements does that, and so does a name server that is
// down.
func reportManyInVain(p *explain.Pass, wishes []*wish) {
	f := explain.Finding{Confidence: explain.Likely}
	var some []string
	dead := 0
	for _, w := range wishes {
		last := w.tried[len(w.tried)-1]
		if _, at, _ := last.why(); at.c == nil {
			dead++
		}
		if len(some) < namesNamed {
			some = append(some, last.name)
			why, _, _ := last.why()
			f.Evidence = append(f.Evidence, explain.At(last.said[0].c, last.said[0].i, last.name+": "+why))
			blameSearch(p, &f, last)
		}
	}
	f.Cause = fmt.Sprintf("%d names were asked for that have no address, among them %s.", len(wishes), strings.Join(some, ", "))
	switch {
	case dead == len(wishes):
		f.Cause += " To none of them came an answer: the name server is down, or cannot be reached."
		p.Report(f)
		return
	case dead == 0:
		f.Cause += " The name server answers; what filters advertisements does the same."
	}
	f.Missing = []string{"which of the names a user waited for"}
	p.ReportAs(explain.Note, f)
}
