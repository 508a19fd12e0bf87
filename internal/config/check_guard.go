package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

func (k *checker) siteGuard(path string, s *Site) {
	k.access(path, s.Allow, s.Deny)
	k.rateLimit(path+".rate_limit", s.RateLimit)
}

func (k *checker) routeGuard(at string, r *Route) {
	k.access(at, r.Allow, r.Deny)
	k.rateLimit(at+".rate_limit", r.RateLimit)
}

func (k *checker) access(at string, allow, deny []Prefix) {
	if k.has(at+".allow") && len(allow) == 0 {
		k.fault(at+".allow", "leave it out to let everybody come", "allow is an empty list")
	}
	for i, p := range allow {
		if p.IsValid() && slices.Contains(deny, p) {
			k.fault(fmt.Sprintf("%s.allow[%d]", at, i), "take it out of one", "%s is in allow and in deny", p)
		}
	}
}

func (k *checker) rateLimit(at string, l *RateLimit) {
	if l == nil {
		return
	}
	const hint = "write address, site, or header NAME"
	name, header := strings.CutPrefix(l.Key, "header ")
	switch {
	case header && !isToken(name):
		k.fault(at+".key", hint, "key of rate_limit: %q is not the name of a header field", name)
	case !header && l.Key != "address" && l.Key != "site":
		k.fault(at+".key", suggest(l.Key, []string{"address", "site", "header X-Api-Key"}), "key of rate_limit is %q", l.Key)
	}
}

// statusPages reads statuses and classes with their files, and replace.
func (d *decoder) statusPages(n *node, p *StatusPages, at place) {
	const hint = "write {404: not-found.html, 5xx: sorry.html}"
	if !d.is(n, mapping, at, hint) {
		return
	}
	p.Files = map[string]string{}
	seen := map[string]*node{}
	for _, e := range n.entries {
		key := e.key.value
		here := at.key(key)
		if d.twice(e, seen, here, at) {
			continue
		}
		d.noteEntry(e, here)
		switch {
		case key == "replace" && e.value.kind == scalar && e.value.boolean:
			p.Replace = strings.EqualFold(e.value.value, "true")
		case key == "replace":
			d.fault(e.value, here, "write true or false, without quotes", "replace of %s must be true or false", at.noun)
		case !isPageKey(key):
			d.fault(e.key, here, hint, "%s: %q is neither a status from 400 to 599, nor 4xx or 5xx", at.noun, key)
		case e.value.kind != scalar || e.value.value == "":
			d.fault(e.value, here, hint, "%s of %s names no file", key, at.noun)
		default:
			p.Files[key] = e.value.value
		}
	}
	if p.Replace && len(p.Files) == 0 {
		d.fault(n, at, hint, "%s has no page to put in place", at.noun)
	}
}

func isPageKey(key string) bool {
	if len(key) != 3 || key[0] != '4' && key[0] != '5' {
		return false
	}
	return key[1:] == "xx" || strings.Trim(key[1:], "0123456789") == ""
}

func statusPagesSchema() *jsonschema.Schema {
	properties := jsonschema.NewProperties()
	properties.Set("replace", &jsonschema.Schema{Type: "boolean", Description: "also in place of what origins answer"})
	return &jsonschema.Schema{
		Type: "object", Properties: properties, AdditionalProperties: jsonschema.FalseSchema,
		PatternProperties: map[string]*jsonschema.Schema{"^[45]([0-9]{2}|xx)$": {Type: "string"}},
	}
}
