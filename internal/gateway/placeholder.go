package gateway

import (
	"crypto/tls"
	"encoding/json"
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// Text is a configured text that may hold placeholders, {host} and others of
// Placeholders, taken apart once. What is no placeholder stays as it is; a name
// in double braces is the text of the placeholder itself.
type Text struct {
	parts []piece
	fixed bool
}

// piece is literal text, or the placeholder that follows it.
type piece struct {
	text string
	name string
	give giver
}

// giver writes what a placeholder stands for.
type giver func(b []byte, f *facts) []byte

// NewText takes a text apart.
func NewText(text string) Text {
	out := Text{fixed: true}
	rest := 0
	for _, at := range placeholder.FindAllStringIndex(text, -1) {
		word := text[at[0]:at[1]]
		if inner, doubled := strings.CutPrefix(word, "{{"); doubled {
			out.parts = append(out.parts, piece{text: text[rest:at[0]] + "{" + strings.TrimSuffix(inner, "}")})
			rest = at[1]
			continue
		}
		name, give := giverOf(word)
		if give == nil {
			continue
		}
		out.parts = append(out.parts, piece{text: text[rest:at[0]], name: name, give: give})
		out.fixed = false
		rest = at[1]
	}
	out.parts = append(out.parts, piece{text: text[rest:]})
	return out
}

// LiteralText is a text in which nothing is replaced.
func LiteralText(text string) Text { return Text{parts: []piece{{text: text}}, fixed: true} }

var placeholder = regexp.MustCompile(`\{\{[a-z_]+\}\}|\{[a-z_]+\}|\{[1-9]\}`)

// Empty reports whether there is no text at all.
func (t *Text) Empty() bool { return len(t.parts) == 0 || t.fixed && t.parts[0].text == "" }

// append writes the text; what placeholders stand for is written by quote,
// which may be nil.
func (t *Text) append(b []byte, f *facts, quote func(b []byte, name string, value []byte) []byte) []byte {
	for i := range t.parts {
		p := &t.parts[i]
		b = append(b, p.text...)
		switch {
		case p.give == nil:
		case quote == nil:
			b = p.give(b, f)
		default:
			b = quote(b, p.name, p.give(nil, f))
		}
	}
	return b
}

func quoteHTML(b []byte, _ string, value []byte) []byte {
	return append(b, html.EscapeString(string(value))...)
}

// quoteJSON makes a value a part of a string.
func quoteJSON(b []byte, _ string, value []byte) []byte {
	quoted, err := json.Marshal(string(value))
	if err != nil {
		return b // a string: it cannot fail
	}
	return append(b, quoted[1:len(quoted)-1]...)
}

// quoteQuery makes a value one of a query; a whole query stays as it came.
func quoteQuery(b []byte, name string, value []byte) []byte {
	if name == "query" {
		return append(b, value...)
	}
	return append(b, url.QueryEscape(string(value))...)
}

// facts are what placeholders stand for.
type facts struct {
	s        *session
	req      *httpconn.Request
	route    *Route
	does     *Site
	incident string
	status   int

	rejection *Page // what the filter that refused shows; nil: nothing of its own
}

// known are the placeholders by name.
func known() map[string]giver {
	return map[string]giver{
		"client":      func(b []byte, f *facts) []byte { return f.s.clientOf(f.req).AppendTo(b) },
		"scheme":      func(b []byte, f *facts) []byte { return append(b, f.s.scheme()...) },
		"host":        func(b []byte, f *facts) []byte { return append(b, hostname(f.req.Host)...) },
		"method":      func(b []byte, f *facts) []byte { return append(b, f.req.Method...) },
		"uri":         func(b []byte, f *facts) []byte { return f.uri(b) },
		"path":        func(b []byte, f *facts) []byte { path, _ := f.split(); return append(b, path...) },
		"query":       func(b []byte, f *facts) []byte { _, query := f.split(); return append(b, query...) },
		"site":        func(b []byte, f *facts) []byte { return append(b, f.site()...) },
		"sni":         func(b []byte, f *facts) []byte { return append(b, f.s.sni...) },
		"tls_version": func(b []byte, f *facts) []byte { return append(b, f.s.tlsVersion()...) },
		"incident":    func(b []byte, f *facts) []byte { return append(b, f.incident...) },
		"status":      func(b []byte, f *facts) []byte { return strconv.AppendInt(b, int64(f.status), 10) },
	}
}

// Placeholders are the names that may stand between braces, sorted; {1} to {9},
// which are what the groups of a route's pattern took, are not among them.
func Placeholders() []string { return slices.Sorted(maps.Keys(known())) }

func giverOf(word string) (name string, give giver) {
	name = strings.Trim(word, "{}")
	if n := int(name[0] - '0'); n >= 1 && n <= 9 {
		return name, func(b []byte, f *facts) []byte { return f.group(b, n) }
	}
	return name, known()[name]
}

// site is the site's name, empty before it is known.
func (f *facts) site() string {
	if f.does == nil {
		return ""
	}
	return f.does.Name
}

func (f *facts) split() (path, query []byte) {
	return httpwire.SplitTarget(f.req.Head.Bytes(f.req.Head.Target))
}

func (f *facts) uri(b []byte) []byte {
	path, query := f.split()
	b = append(b, path...)
	if len(query) > 0 {
		b = append(append(b, '?'), query...)
	}
	return b
}

// group is what the group n of the route's pattern took, percent-encoded as it
// was asked for; nothing if there is none.
func (f *facts) group(b []byte, n int) []byte {
	if f.route == nil || f.route.When.Pattern == nil {
		return b
	}
	encoded, ok := httpwire.EncodedPath(f.req.Head.Bytes(f.req.Head.Target))
	groups := f.route.When.Pattern.FindStringSubmatchIndex(f.req.Path)
	if !ok || 2*n+1 >= len(groups) || groups[2*n] < 0 {
		return b
	}
	from, to := httpwire.EncodedOffset(encoded, groups[2*n]), httpwire.EncodedOffset(encoded, groups[2*n+1])
	if from < 0 || to < from {
		return b
	}
	return append(b, encoded[from:to]...)
}

// tlsVersion is 1.3, 1.2, or empty without TLS.
func (s *session) tlsVersion() string {
	t, ok := s.transport.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return ""
	}
	return strings.TrimPrefix(tls.VersionName(t.ConnectionState().Version), "TLS ")
}
