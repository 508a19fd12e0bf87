package iisimport

import (
	"fmt"
	"slices"
	"strings"
)

// Keys of the questions about UrlScan.ini.
const (
	askVersion    = "version"
	askDuplicates = "duplicates"
	askServer     = "server_header"
	askZero       = "max_zero"
	askDot        = "dot_extension"
	askVerbCase   = "verb_case"
	askWatch      = "logging_only"
)

// Versions of UrlScan that differ in what they read.
const (
	v21 = "2.1"
	v25 = "2.5"
	v30 = "3.0"
	v31 = "3.1"
)

// urlscan is one UrlScan.ini on its way. The meaning of each option and what holds
// where it is missing: UrlScan 3 Reference and UrlScan 2 Reference (iis.net).
type urlscan struct {
	importer
	file   *ini
	proven string              // version, as provenVersion tells
	chosen map[string]*section // by lower-case name, nil where there is none
	read   map[int]bool        // numbers of lines and headings that were dealt with
}

// UrlScan imports an UrlScan.ini. The error is about the file, or an *AnswerError.
func UrlScan(raw []byte, answers Answers) (*Result, error) {
	text, encoding, err := decodeText(raw)
	if err != nil {
		return nil, err
	}
	file, err := parseINI(text)
	if err != nil {
		return nil, err
	}
	u := &urlscan{importer: importer{answers: answers}, file: file, chosen: map[string]*section{}, read: map[int]bool{}}
	u.Encoding = encoding
	u.Kind, u.proven = "UrlScan", file.provenVersion()
	if u.proven != "" {
		u.Kind += " " + u.proven
	}
	u.verbs()
	u.extensions()
	u.urls()
	u.queries()
	u.denyHeaders()
	u.limits()
	u.always()
	u.rules()
	u.refusals()
	u.serverHeader()
	u.elsewhere()
	u.rest()
	return u.finish(askVersion, askDuplicates, askServer, askZero, askDot, askVerbCase, askWatch)
}

// provenVersion is what the file itself shows: 3.1 if it has something only that
// reads, 3 if it has something from 3.0 on, else empty.
func (f *ini) provenVersion() string {
	proven := ""
	for i := range f.sections {
		s := &f.sections[i]
		if slices.ContainsFunc([]string{"AlwaysAllowedUrls", "AlwaysAllowedQueryStrings", "DenyQueryStringSequences"}, func(name string) bool { return strings.EqualFold(name, s.name) }) {
			proven = "3"
		}
		for _, l := range s.lines {
			switch {
			case strings.EqualFold(l.name, "DenyUnescapedPercent"):
				return v31
			case strings.EqualFold(l.name, "UnescapeQueryString"), strings.EqualFold(l.name, "RuleList"):
				proven = "3"
			}
		}
	}
	return proven
}

// version asks which UrlScan reads the file, where its line makes a difference and
// nothing in it tells. It is empty while that is open.
func (u *urlscan) version(number int, difference string) string {
	if u.proven == v31 {
		return v31
	}
	q := Question{Key: askVersion, Number: number, Text: "Which version of UrlScan reads this file? " + difference}
	if u.proven == "" {
		q.Answers = []Answer{{v21, "UrlScan 2.0 or 2.1, of the IIS Lockdown Tool"}, {v25, "UrlScan 2.5"}}
	}
	q.Answers = append(q.Answers, Answer{v30, "UrlScan 3.0"}, Answer{v31, "UrlScan 3.1 (the properties of UrlScan.dll tell)"})
	return u.ask(q)
}

// section gives the section that counts, nil if there is none.
func (u *urlscan) section(name string) *section {
	key := strings.ToLower(name)
	if s, known := u.chosen[key]; known {
		return s
	}
	all := u.file.named(name)
	if len(all) == 0 {
		u.chosen[key] = nil
		return nil
	}
	chosen := all[0]
	if len(all) > 1 {
		chosen = all[u.which(len(all), all[1].number, "section ["+name+"]")]
	}
	for _, s := range all {
		u.read[s.number] = true
		for _, l := range s.lines {
			if s != chosen {
				u.note(u.line(s, l), "", Unused, "the [%s] of line %d was taken, as answered", name, chosen.number)
			}
		}
	}
	u.chosen[key] = chosen
	return chosen
}

// which of n of a kind counts: nothing tells what UrlScan does.
func (u *urlscan) which(n, number int, what string) int {
	given := u.ask(Question{Key: askDuplicates, Number: number, Text: "The file has " + what + " more than once, and it is not documented which UrlScan reads. Which counts?",
		Answers: []Answer{{"first", "the first; Windows itself reads ini files so"}, {"last", "the last"}}})
	if given == "last" {
		return n - 1
	}
	return 0
}

// line makes a line of the report and marks it as dealt with.
func (u *urlscan) line(s *section, l iniLine) Line {
	u.read[l.number] = true
	return Line{Number: l.number, Within: s.name, Text: l.text}
}

// option is a setting of [Options].
type option struct {
	value string
	line  Line
	set   bool
}

// named finds a setting in a section, as which decides. One that is missing has
// the line of its default.
func (u *urlscan) named(s *section, name, builtin string) option {
	missing := option{builtin, Line{Within: "Options", Text: name + "=" + builtin}, false}
	if s == nil {
		return missing
	}
	missing.line.Within = s.name
	var all []iniLine
	for _, l := range s.lines {
		if strings.EqualFold(l.name, name) && l.pair {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return missing
	}
	same := !slices.ContainsFunc(all, func(l iniLine) bool { return l.value != all[0].value })
	i := 0
	if !same {
		i = u.which(len(all), all[1].number, name)
	}
	for k, l := range all {
		if k != i {
			u.note(u.line(s, l), "", Unused, "line %d sets it too, and was taken", all[i].number)
		}
	}
	return option{all[i].value, u.line(s, all[i]), true}
}

func (u *urlscan) option(name, builtin string) option {
	return u.named(u.section("Options"), name, builtin)
}

// flag reads a 0 or 1 of a section. What is neither is asked.
func (u *urlscan) flag(s *section, name string, builtin bool) (on bool, o option) {
	o = u.named(s, name, map[bool]string{false: "0", true: "1"}[builtin])
	value := o.value
	if value != "0" && value != "1" {
		value = u.ask(Question{Key: o.line.Within + "." + name, Number: o.line.Number,
			Text: fmt.Sprintf("%s is %q, which is neither 0 nor 1. Which was meant?", name, o.value), Answers: []Answer{{"0", "no"}, {"1", "yes"}}})
	}
	return value == "1", o
}

func (u *urlscan) set(name string, builtin bool) (bool, option) {
	return u.flag(u.section("Options"), name, builtin)
}

// entries are the lines of a list, each once.
func (u *urlscan) entries(name, key string, take func(l Line, text string)) {
	s := u.section(name)
	if s == nil {
		return
	}
	first := map[string]int{}
	for _, l := range s.lines {
		line := u.line(s, l)
		if twin := first[l.text]; twin > 0 {
			u.note(line, key, Unused, "line %d says so already", twin)
			continue
		}
		first[l.text] = l.number
		take(line, l.text)
	}
}

// unread says of a whole section that UrlScan does not read it.
func (u *urlscan) unread(name, why string) {
	if s := u.section(name); s != nil {
		for _, l := range s.lines {
			u.note(u.line(s, l), "", Unused, "%s", why)
		}
	}
}

// rest reports what nothing else dealt with.
func (u *urlscan) rest() {
	for i := range u.file.sections {
		s := &u.file.sections[i]
		why := "UrlScan has no such option; it is not read"
		switch {
		case s.number == 0:
			why = "it stands before the first [section]; UrlScan does not read it"
		case !u.read[s.number]:
			why = "UrlScan has no section of this name, and no rule in RuleList names it"
			u.note(Line{Number: s.number, Within: s.name, Text: "[" + s.name + "]"}, "", Lost, "%s", why)
		}
		for _, l := range s.lines {
			if !u.read[l.number] {
				u.note(u.line(s, l), "", Lost, "%s", why)
			}
		}
	}
}
