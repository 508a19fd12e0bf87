package iisimport

import (
	"fmt"
	"strings"
)

// listed reads a list of what is let in and what is not. Only one of the two
// has an effect: with allowUnlisted what is refused, else what is let in.
func (m *requestFiltering) listed(element, key string, take func(i *item, key string)) (allow bool) {
	s := m.value(element+".allowUnlisted", "true")
	allow = strings.EqualFold(s.value, "false")
	report := key + map[bool]string{false: ".deny", true: ".allow"}[allow]
	taken := 0
	for _, i := range m.list(element).live() {
		allowed, set := i.entry.attr("allowed")
		if !set {
			allowed = "true" // the schema's default
		}
		if strings.EqualFold(allowed, "true") != allow {
			m.note(i.line, "", Unused, "allowUnlisted=%q says so for all that is not listed", s.value)
			continue
		}
		take(i, report)
		taken++
	}
	switch {
	case allow && taken == 0:
		m.note(s.line, "", Lost, "nothing is listed as allowed, so that IIS refuses every request; here no such list is made")
	default:
		m.same(s.line, report)
	}
	return allow
}

func (m *requestFiltering) verbList() {
	allow := strings.EqualFold(m.settings["verbs.allowUnlisted"].value, "false")
	m.Filter.Verbs = Names{Allow: allow, Exact: true}
	m.listed("verbs", "verbs", func(i *item, _ string) {
		if allow {
			m.allowVerb(i.line, i.key)
		} else {
			m.denyVerb(i.line, i.key)
		}
	})
}

func (m *requestFiltering) extensionList() {
	m.Filter.Extensions.Allow = m.listed("fileExtensions", "extensions", func(i *item, report string) {
		if !isExtension(i.key) {
			m.note(i.line, "", Lost, "an extension is a dot and what follows it, without a further dot or slash; IIS never meets this one")
			return
		}
		m.Filter.Extensions.List = append(m.Filter.Extensions.List, i.key)
		m.same(i.line, report)
	})
}

// sequence gives a text to look for as it is written here, where %XX is a byte.
// What IIS makes of that is not documented.
func (m *requestFiltering) sequence(i *item) string {
	if !hasEscape(i.key) {
		return i.key
	}
	given := m.ask(Question{Key: askEscapes, Number: i.line.Number,
		Text:    fmt.Sprintf("The documentation does not say what IIS looks for when a text in a list holds an escape, as %q. What is meant (by this and each like it)?", i.key),
		Answers: []Answer{{"byte", "the byte that the escape stands for"}, {"letters", "the percent sign and the digits, as an URL holds them that was escaped twice"}}})
	if given == "letters" {
		return escapePercent(i.key)
	}
	return i.key
}

// texts reads the lists of segments, sequences, and of what is always let in.
func (m *requestFiltering) texts() {
	f := &m.Filter
	for _, i := range m.list("hiddenSegments").live() {
		if strings.ContainsAny(i.key, `/\`) {
			m.note(i.line, "", Lost, "it is more than one segment of a path, and IIS compares segments")
			continue
		}
		f.HiddenSegments = append(f.HiddenSegments, i.key)
		m.text(i.line, "hidden_segments", i.key)
	}
	for _, list := range []struct {
		element, key string
		to           *[]string
	}{{"denyUrlSequences", "deny_url", &f.DenyURL}, {"denyQueryStringSequences", "deny_query", &f.DenyQuery}} {
		for _, i := range m.list(list.element).live() {
			*list.to = append(*list.to, m.sequence(i))
			m.text(i.line, list.key, i.key)
		}
	}
	for _, i := range m.list("alwaysAllowedUrls").live() {
		if !strings.HasPrefix(i.key, "/") {
			m.note(i.line, "", Unused, "it does not begin with a slash, which every URL does")
			continue
		}
		f.Always.URLs = append(f.Always.URLs, i.key)
		m.text(i.line, "always_allow.urls", i.key)
	}
	for _, i := range m.list("alwaysAllowedQueryStrings").live() {
		if strings.HasPrefix(i.key, "?") {
			m.note(i.line, "", Lost, "it begins with the question mark, which is no part of a query")
			continue
		}
		f.Always.Queries = append(f.Always.Queries, i.key)
		m.text(i.line, "always_allow.queries", i.key)
	}
	// Both only undo the list of sequences of their own kind (IIS reference,
	// alwaysAllowedUrls).
	f.Always.Skips = "sequences"
}
