package iisimport

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// YAML writes the filter for a site of fanlight.yaml, with a comment wherever it
// differs from the file it was made from, which has that name.
func (r *Result) YAML(name string) string {
	w := &writer{}
	w.comment("", fmt.Sprintf("Imported from %s (%s). It belongs into a site.", name, r.Kind))
	for _, l := range r.Lines {
		if l.Fate == Lost {
			w.comment("", "Not kept: "+l.String()+": "+l.Note)
		}
	}
	w.line("filter:")
	f := &r.Filter
	for _, key := range []struct {
		name  string
		write func(*Filter)
	}{
		{"mode", w.mode}, {"verbs", w.verbs}, {"extensions", w.extensions},
		{"deny_url", func(f *Filter) { w.list("  ", "deny_url", f.DenyURL) }},
		{"deny_query", func(f *Filter) { w.list("  ", "deny_query", f.DenyQuery) }},
		{"deny_headers", func(f *Filter) { w.list("  ", "deny_headers", f.DenyHeaders) }},
		{"hidden_segments", func(f *Filter) { w.list("  ", "hidden_segments", f.HiddenSegments) }},
		{"double_escaping", func(f *Filter) { w.choice("  double_escaping", f.DoubleEscaping) }},
		{"high_bit", func(f *Filter) { w.choice("  high_bit", f.HighBit) }},
		{"dots_in_path", func(f *Filter) { w.choice("  dots_in_path", f.DotsInPath) }},
		{"normalize", func(f *Filter) { w.line("  normalize: %t", !f.RawURL) }},
		{"unescape_query", w.unescapeQuery},
		{"max", w.max}, {"always_allow", w.always}, {"rules", w.rules}, {"rejected", w.rejected}, {"server_header", w.server},
	} {
		w.notes(r, key.name)
		key.write(f)
	}
	return w.b.String()
}

// String names a line: where it stands and what it says.
func (l Line) String() string {
	if l.Number == 0 {
		return l.Text
	}
	return fmt.Sprintf("line %d %s", l.Number, l.Text)
}

// writer makes YAML as people write it.
type writer struct{ b strings.Builder }

// widest is how long a line becomes.
const widest = 110

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.b, format+"\n", args...)
}

// comment writes a text as comments, folded.
func (w *writer) comment(indent, text string) {
	line := indent + "#"
	for i, word := range strings.Fields(text) {
		if i > 0 && len(line)+1+len(word) > widest {
			w.line("%s", line)
			line = indent + "#  "
		}
		line += " " + visible(word)
	}
	w.line("%s", line)
}

// visible escapes what a YAML file may not hold.
func visible(word string) string {
	return strings.Map(func(r rune) rune {
		if r == '\ufeff' || !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, word)
}

// notes writes how lines under a key differ.
func (w *writer) notes(r *Result, key string) {
	for _, l := range r.Lines {
		top, _, _ := strings.Cut(l.Key, ".")
		if top == key && l.Note != "" && (l.Fate == Differs || l.Fate == Same) {
			w.comment("  ", l.String()+": "+l.Note)
		}
	}
}

// list writes a list of texts, over several lines if it is long.
func (w *writer) list(indent, key string, items []string) {
	if len(items) == 0 {
		return
	}
	line := indent + key + ": ["
	for i, item := range items {
		text := quoted(item) + ","
		if i == len(items)-1 {
			text = quoted(item) + "]"
		}
		switch {
		case i > 0 && len(line)+1+len(text) > widest:
			w.line("%s", line)
			line = indent + "  " + text
		case i > 0:
			line += " " + text
		default:
			line += text
		}
	}
	w.line("%s", line)
}

func (w *writer) choice(key string, deny bool) {
	w.line("%s: %s", key, map[bool]string{false: "allow", true: "deny"}[deny])
}

func (w *writer) mode(f *Filter) {
	w.line("  mode: %s", map[bool]string{false: "block", true: "watch"}[f.Watch])
}

// unescapeQuery is said where something looks at queries.
func (w *writer) unescapeQuery(f *Filter) {
	if len(f.DenyQuery) > 0 || slices.ContainsFunc(f.Rules, func(r Rule) bool { return r.Query }) {
		w.line("  unescape_query: %t", !f.RawQuery)
	}
}

func (w *writer) verbs(f *Filter) {
	w.names("verbs", f.Verbs)
	if f.Verbs.Exact && !f.Verbs.Allow && len(f.Verbs.List) > 0 {
		w.line("    ignore_case: false")
	}
}

func (w *writer) extensions(f *Filter) { w.names("extensions", f.Extensions) }

func (w *writer) names(key string, n Names) {
	if len(n.List) > 0 {
		w.line("  %s:", key)
		w.list("    ", map[bool]string{false: "deny", true: "allow"}[n.Allow], n.List)
	}
}

func (w *writer) max(f *Filter) {
	m := f.Max
	if m.URL+m.Query+m.Body == 0 && len(m.Headers) == 0 {
		return
	}
	w.line("  max:")
	for _, limit := range []struct {
		key   string
		bytes int64
	}{{"url", m.URL}, {"query", m.Query}, {"body", m.Body}} {
		if limit.bytes > 0 {
			w.line("    %s: %d", limit.key, limit.bytes)
		}
	}
	if len(m.Headers) > 0 {
		w.line("    headers:")
	}
	for _, h := range m.Headers {
		w.line("      %s: %d", quoted(h.Name), h.Bytes)
	}
}

func (w *writer) always(f *Filter) {
	if len(f.Always.URLs)+len(f.Always.Queries) == 0 {
		return
	}
	w.line("  always_allow:")
	w.list("    ", "urls", f.Always.URLs)
	w.list("    ", "queries", f.Always.Queries)
	w.line("    skips: %s", f.Always.Skips)
}

func (w *writer) rules(f *Filter) {
	if len(f.Rules) > 0 {
		w.line("  rules:")
	}
	for _, r := range f.Rules {
		w.line("    - name: %s", quoted(r.Name))
		w.list("      ", "extensions", r.Extensions)
		for _, part := range []struct {
			key string
			on  bool
		}{{"url", r.URL}, {"query", r.Query}, {"raw", r.Raw}} {
			if part.on {
				w.line("      %s: true", part.key)
			}
		}
		w.list("      ", "headers", r.Headers)
		w.list("      ", "deny", r.Deny)
		w.choice("      unescaped_percent", r.UnescapedPercent)
	}
}

func (w *writer) rejected(f *Filter) {
	if f.Status > 0 {
		w.line("  rejected: {status: %d}", f.Status)
	}
}

func (w *writer) server(f *Filter) {
	switch {
	case f.Server.Remove:
		w.line("  server_header: remove")
	case f.Server.Set != "":
		w.line("  server_header: {set: %s}", quoted(f.Server.Set))
	default:
		w.line("  server_header: keep")
	}
}

// quoted writes a text as YAML: bare where nothing could be read into it.
func quoted(s string) string {
	letters := strings.TrimLeft(s, ".")
	bare := letters != "" && strings.Trim(letters, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == "" &&
		(letters[0] >= 'A' && letters[0] <= 'Z' || letters[0] >= 'a' && letters[0] <= 'z')
	words := []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", ".inf", ".nan"}
	if bare && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
