package compare

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// shownEvidence is how many units of a side are shown.
const shownEvidence = 2

// evidence shows some of the bad units, those first that a finding names, and
// good ones that tried the same.
func evidence(bad, good []sighting) (ofBad, ofGood []explain.Evidence) {
	bad, good = slices.Clone(bad), slices.Clone(good)
	slices.SortStableFunc(bad, func(a, b sighting) int { return len(b.unit.findings) - len(a.unit.findings) })
	if len(bad) == 0 || len(good) == 0 {
		return nil, nil
	}
	like := func(s sighting) int {
		if s.unit.kin(bad[0].unit) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(good, func(a, b sighting) int { return like(a) - like(b) })
	for _, s := range bad[:min(len(bad), shownEvidence)] {
		ofBad = append(ofBad, s.evidence())
		if e, ok := s.unit.end(s.event); ok {
			ofBad = append(ofBad, e)
		}
	}
	return ofBad, append(ofGood, good[0].evidence())
}

// kin tells that two units tried the same at the same point.
func (u *unit) kin(v *unit) bool {
	if u.x == nil || v.x == nil {
		return u.x == nil && v.x == nil
	}
	return u.position == v.position && u.request == v.request
}

func (s sighting) evidence() explain.Evidence {
	value := s.value
	if s.nature == timing {
		value = explain.Span(s.span)
	}
	text := s.label + ": " + clip(value)
	if name := s.unit.name(); name != "" {
		text = name + ": " + text
	}
	event := s.event
	if event < 0 && s.unit.x != nil {
		event = s.unit.at.first(s.unit.x.ID, flow.Request)
	}
	return explain.At(s.unit.conn, event, text)
}

// end is the evidence of how a bad unit failed, if that is another event.
func (u *unit) end(shown int) (explain.Evidence, bool) {
	if u.failure >= len(u.conn.Events) || u.failure == shown {
		return explain.Evidence{}, false
	}
	e := &u.conn.Events[u.failure]
	words := []string{"then: " + strings.ReplaceAll(e.Kind.String(), "-", " ")}
	if e.Status != 0 {
		words = append(words, fmt.Sprint(e.Status))
	}
	if e.Text != "" {
		words = append(words, e.Text)
	}
	if e.From != flow.Unknown {
		words = append(words, "by the "+e.From.String())
	}
	text := strings.Join(words, " ")
	if d, known := between(u.conn, shown, u.failure); known && d >= 0 {
		text += ", " + explain.Span(d) + " later"
	}
	return explain.At(u.conn, u.failure, text), true
}

// name says which request a unit is.
func (u *unit) name() string {
	if u.x == nil {
		return ""
	}
	name := u.x.Method + " " + clip(u.x.Target)
	if u.x.Status != 0 {
		name += fmt.Sprintf(" (%d)", u.x.Status)
	}
	return name
}

const clipAt = 80

func clip(s string) string {
	if r := []rune(s); len(r) > clipAt {
		return string(r[:clipAt]) + "..."
	}
	return s
}
