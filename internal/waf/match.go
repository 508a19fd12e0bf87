package waf

import (
	"slices"
	"strings"
)

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

// Telling are the hits that say in what a rule matched: its own, without those of
// its chain. Where the last link judged what was made of one value of several,
// as 920450 does with the names of header fields, only that value's.
func (m *Match) Telling() []*Hit {
	var own, from []*Hit
	last := 0
	for i := range m.Hits {
		h := &m.Hits[i]
		if last = max(last, h.Link); h.Link == 0 {
			own = append(own, h)
		}
	}
	for i := range m.Hits {
		h := &m.Hits[i]
		if last == 0 || h.Link < last || h.Variable != "TX" && h.Variable != "MATCHED_VAR" {
			continue
		}
		if of := longestIn(own, h.Value); of != nil && !slices.Contains(from, of) {
			from = append(from, of)
		}
	}
	if from != nil {
		return from
	}
	return own
}

// longestIn is the hit whose value is the longest of those in a text, nil if none
// is.
func longestIn(hits []*Hit, text string) (of *Hit) {
	for _, h := range hits {
		if h.Value != "" && strings.Contains(text, h.Value) && (of == nil || len(h.Value) > len(of.Value)) {
			of = h
		}
	}
	return of
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
