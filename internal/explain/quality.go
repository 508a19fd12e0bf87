package explain

import "fanlight/internal/flow"

// Ways in which the record of a connection falls short, beside those of flow
// (flow.FlawOneSided and others).
const (
	FlawLost      = "lost"       // bytes passed that the capture did not keep
	FlawMidStream = "mid-stream" // it began before the capture
)

// Flaws are the ways in which the record of c falls short, each once.
func Flaws(c *flow.Conn) []string {
	var out []string
	seen := map[string]bool{}
	for i := range c.Events {
		what := flawOf(&c.Events[i])
		if what != "" && !seen[what] {
			seen[what] = true
			out = append(out, what)
		}
	}
	return out
}

func flawOf(e *flow.Event) string {
	switch e.Kind {
	case flow.AckedUnseen:
		return FlawLost
	case flow.MidStream:
		return FlawMidStream
	case flow.CaptureFlaw:
		return e.Text
	}
	return ""
}

// FlawAt is the index of the first event that shows a flaw of c, or -1.
func FlawAt(c *flow.Conn, flaw string) int {
	for i := range c.Events {
		if flawOf(&c.Events[i]) == flaw {
			return i
		}
	}
	return -1
}

// blind tells that something may have passed on c that its record does not
// show: silence proves nothing there. With hopeless, a whole direction is missing.
func blind(c *flow.Conn) (want string, hopeless bool) {
	for _, flaw := range Flaws(c) {
		switch flaw {
		case flow.FlawOneSided:
			return "a capture of both directions: only one side's packets are in this one", true
		case FlawLost:
			want = "a capture that lost no packets: this one lacks some of " + c.ID.String()
		case flow.FlawCut:
			want = "a capture of whole packets (snap length 0): those of " + c.ID.String() + " were cut"
		}
	}
	return want, false
}

// weigh lowers a finding that rests on silence to what the capture carries, and
// reports whether anything is left of it.
func (p *Pass) weigh(f *Finding) bool {
	if !p.rule.Silence {
		return true
	}
	for _, id := range f.Conns {
		c := p.Conn(id)
		if c == nil {
			continue
		}
		want, hopeless := blind(c)
		if hopeless {
			p.CannotTell(id, want)
			return false
		}
		if want != "" {
			f.Confidence = Possible
			f.Missing = append(f.Missing, want)
		}
	}
	return true
}
