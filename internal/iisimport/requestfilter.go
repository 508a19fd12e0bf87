package iisimport

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Keys of the questions about files of IIS; askVerbCase is another.
const (
	askLocation = "location"
	askEscapes  = "escapes"
)

// place is a requestFiltering element and what it is for.
type place struct {
	path string // of its location element; empty: the whole file
	at   *element
}

// requestFiltering is one configuration file of IIS on its way. The elements and
// their defaults: IIS configuration reference, requestFiltering.
type requestFiltering struct {
	importer
	places   []place
	byPath   map[string]*element    // the places by their paths in lower case
	settings map[string]setting     // attributes by element and name, the deepest last
	lists    map[string]*collection // by element
	server   bool                   // the file is of the whole server: applicationHost.config
}

// setting is an attribute of an element that has no list.
type setting struct {
	value string
	line  Line
}

// RequestFiltering imports the request filtering of web.config or
// applicationHost.config. The error is about the file, or an *AnswerError; with a
// Result, what stands before the fault of a damaged file was read.
func RequestFiltering(raw []byte, answers Answers) (*Result, error) {
	text, encoding, err := decodeText(raw)
	if err != nil {
		return nil, err
	}
	root, damage := parseXML(text)
	if root == nil {
		return nil, damage
	}
	m := &requestFiltering{importer: importer{answers: answers}, byPath: map[string]*element{}, settings: map[string]setting{}, lists: map[string]*collection{}}
	m.Kind, m.Encoding = "IIS request filtering", encoding
	m.find(root, "")
	if len(m.places) == 0 && len(m.Lines) == 0 {
		return nil, errors.Join(damage, errors.New("it has no requestFiltering element, so that IIS takes what its other files say; import the one that has it"))
	}
	for _, p := range m.choose() {
		m.read(p.at, p.at.name)
	}
	m.attributes()
	m.verbList()
	m.extensionList()
	m.sizes()
	m.texts()
	for _, r := range m.list("filteringRules").live() {
		m.rule(r)
	}
	m.unknown()
	if !m.server {
		m.Remark = "What files above this one say is not in it: applicationHost.config of a fresh IIS refuses 44 file extensions and hides 8 segments, which `preset: iis` adds for keys that are left out. Import that file too if it was changed."
	}
	result, err := m.finish(askLocation, askEscapes, askVerbCase)
	if err != nil {
		return nil, err
	}
	return result, damage
}

// find collects the requestFiltering elements of a file, or of a piece of one.
func (m *requestFiltering) find(e *element, path string) {
	switch e.name {
	case "requestFiltering":
		m.found(e, path)
		return
	case "location":
		at, _ := e.attr("path")
		path = cleanPath(at)
	case "configuration", "system.webServer", "security":
	case "system.applicationHost":
		m.server = true
		return
	default:
		return
	}
	for _, c := range e.children {
		m.find(c, path)
	}
}

func (m *requestFiltering) found(e *element, path string) {
	l := Line{Number: e.line, Within: label(path), Text: e.text()}
	source, external := e.attr("configSource")
	twin := m.byPath[strings.ToLower(path)]
	switch {
	case external:
		m.note(l, "", Lost, "its content stands in %s; import that file", source)
	case twin != nil:
		m.note(l, "", Lost, "line %d has one for the same place; IIS refuses such a file (500.19)", twin.line)
	default:
		m.places = append(m.places, place{path, e})
		m.byPath[strings.ToLower(path)] = e
	}
}

// cleanPath gives the path of a location element as IIS compares it: "." and ""
// are the file's own level.
func cleanPath(path string) string {
	return strings.Trim(strings.TrimPrefix(path, "."), "/")
}

func label(path string) string {
	if path == "" {
		return "the whole file"
	}
	return fmt.Sprintf("location %q", path)
}

// choose asks which place is meant if there are several, and gives the elements
// that hold there, the outermost first.
func (m *requestFiltering) choose() []place {
	if len(m.places) == 0 {
		return nil
	}
	chosen := m.places[0].path
	if len(m.places) > 1 {
		q := Question{Key: askLocation, Number: m.places[1].at.line, Text: "The file has request filtering for several places, each a filter of its own here. Which is to be imported? What holds above it is merged in."}
		for _, p := range m.places {
			q.Answers = append(q.Answers, Answer{cmp.Or(p.path, "."), label(p.path)})
		}
		if chosen = m.ask(q); chosen == "." {
			chosen = ""
		}
	}
	var chain []place
	for _, p := range m.places {
		if covers(p.path, chosen) {
			chain = append(chain, p)
			continue
		}
		m.note(Line{Number: p.at.line, Within: label(p.path), Text: p.at.text()}, "", Unused, "it is for %s; import it by itself with --answer %s=%s", label(p.path), askLocation, cmp.Or(p.path, "."))
	}
	slices.SortStableFunc(chain, func(a, b place) int { return cmp.Compare(len(a.path), len(b.path)) })
	return chain
}

// covers tells whether what holds at path a holds at b too, which lies under it.
func covers(a, b string) bool {
	if a == "" || strings.EqualFold(a, b) {
		return true
	}
	return len(b) > len(a) && b[len(a)] == '/' && strings.EqualFold(a, b[:len(a)])
}
