package replay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/waf"
)

// idle tells of exclusions of B, and not of A, that change nothing.
func (t *text) idle() {
	if t.b == nil {
		return
	}
	for i := range t.b.Exclusions {
		e := &t.b.Exclusions[i]
		if slices.Contains(t.a.Exclusions, *e) || slices.ContainsFunc(t.Rules, func(r *Rule) bool { return r.Hits[0] > r.Hits[1] && excludes(e, r) }) {
			continue
		}
		fmt.Fprintf(t, "\nThe exclusion of %s matches nothing here: no request has what it is for.\n", Words(e))
	}
}

// excludes tells whether a rule is one that an exclusion names.
func excludes(e *waf.Exclusion, r *Rule) bool {
	if tag, is := strings.CutPrefix(e.Rule, "tag:"); is {
		return slices.Contains(r.Tags, tag)
	}
	first, last, ranged := strings.Cut(e.Rule, "-")
	if !ranged {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	return err1 == nil && err2 == nil && from <= r.ID && r.ID <= to
}

// scopeWords says which requests an exclusion is for, empty if for all.
func scopeWords(e *waf.Exclusion) string {
	path := e.Exact
	if e.Path != "" {
		path = e.Path + "*"
	}
	return strings.TrimSpace(e.Method + " " + e.Host + path)
}

// Words says what an exclusion is for.
func Words(e *waf.Exclusion) string {
	out := "rule " + e.Rule
	if strings.HasPrefix(e.Rule, "tag:") {
		out = "rules of " + e.Rule
	}
	if e.Target != "" {
		out += " for " + e.Target
	}
	if scope := scopeWords(e); scope != "" {
		out += " in " + scope
	}
	return out
}
