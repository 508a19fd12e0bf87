package iisimport

import "strings"

// rule reads a filteringRule.
func (m *requestFiltering) rule(r *item) {
	key := "rules." + r.key
	flag := func(name string, builtin bool) bool {
		value, set := r.entry.attr(name)
		if !set {
			return builtin
		}
		return strings.EqualFold(value, "true")
	}
	out := Rule{Name: r.key, URL: flag("scanUrl", false), Query: flag("scanQueryString", false), Raw: flag("scanAllRaw", false), UnescapedPercent: flag("denyUnescapedPercent", true)}
	entries := m.ruleEntries(r.entry)
	dead := false
	for _, i := range entries["appliesTo"] {
		if dead = !isExtension(i.key); dead {
			m.note(i.line, "", Lost, "no URL has such an extension")
			continue
		}
		out.Extensions = append(out.Extensions, i.key)
		m.same(i.line, key+".extensions")
	}
	for _, i := range entries["scanHeaders"] {
		if !isToken(i.key) {
			m.note(i.line, "", Lost, "%q is not the name of a header field", i.key)
			continue
		}
		out.Headers = append(out.Headers, i.key)
		m.same(i.line, key+".headers")
	}
	for _, i := range entries["denyStrings"] {
		out.Deny = append(out.Deny, m.sequence(i))
		m.text(i.line, key+".deny", i.key)
	}
	switch {
	case dead && len(out.Extensions) == 0:
		m.note(r.line, "", Unused, "it applies to no URL there can be")
	case !out.URL && !out.Query && !out.Raw && len(out.Headers) == 0:
		m.note(r.line, "", Unused, "the rule scans nothing")
	case len(out.Deny) == 0 && !out.UnescapedPercent:
		m.note(r.line, "", Unused, "the rule denies nothing")
	default:
		m.Filter.Rules = append(m.Filter.Rules, out)
		m.ruleNote(r, key)
	}
}

func (m *requestFiltering) ruleNote(r *item, key string) {
	if _, set := r.entry.attr("denyUnescapedPercent"); set {
		m.same(r.line, key)
		return
	}
	m.note(r.line, key, Same, `denyUnescapedPercent is not written and is true then, other than in UrlScan`)
}

// ruleEntries gives the lists of a rule by element.
func (m *requestFiltering) ruleEntries(at *element) map[string][]*item {
	out := map[string][]*item{}
	for _, e := range at.children {
		if parentOf(e.name) != "filteringRule" {
			m.strange(e, "filteringRule")
			continue
		}
		c := &collection{byKey: map[string]*item{}}
		for _, entry := range e.children {
			if isEntry(e.name, entry.name) {
				m.change(c, entry, e.name)
			} else {
				m.strange(entry, e.name)
			}
		}
		out[e.name] = c.live()
	}
	return out
}
