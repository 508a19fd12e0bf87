package iisimport

import (
	"fmt"
	"strings"
)

// iniLine is a line of an ini file that holds something.
type iniLine struct {
	number int
	text   string // without comment and blanks around it
	name   string // before the equals sign; the whole text where there is none
	value  string // behind it
	pair   bool   // there is an equals sign
}

// section is a part of an ini file under one heading.
type section struct {
	name   string // as written
	number int    // line of the heading; 0: of what stands before the first
	lines  []iniLine
}

// ini is an ini file as UrlScan has it: headings in brackets, one entry a line, a
// semicolon begins a comment anywhere.
type ini struct{ sections []section }

// maxLines is how long an ini file may be: lines of one name are looked for among
// all of their section.
const maxLines = 5000

// parseINI reads an ini file. A file without any heading is refused.
func parseINI(text string) (*ini, error) {
	file, number := &ini{sections: []section{{}}}, 0
	for raw := range strings.Lines(text) {
		if number++; number > maxLines {
			return nil, fmt.Errorf("it has more than %d lines", maxLines)
		}
		line, _, _ := strings.Cut(raw, ";")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if name, found := heading(line); found {
			file.sections = append(file.sections, section{name: name, number: number})
			continue
		}
		name, value, pair := strings.Cut(line, "=")
		last := &file.sections[len(file.sections)-1]
		last.lines = append(last.lines, iniLine{number, line, strings.TrimSpace(name), strings.TrimSpace(value), pair})
	}
	if len(file.sections) == 1 {
		return nil, fmt.Errorf("it has no [section], as UrlScan.ini has")
	}
	return file, nil
}

func heading(line string) (name string, found bool) {
	if !strings.HasPrefix(line, "[") {
		return "", false
	}
	name, _, found = strings.Cut(line[1:], "]")
	return strings.TrimSpace(name), found && strings.TrimSpace(name) != ""
}

// named gives the sections of that name, which is compared without regard to
// letter case.
func (f *ini) named(name string) (out []*section) {
	for i := range f.sections {
		if s := &f.sections[i]; s.number > 0 && strings.EqualFold(s.name, name) {
			out = append(out, s)
		}
	}
	return out
}
