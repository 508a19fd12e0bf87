package config

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// placeholders are what may stand between braces in redirects, header values,
// replies and pages, each with a value it could get. {1} to {9} are the groups
// of the route's pattern.
func placeholders() map[string]string {
	return map[string]string{
		"client": "192.0.2.1", "scheme": "https", "host": "shop.test", "method": "GET", "uri": "/a?b", "path": "/a", "query": "b",
		"site": "shop", "sni": "shop.test", "tls_version": "1.3", "incident": "7Q2MXK4HTA", "status": "503",
	}
}

// ours are the placeholders that only an answer has a value for.
func ours() []string { return []string{"incident", "status"} }

// sample is a value that a placeholder of a route could get.
func (r *Route) sample(word string) (value string, known bool) {
	if len(word) == 3 && word[1] >= '1' && word[1] <= '9' {
		re, err := regexp.Compile(r.Pattern)
		return "a", err == nil && r.Pattern != "" && int(word[1]-'0') <= re.NumSubexp()
	}
	value, known = placeholders()[strings.Trim(word, "{}")]
	return value, known && !slices.Contains(ours(), strings.Trim(word, "{}"))
}

// fieldPlaceholders looks at a header value. Braces are nothing unusual there:
// only what is nearly a placeholder is taken for a slip.
func (k *checker) fieldPlaceholders(at, name, value string, request bool) {
	for _, word := range regexp.MustCompile(`\{+[a-z_]+\}`).FindAllString(value, -1) {
		inner := strings.Trim(word, "{}")
		_, known := placeholders()[inner]
		switch near := nearest(inner, Placeholders()); {
		case strings.HasPrefix(word, "{{"):
		case known && request && slices.Contains(ours(), inner):
			k.fault(at, "use it in response_headers or in a page", "%s of %s has no value before there is an answer", word, name)
		case !known && near != "":
			k.fault(at, fmt.Sprintf("did you mean {%s}? For the text itself write {%s}", near, word), "the value of %s holds %q, which nothing replaces", name, word)
		}
	}
}

// Placeholders are the names that may stand between braces, sorted.
func Placeholders() []string {
	return slices.Sorted(maps.Keys(placeholders()))
}

func (k *checker) redirectStatus(at string, r *Route) {
	switch {
	case !k.has(at + ".redirect_status"):
	case r.Redirect == "":
		k.fault(at+".redirect_status", "take it out, or write redirect", "redirect_status has no use in route %q, which does not redirect", r.title())
	case !slices.Contains([]int{301, 302, 303, 307, 308}, r.RedirectStatus):
		k.fault(at+".redirect_status", "write 301, 302, 303, 307 or 308; 307 and 308 keep the method", "redirect_status is %d", r.RedirectStatus)
	}
}

func (k *checker) respond(at string, r *Route) {
	a := r.Respond
	if a == nil {
		return
	}
	at += ".respond"
	switch {
	case a.Status > 599:
		k.fault(at+".status", "write 200 to 599", "status of respond is %d", a.Status)
	case a.Text != "" && a.File != "":
		k.fault(at+".file", "leave one of them", "respond has both text and file")
	case (a.Status == 204 || a.Status == 304) && a.Text+a.File != "":
		k.fault(at+".status", "take text and file out, or write another status", "a response with status %d has no body", a.Status)
	case strings.ContainsFunc(a.Type, isControl):
		k.fault(at+".type", "write a media type such as application/json", "type of respond holds a control character")
	}
	for _, word := range regexp.MustCompile(`\{+[a-z_]+\}`).FindAllString(a.Text, -1) {
		inner := strings.Trim(word, "{}")
		if near := nearest(inner, Placeholders()); near != "" && near != inner && !strings.HasPrefix(word, "{{") {
			k.fault(at+".text", fmt.Sprintf("did you mean {%s}? For the text itself write {%s}", near, word), "text of respond holds %q, which nothing replaces", word)
		}
	}
}

// Empty reports whether nothing is rewritten.
func (w Rewrite) Empty() bool { return w == Rewrite{} }

func (k *checker) rewrite(at string, r *Route) {
	w := r.Rewrite
	if !k.has(at + ".rewrite") {
		return
	}
	here := at + ".rewrite"
	switch {
	case k.has(at+".redirect") || k.has(at+".respond"):
		k.fault(here, "take it out", "rewrite has no use in route %q, which asks nobody", r.title())
		return
	case w.Empty() && !k.has(here+".replace"):
		k.fault(here, "write strip, prefix, replace or query", "rewrite of route %q says nothing", r.title())
		return
	case (w.Pattern != "" || k.has(here+".replace")) && w.Strip+w.Prefix != "":
		k.fault(here, "write strip and prefix, or replace", "rewrite of route %q has strip or prefix, and a pattern to replace", r.title())
		return
	}
	if w.Strip != "" {
		k.strip(here+".strip", w.Strip, r)
	}
	k.newPath(here+".prefix", "prefix", w.Prefix)
	k.replace(here, w, r)
	if strings.ContainsFunc(w.Query, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }) {
		k.fault(here+".query", "write it percent-encoded, without the question mark", "query of rewrite: %q is no query", w.Query)
	}
}

func (k *checker) strip(at, strip string, r *Route) {
	clean := path.Clean("/" + strip)
	begins := func(long, short string) bool {
		return long == short || strings.HasPrefix(long, strings.TrimSuffix(short, "/")+"/")
	}
	switch from := r.Path + r.Exact; {
	case !strings.HasPrefix(strip, "/") || strings.TrimSuffix(strip, "/") != strings.TrimSuffix(clean, "/"):
		k.fault(at, fmt.Sprintf("did you mean %q?", clean), "strip %q is no beginning of a path", strip)
	case from != "" && !begins(from, strip) && !strings.HasPrefix(strip, from):
		k.fault(at, fmt.Sprintf("did you mean %q?", strings.TrimSuffix(from, "/")), "strip %q takes nothing off: no path of route %q begins with it", strip, r.title())
	}
}

// newPath checks what becomes a part of a path that is sent.
func (k *checker) newPath(at, key, text string) {
	bad := regexp.MustCompile(`%($|[^0-9A-Fa-f]|[0-9A-Fa-f]($|[^0-9A-Fa-f]))`)
	switch {
	case text == "":
	case key == "prefix" && !strings.HasPrefix(text, "/"):
		k.fault(at, fmt.Sprintf("did you mean %q?", "/"+text), `prefix %q does not begin with "/"`, text)
	case strings.Contains(text, "?"):
		k.fault(at, "write query: for it", "%s %q holds a query", key, text)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' || c == '\\' }) || bad.MatchString(text):
		k.fault(at, "write blanks and the like percent-encoded: %20", "%s %q cannot be sent in a path", key, text)
	}
}

func (k *checker) replace(at string, w Rewrite, r *Route) {
	text, here := w.Pattern, at+".pattern"
	if text == "" {
		text, here = r.Pattern, ""
	}
	switch {
	case !k.has(at+".replace") && w.Pattern != "":
		k.fault(at, `write replace: "/new/$1"; replace: "" takes it out`, "rewrite of route %q has a pattern, but not what to put there", r.title())
		return
	case !k.has(at + ".replace"):
		return
	case text == "", w == Rewrite{}:
		k.fault(at+".replace", "write pattern beside it", "rewrite of route %q has nothing to replace", r.title())
		return
	}
	k.newPath(at+".replace", "replace", w.Replace)
	var re *regexp.Regexp
	if here == "" {
		re, _ = regexp.Compile(text) // its fault is told of at the route's pattern
	} else {
		re = k.pattern(here, "pattern of rewrite", text)
	}
	if re != nil {
		k.groups(at+".replace", w.Replace, re)
	}
}

// groups looks for references to groups that are not there: $1x is the group of
// the name 1x, which is mostly a slip for ${1}x.
func (k *checker) groups(at, text string, re *regexp.Regexp) {
	for _, m := range regexp.MustCompile(`\$(?:\$|(\w+)|\{(\w+)\})`).FindAllStringSubmatch(text, -1) {
		name := m[1] + m[2]
		n, err := strconv.Atoi(name)
		switch {
		case name == "", err == nil && n <= re.NumSubexp(), err != nil && re.SubexpIndex(name) >= 0:
		case err == nil:
			k.fault(at, "put the group in parentheses in the pattern", "replace holds $%s, but the last group of the pattern is $%d", name, re.NumSubexp())
		default:
			k.fault(at, "write ${1}x for the first group and an x", "replace holds $%s, a group that the pattern does not have", name)
		}
	}
}
