package waf_test

import (
	"slices"
	"strings"
	"time"
)

// minimized is a smaller request in which the engines differ in the same way.
func (c *comparison) minimized(s *sample, key string) sample {
	undecided := c.undecided
	m := &minimizer{c: c, key: key, best: s.clone(), until: time.Now().Add(3 * time.Second)}
	for m.round() {
	}
	defer func() { c.undecided = undecided }()
	if _, _, same := c.both(&m.best, often); same {
		return s.clone() // a turn of luck on the way
	}
	return m.best
}

// minimizer takes things away while the difference stays.
type minimizer struct {
	c     *comparison
	key   string
	best  sample
	until time.Time
}

// try keeps a smaller request if it shows the difference.
func (m *minimizer) try(s sample) bool {
	if time.Now().After(m.until) {
		return false
	}
	oracle, ours, same := m.c.both(&s, 1)
	if same || oracle.beside(&ours) != m.key {
		return false
	}
	m.best = s
	return true
}

// round takes away each part in turn, and reports whether one was not needed.
func (m *minimizer) round() (smaller bool) {
	if m.best.response != nil {
		s := m.best.clone()
		s.response = nil
		smaller = m.try(s) || smaller
	}
	for i := len(m.best.fields) - 1; i >= 0; i-- {
		s := m.best.clone()
		s.fields = slices.Delete(s.fields, i, i+1)
		smaller = m.try(s) || smaller
	}
	smaller = m.shorter(func(s *sample) *string { return &s.target }) || smaller
	body := func(text string) sample { s := m.best.clone(); s.body = []byte(text); return s }
	smaller = m.cut(string(m.best.body), body) || smaller
	unparsed := func(text string) sample { s := m.best.clone(); s.unparsed = []byte(text); return s }
	if m.best.unparsed != nil {
		smaller = m.cut(string(m.best.unparsed), unparsed) || smaller
	}
	for i := range m.best.fields {
		smaller = m.shorter(func(s *sample) *string { return &s.fields[i][1] }) || smaller
	}
	return smaller
}

func (m *minimizer) shorter(member func(*sample) *string) bool {
	return m.cut(*member(&m.best), func(text string) sample {
		s := m.best.clone()
		*member(&s) = text
		return s
	})
}

// cut takes pieces out of a text, halves first, single bytes last.
func (m *minimizer) cut(text string, with func(string) sample) (smaller bool) {
	for _, separator := range []string{"&", ";", " "} {
		for parts := strings.Split(text, separator); len(parts) > 1; {
			at := slices.IndexFunc(parts, func(p string) bool {
				shorter := strings.Join(slices.DeleteFunc(slices.Clone(parts), func(q string) bool { return q == p }), separator)
				if !m.try(with(shorter)) {
					return false
				}
				text = shorter
				return true
			})
			if at < 0 {
				break
			}
			smaller, parts = true, strings.Split(text, separator)
		}
	}
	for size := len(text) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(text); {
			shorter := text[:at] + text[at+size:]
			if m.try(with(shorter)) {
				text, smaller = shorter, true
				continue
			}
			at += size
		}
	}
	return smaller
}
