package waf

import "strings"

// Told reports whether a match says something about the request: a rule that
// initializes, sums up, refuses by the sum, or reports, does not.
func (m *Match) Told() bool { return !bookkeeping(m.Rule) }

func bookkeeping(rule int) bool {
	switch rule / 1000 {
	case 901, 905, 949, 959, 980, 999:
		return true
	}
	return false
}

// Scored reports whether it was the sum that refused, and not a rule of its own.
func (i *Interruption) Scored() bool { return bookkeeping(i.Rule) }

// Found is the part of a value that the rule found, as it tells it; empty if it
// does not.
func (m *Match) Found() string {
	rest, told := strings.CutPrefix(m.Data, "Matched Data: ")
	at := strings.LastIndex(rest, " found within ")
	if !told || at < 0 {
		return ""
	}
	return rest[:at]
}

// Target names what a value was in, as ARGS:q.
func (h *Hit) Target() string {
	switch {
	case h.Variable == "UNKNOWN":
		return ""
	case h.Key == "":
		return h.Variable
	}
	return h.Variable + ":" + h.Key
}
