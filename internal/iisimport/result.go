// Package iisimport reads UrlScan.ini and the request filtering of IIS, and says
// what becomes of each line here. It reads what it is given and nothing else:
// what another file decides is said, and what the file leaves open is asked.
package iisimport

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fate says what became of a line.
type Fate string

// The fates of lines, from the best to the worst.
const (
	Same      Fate = "same"      // holds here as it did there
	Unused    Fate = "unused"    // had no effect there, and has none here
	Elsewhere Fate = "elsewhere" // is not about requests that are let through or refused
	Differs   Fate = "differs"   // is kept, but acts differently
	Lost      Fate = "lost"      // cannot be kept
)

// Line is a setting of the imported file and what became of it.
type Line struct {
	Number int    // in the file, from 1; 0: no line sets it, and the default of the server was taken
	Within string // section or element it stands in
	Text   string // as it is written, or name=value of a default
	Key    string // the key under filter that holds it; empty: none
	Fate   Fate
	Note   string // how it differs, or why it is not kept; empty: nothing to say
}

// Answer is something a question can be answered with.
type Answer struct{ Value, Meaning string }

// Question is asked where the file can be understood in more than one way.
type Question struct {
	Key     string
	Number  int // line it is about, 0 for one that is missing
	Text    string
	Answers []Answer // empty: a number, or the word none
	Given   string   // the answer that was used; empty: it is open
}

// Accepts tells whether an answer is one of those that can be given.
func (q *Question) Accepts(answer string) bool {
	if len(q.Answers) == 0 {
		_, ok := limitOf(answer)
		return ok || answer == noLimit
	}
	return slices.ContainsFunc(q.Answers, func(a Answer) bool { return a.Value == answer })
}

// Choices lists what Accepts takes, for messages.
func (q *Question) Choices() string {
	if len(q.Answers) == 0 {
		return "a number of bytes, or " + noLimit
	}
	var values []string
	for _, a := range q.Answers {
		values = append(values, a.Value)
	}
	return strings.Join(values, ", ")
}

// Result is an imported file.
type Result struct {
	Kind      string // such as "UrlScan 3.1" or "IIS request filtering"
	Encoding  string // of the file, such as "UTF-8"
	Remark    string // what holds of the whole file; empty: nothing
	Lines     []Line // by number; defaults that no line sets at the end
	Questions []Question
	Filter    Filter // not complete while a question is open
}

// Open lists the questions that nobody has answered.
func (r *Result) Open() (open []Question) {
	for _, q := range r.Questions {
		if q.Given == "" {
			open = append(open, q)
		}
	}
	return open
}

// Count tells how many lines had a fate.
func (r *Result) Count(f Fate) (n int) {
	for _, l := range r.Lines {
		if l.Fate == f {
			n++
		}
	}
	return n
}

// Answers are what the user has said, by the keys of questions.
type Answers map[string]string

// importer collects what both kinds of files come to.
type importer struct {
	Result
	answers Answers
}

// ask gives the answer to a question, empty if it is open. A question that was
// asked before is asked once.
func (m *importer) ask(q Question) string {
	for _, known := range m.Questions {
		if known.Key == q.Key {
			return known.Given
		}
	}
	if given := m.answers[q.Key]; q.Accepts(given) {
		q.Given = given
	}
	m.Questions = append(m.Questions, q)
	return q.Given
}

// note says what became of a line.
func (m *importer) note(l Line, key string, f Fate, format string, args ...any) {
	l.Key, l.Fate, l.Note = key, f, fmt.Sprintf(format, args...)
	m.Lines = append(m.Lines, l)
}

// same says that a line holds here as it did there.
func (m *importer) same(l Line, key string) { m.note(l, key, Same, "") }

// finish puts the lines in order and refuses answers to what is no question.
func (m *importer) finish(known ...string) (*Result, error) {
	slices.SortStableFunc(m.Lines, func(a, b Line) int {
		if (a.Number == 0) != (b.Number == 0) {
			return cmp.Compare(b.Number, a.Number)
		}
		return cmp.Compare(a.Number, b.Number)
	})
	for _, key := range slices.Sorted(maps.Keys(m.answers)) {
		given := m.answers[key]
		i := slices.IndexFunc(m.Questions, func(q Question) bool { return q.Key == key })
		switch {
		case i >= 0 && m.Questions[i].Given == "":
			return nil, &AnswerError{key, given, "answer with " + m.Questions[i].Choices()}
		case i < 0 && !slices.Contains(known, key):
			return nil, &AnswerError{key, given, "this file asks no such question"}
		}
	}
	return &m.Result, nil
}

// AnswerError is an answer that no question takes.
type AnswerError struct{ Key, Given, Why string }

func (e *AnswerError) Error() string { return fmt.Sprintf("answer %s=%s: %s", e.Key, e.Given, e.Why) }
