package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (k *checker) siteFilter(path string, s *Site) {
	f, at := s.Filter, path+".filter"
	if f == nil {
		return
	}
	k.filterVerbs(at+".verbs", f.Verbs)
	k.filterExtensions(at+".extensions", f.Extensions)
	k.filterTexts(at+".deny_url", f.DenyURL)
	k.filterTexts(at+".deny_query", f.DenyQuery)
	k.filterHeaders(at+".deny_headers", f.DenyHeaders)
	k.filterHeaders(at+".max.headers", slices.Sorted(maps.Keys(f.Max.Headers)))
	k.filterSegments(at+".hidden_segments", f.HiddenSegments)
	k.filterAllow(at+".always_allow", &f.AlwaysAllow)
	k.filterRules(at+".rules", f.Rules)
	k.filterRejected(at+".rejected", &f.Rejected)
	if set := f.ServerHeader.Set; strings.ContainsFunc(set, isControl) {
		k.fault(at+".server_header", "", "the value of Server holds a control character")
	}
	if k.has(at+".double_escaping") && f.DoubleEscaping == "deny" && !*f.Normalize {
		k.fault(at+".double_escaping", "take normalize: false out, or double_escaping", "double_escaping: deny has no use with normalize: false, which decodes nothing")
	}
}

// either tells whether exactly one of allow and deny is written.
func (k *checker) either(at, noun string, allow, deny []string) bool {
	switch {
	case allow == nil && deny == nil:
		k.fault(at, "write {allow: [...]} or {deny: [...]}", "%s of filter lists nothing", noun)
	case allow != nil && deny != nil:
		k.fault(at+".deny", "leave one of them: what is not in allow is refused", "%s of filter has allow and deny", noun)
	case allow != nil && len(allow) == 0:
		k.fault(at+".allow", "list what is let in", "%s of filter lets nothing in", noun)
	default:
		return true
	}
	return false
}

func (k *checker) filterVerbs(at string, v *FilterVerbs) {
	if v == nil || !k.either(at, "verbs", v.Allow, v.Deny) {
		return
	}
	for key, list := range map[string][]string{"allow": v.Allow, "deny": v.Deny} {
		for i, verb := range list {
			if !isToken(verb) {
				k.fault(fmt.Sprintf("%s.%s[%d]", at, key, i), "write GET", "%q is no method", verb)
			}
		}
	}
}

func (k *checker) filterExtensions(at string, e *FilterExtensions) {
	if e == nil || !k.either(at, "extensions", e.Allow, e.Deny) {
		return
	}
	k.extensionList(at+".allow", e.Allow)
	k.extensionList(at+".deny", e.Deny)
}

func (k *checker) extensionList(at string, list []string) {
	for i, ext := range list {
		here := fmt.Sprintf("%s[%d]", at, i)
		rest, dotted := strings.CutPrefix(ext, ".")
		switch {
		case !dotted:
			k.fault(here, fmt.Sprintf("did you mean %q?", "."+strings.TrimPrefix(ext, "*.")), "extension %q does not begin with a dot", ext)
		case strings.ContainsAny(rest, "./?"):
			k.fault(here, "an extension is what follows the last dot, up to a slash or question mark", "extension %q is never met", ext)
		}
	}
}

// mostTexts bounds what the automaton for a list of texts takes: 1 KiB of memory
// for each byte at most.
const mostTexts = 32 << 10

func (k *checker) filterTexts(at string, list []string) {
	if n := len(strings.Join(list, "")); n > mostTexts {
		k.fault(at, "shorten it", "the texts have %d bytes together, which is more than %d", n, mostTexts)
	}
	for i, text := range list {
		if text == "" {
			k.fault(fmt.Sprintf("%s[%d]", at, i), "take it out", "an empty text is in every request")
		}
	}
}

func (k *checker) filterHeaders(at string, names []string) {
	for i, name := range names {
		here := fmt.Sprintf("%s[%d]", at, i)
		if !k.has(here) {
			here = at + "." + name
		}
		if !isToken(name) {
			k.fault(here, fmt.Sprintf("did you mean %q?", strings.ReplaceAll(strings.Trim(name, " :"), " ", "-")), "%q is not the name of a header field", name)
		}
	}
}

func (k *checker) filterSegments(at string, list []string) {
	for i, segment := range list {
		if segment == "" || strings.ContainsAny(segment, `/\`) {
			k.fault(fmt.Sprintf("%s[%d]", at, i), "write one segment, such as bin; longer parts of a path go to deny_url", "hidden segment %q is no segment of a path", segment)
		}
	}
}

func (k *checker) filterAllow(at string, a *FilterAllow) {
	for i, url := range a.URLs {
		if !strings.HasPrefix(url, "/") {
			k.fault(fmt.Sprintf("%s.urls[%d]", at, i), fmt.Sprintf("did you mean %q?", "/"+url), `URL %q does not begin with "/"`, url)
		}
	}
	for i, query := range a.Queries {
		if rest, found := strings.CutPrefix(query, "?"); found {
			k.fault(fmt.Sprintf("%s.queries[%d]", at, i), fmt.Sprintf("did you mean %q?", rest), "query %q begins with the question mark, which is no part of it", query)
		}
	}
}

func (k *checker) filterRules(at string, rules []FilterRule) {
	for i := range rules {
		r, here := &rules[i], fmt.Sprintf("%s[%d]", at, i)
		k.extensionList(here+".extensions", r.Extensions)
		k.filterHeaders(here+".headers", r.Headers)
		k.filterTexts(here+".deny", r.Deny)
		switch {
		case slices.ContainsFunc(rules[:i], func(o FilterRule) bool { return o.Name == r.Name }):
			k.fault(here+".name", "give each rule a name of its own", "two rules of filter are named %q", r.Name)
		case !r.URL && !r.Query && !r.Raw && len(r.Headers) == 0:
			k.fault(here, "write url: true, query: true, raw: true or headers: [Cookie]", "rule %q of filter looks at nothing", r.Name)
		case len(r.Deny) == 0 && r.UnescapedPercent != "deny":
			k.fault(here, `write deny: ["--"]`, "rule %q of filter denies nothing", r.Name)
		}
	}
}

func (k *checker) filterRejected(at string, r *FilterRejected) {
	switch {
	case r.Status > 599:
		k.fault(at+".status", "write 400 to 599", "status of rejected is %d", r.Status)
	case r.Redirect != "" && (r.Page != "" || r.Status != 0):
		k.fault(at+".redirect", "leave redirect, or page and status", "rejected has redirect beside page or status")
	}
	if r.Redirect != "" {
		k.redirectText(at+".redirect", r.Redirect, &Route{})
	}
}

func warnFilter(warn func(path, hint, format string, args ...any), path string, s *Site) {
	f := s.Filter
	if f == nil {
		return
	}
	if len(f.AlwaysAllow.Queries) > 0 && f.AlwaysAllow.Skips == "all" {
		warn(path+".always_allow.queries", "write skips: own, or skips: sequences", "site %q lets any request with the query %q pass its filter", s.Name, f.AlwaysAllow.Queries[0])
	}
	if f.ServerHeader.Remove {
		warn(path+".server_header", "write {set: NAME}, or keep",
			"site %q removes Server from responses: Internet Explorer 7 and other old WinINET clients then sign in anew for every request when the origin asks for Windows sign-in", s.Name)
	}
}
