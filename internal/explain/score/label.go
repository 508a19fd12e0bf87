// Package score holds findings against labels: what people who made a capture
// know of it.
//
// A label is text, one statement a line; what follows # is for people:
//
//	find RULE-ID [conn c1] [exchange x1] [confidence proof]
//	not RULE-ID
//	synthetic REASON
//
// find: the rule has this finding, on that connection and exchange, with that
// confidence. not: the rule has no finding, of whatever severity. synthetic: no
// real software made the packets, for that reason.
package score

import (
	"errors"
	"fmt"
	"strings"

	"fanlight/internal/explain"
)

// Label says which findings a capture must give, and which it must not. The
// zero label is that of a healthy capture: no finding of severity warning or
// error.
type Label struct {
	Find      []Want
	Not       []string
	Synthetic string // why no real software made it; empty: it did
}

// Want is a finding that must be there. Empty parts may be anything.
type Want struct{ Rule, Conn, Exchange, Confidence string }

// String is the line of the label.
func (w Want) String() string {
	s := "find " + w.Rule
	for _, part := range [][2]string{{"conn", w.Conn}, {"exchange", w.Exchange}, {"confidence", w.Confidence}} {
		if part[1] != "" {
			s += " " + part[0] + " " + part[1]
		}
	}
	return s
}

// ParseLabel reads a label. known are the rules there are.
func ParseLabel(text string, known []explain.Rule) (Label, error) {
	var l Label
	ids := map[string]bool{}
	for _, r := range known {
		ids[r.ID] = true
	}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := l.add(words, ids); err != nil {
			return l, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	if len(l.Find)+len(l.Not) == 0 {
		return l, errors.New("it says neither find nor not")
	}
	return l, nil
}

func (l *Label) add(words []string, ids map[string]bool) error {
	if len(words) < 2 {
		return fmt.Errorf("%q: something is missing behind it", words[0])
	}
	if words[0] != "synthetic" && !ids[words[1]] {
		return fmt.Errorf("%q is no finding", words[1])
	}
	switch words[0] {
	case "find":
		w, err := parseWant(words[1:])
		l.Find = append(l.Find, w)
		return err
	case "not":
		l.Not = append(l.Not, words[1])
	case "synthetic":
		l.Synthetic = strings.Join(words[1:], " ")
	default:
		return fmt.Errorf("%q: expected find, not or synthetic", words[0])
	}
	return nil
}

func parseWant(words []string) (Want, error) {
	w := Want{Rule: words[0]}
	for rest := words[1:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) == 1 {
			return w, fmt.Errorf("%q: something is missing behind it", rest[0])
		}
		switch rest[0] {
		case "conn":
			w.Conn = rest[1]
		case "exchange":
			w.Exchange = rest[1]
		case "confidence":
			w.Confidence = rest[1]
		default:
			return w, fmt.Errorf("%q: expected conn, exchange or confidence", rest[0])
		}
	}
	return w, nil
}
