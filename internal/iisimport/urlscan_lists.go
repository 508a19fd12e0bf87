package iisimport

import (
	"fmt"
	"strings"
)

func (u *urlscan) verbs() {
	allow, o := u.set("UseAllowVerbs", true)
	u.Filter.Verbs.Allow = allow
	if !allow {
		u.same(o.line, "verbs.deny")
		u.entries("DenyVerbs", "verbs.deny", func(l Line, verb string) { u.denyVerb(l, verb) })
		u.unread("AllowVerbs", "UseAllowVerbs=0: UrlScan reads [DenyVerbs] in its place")
		return
	}
	u.entries("AllowVerbs", "verbs.allow", func(l Line, verb string) { u.allowVerb(l, verb) })
	u.unread("DenyVerbs", "UseAllowVerbs=1: UrlScan reads [AllowVerbs] in its place")
	u.allowList(o.line, "verbs.allow", "[AllowVerbs]", len(u.Filter.Verbs.List))
}

// allowVerb takes a verb that may come. UrlScan compares letter case, and
// methods are upper case almost always (RFC 9110 section 9.1).
func (m *importer) allowVerb(l Line, verb string) {
	if !isToken(verb) {
		m.note(l, "", Lost, "%q is no method; no request has it", verb)
		return
	}
	if upper := strings.ToUpper(verb); upper != verb {
		given := m.ask(Question{Key: askVerbCase, Number: l.Number,
			Text:    fmt.Sprintf("The verb %q is allowed in lower case, and letter case counts there: %s is refused today. What should come through?", verb, upper),
			Answers: []Answer{{"as_written", "what is written, so that " + upper + " stays refused"}, {"upper", "the verbs in upper case, as clients send them"}}})
		if given == "upper" {
			m.Filter.Verbs.List = append(m.Filter.Verbs.List, upper)
			m.note(l, "verbs.allow", Differs, "taken as %s, as answered", upper)
			return
		}
	}
	m.Filter.Verbs.List = append(m.Filter.Verbs.List, verb)
	m.same(l, "verbs.allow")
}

func (m *importer) denyVerb(l Line, verb string) {
	if !isToken(verb) {
		m.note(l, "", Lost, "%q is no method; no request has it", verb)
		return
	}
	m.Filter.Verbs.List = append(m.Filter.Verbs.List, verb)
	m.same(l, "verbs.deny")
}

// allowList reports the option that chose a list of what may come. An empty one
// refuses everything, which is no configuration to keep.
func (u *urlscan) allowList(l Line, key, list string, entries int) {
	if entries == 0 {
		u.note(l, "", Lost, "%s is empty, so that UrlScan refuses every request; here no such list is made", list)
		return
	}
	u.same(l, key)
}

func (u *urlscan) extensions() {
	allow, o := u.set("UseAllowExtensions", true)
	u.Filter.Extensions = Names{Allow: allow}
	list, other, key := "AllowExtensions", "DenyExtensions", "extensions.allow"
	if !allow {
		list, other, key = other, list, "extensions.deny"
	}
	u.entries(list, key, func(l Line, extension string) { u.extension(l, key, extension) })
	u.unread(other, fmt.Sprintf("%s: UrlScan reads [%s] in its place", o.line.Text, list))
	if allow {
		u.allowList(o.line, key, "[AllowExtensions]", len(u.Filter.Extensions.List))
		return
	}
	u.same(o.line, key)
}

func (u *urlscan) extension(l Line, key, extension string) {
	switch {
	case !isExtension(extension):
		u.note(l, "", Lost, "an extension is a dot and what follows it, without a further dot or slash; UrlScan never meets this one")
		return
	case extension == ".":
		// KB 312376: from build 6.0.3574.0 on.
		given := u.ask(Question{Key: askDot, Number: l.Number,
			Text:    "A lone dot stands for URLs without an extension from build 6.0.3574.0 of UrlScan.dll on (2.1 and later). Which build reads this file?",
			Answers: []Answer{{"none", "6.0.3574.0 or later: it stands for URLs without an extension"}, {"ignore", "an earlier one: the dot means nothing"}}})
		if given == "ignore" {
			u.note(l, "", Unused, "builds before 6.0.3574.0 do not know the lone dot, as answered")
			return
		}
	}
	u.Filter.Extensions.List = append(u.Filter.Extensions.List, extension)
	u.same(l, key)
}

func (u *urlscan) denyHeaders() {
	u.entries("DenyHeaders", "deny_headers", func(l Line, entry string) {
		name, colon := strings.CutSuffix(entry, ":")
		if !isToken(name) {
			u.note(l, "", Lost, "%q is not the name of a header field; no request has it", name)
			return
		}
		u.Filter.DenyHeaders = append(u.Filter.DenyHeaders, name)
		if !colon {
			u.note(l, "deny_headers", Differs, "UrlScan wants a colon behind the name and may not have refused it; here it is refused")
			return
		}
		u.same(l, "deny_headers")
	})
}

// sequences takes a list of texts that may not stand in a part of the request.
func (u *urlscan) sequences(name, key string, to *[]string) {
	u.entries(name, key, func(l Line, entry string) {
		*to = append(*to, u.sequence(l, entry))
		u.text(l, key, entry)
	})
}

// text reports a text that is looked for.
func (m *importer) text(l Line, key, text string) {
	if strings.IndexFunc(text, func(r rune) bool { return r > 0x7f }) >= 0 {
		m.note(l, key, Differs, "here its letters outside of ASCII are looked for in UTF-8 only")
		return
	}
	m.same(l, key)
}

// sequence gives an entry of a list of texts as it is written here, where %XX is a
// byte. UrlScan 3.1 reads it so too, earlier versions as it stands.
func (u *urlscan) sequence(l Line, entry string) (written string) {
	if !hasEscape(entry) {
		return entry
	}
	if v := u.version(l.Number, fmt.Sprintf("3.1 reads %q with its escapes undone, earlier versions look for the letters as they stand.", entry)); v != v31 {
		return escapePercent(entry)
	}
	return entry
}

// escapePercent writes a text so that undoing the escapes gives it again.
func escapePercent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if hasEscape(s[i:min(i+3, len(s))]) {
			b.WriteString("%25")
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// hasEscape tells whether %XX stands in s.
func hasEscape(s string) bool {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '%' && isHex(s[i+1]) && isHex(s[i+2]) {
			return true
		}
	}
	return false
}

// isExtension tells whether an extension can be met: a dot alone, or with what
// stands behind the last dot of a name.
func isExtension(s string) bool {
	rest, dotted := strings.CutPrefix(s, ".")
	return dotted && !strings.ContainsAny(rest, "./?")
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// isToken tells whether s may be the name of a header field (RFC 9110 section
// 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
