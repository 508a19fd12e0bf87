package iisimport

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// value gives a setting; one that no line of the file has is the default of the
// schema, of which another file may say otherwise.
func (m *requestFiltering) value(key, builtin string) setting {
	if s, found := m.settings[key]; found {
		delete(m.settings, key)
		return s
	}
	within, name, _ := strings.Cut(key, ".")
	return setting{builtin, Line{Within: within, Text: fmt.Sprintf("%s=%q", name, builtin)}}
}

// flag reads true or false, which IIS writes in any letter case. What is neither
// is a fault for IIS, and the default here.
func (m *requestFiltering) flag(key string, builtin bool, report string) bool {
	s := m.value(key, fmt.Sprint(builtin))
	switch strings.ToLower(s.value) {
	case "true", "1":
		m.same(s.line, report)
		return true
	case "false", "0":
		m.same(s.line, report)
		return false
	}
	m.note(s.line, report, Lost, "it is neither true nor false, and IIS refuses the file (500.19); the default is taken, %t", builtin)
	return builtin
}

func (m *requestFiltering) attributes() {
	f := &m.Filter
	f.DoubleEscaping = !m.flag("requestFiltering.allowDoubleEscaping", false, "double_escaping")
	f.HighBit = !m.flag("requestFiltering.allowHighBitCharacters", true, "high_bit")
	f.RawQuery = !m.flag("requestFiltering.unescapeQueryString", true, "unescape_query")
	if remove := m.value("requestFiltering.removeServerHeader", "false"); strings.EqualFold(remove.value, "true") {
		f.Server.Remove = true
		m.note(remove.line, "server_header", Same, reauthNote)
	} else {
		m.same(remove.line, "server_header")
	}
	for _, element := range []string{"fileExtensions", "verbs", "hiddenSegments"} {
		s := m.value(element+".applyToWebDAV", "true")
		switch {
		case s.line.Number == 0:
		case strings.EqualFold(s.value, "false"):
			m.note(s.line, "", Lost, "requests of WebDAV are not told apart here: the list holds for them too")
		default:
			m.same(s.line, "")
		}
	}
}

// sizes reads the limits of lengths.
func (m *requestFiltering) sizes() {
	f := &m.Filter
	f.Max.Body = m.size("requestLimits.maxAllowedContentLength", "30000000", "max.body", "bodies sent in chunks are counted too, which IIS lets pass")
	f.Max.URL = m.size("requestLimits.maxUrl", "4096", "max.url", "")
	f.Max.Query = m.size("requestLimits.maxQueryString", "2048", "max.query", "")
	for _, i := range m.list("headerLimits").live() {
		value, _ := i.entry.attr("sizeLimit")
		n, ok := limitOf(value)
		switch {
		case !isToken(i.key):
			m.note(i.line, "", Lost, "%q is not the name of a header field", i.key)
		case !ok:
			m.note(i.line, "", Lost, "%q is not a number of bytes", value)
		default:
			f.Max.Headers = append(f.Max.Headers, HeaderLimit{i.key, n})
			m.same(i.line, "max.headers."+i.key)
		}
	}
}

func (m *requestFiltering) size(key, builtin, report, differs string) int64 {
	s := m.value(key, builtin)
	n, ok := limitOf(s.value)
	switch {
	case !ok:
		n, _ = limitOf(builtin)
		m.note(s.line, report, Lost, "it is no number of bytes, and IIS refuses the file (500.19); the default is taken, %d", n)
	case n == 0:
		m.note(s.line, "", Lost, "a limit of 0 lets nothing through that has this part at all; no limit is made")
	case differs != "":
		m.note(s.line, report, Differs, "%s", differs)
	default:
		m.same(s.line, report)
	}
	return n
}

// unknown reports the attributes that nothing has read.
func (m *requestFiltering) unknown() {
	for _, key := range slices.Sorted(maps.Keys(m.settings)) {
		m.note(m.settings[key].line, "", Lost, "the reference of IIS has no such attribute")
	}
}
