package config

import (
	"regexp"
	"slices"
	"strings"
)

// covers reports whether every request that other takes is taken by r, as far
// as that can be told: a pattern is compared by its text.
func (r *Route) covers(other *Route) bool {
	return r.coversPath(other) && r.coversHosts(other) && r.coversMethods(other) && r.coversHeaders(other)
}

func (r *Route) coversPath(other *Route) bool {
	switch {
	case r.Exact != "":
		return other.Exact == r.Exact
	case r.Pattern != "":
		if other.Exact == "" {
			return other.Pattern == r.Pattern
		}
		re, err := regexp.Compile(r.Pattern)
		return err == nil && re.MatchString(other.Exact)
	case r.Path == "" || r.Path == "/":
		return true
	}
	return strings.HasPrefix(other.Path+other.Exact, r.Path)
}

func (r *Route) coversHosts(other *Route) bool {
	return len(r.Hosts) == 0 || len(other.Hosts) > 0 && all(other.Hosts, func(host string) bool {
		return slices.ContainsFunc(r.Hosts, func(mine string) bool { return nameCovers(mine, host) })
	})
}

// nameCovers tells whether a name, perhaps with a wildcard, stands for another.
func nameCovers(name, other string) bool {
	suffix, wild := strings.CutPrefix(name, "*")
	label, found := strings.CutSuffix(other, suffix)
	return name == other || wild && found && label != "" && !strings.Contains(label, ".")
}

func (r *Route) coversMethods(other *Route) bool {
	return len(r.Methods) == 0 || len(other.Methods) > 0 && all(other.Methods, func(method string) bool {
		return slices.Contains(r.Methods, method) || method == "HEAD" && slices.Contains(r.Methods, "GET")
	})
}

func (r *Route) coversHeaders(other *Route) bool {
	for name, want := range r.Headers {
		value, asked := "", false
		for n, v := range other.Headers {
			if strings.EqualFold(n, name) {
				value, asked = v, true
			}
		}
		if !asked || want != "*" && want != value {
			return false
		}
	}
	return true
}

func all(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !is(s) })
}

// wayPast is what to do about a route that another one takes the requests of.
func (r *Route) wayPast(later *Route) string {
	if r.Path != "" && len(later.Path) > len(r.Path) {
		return "put the longer path first"
	}
	return "put it first, or take it out"
}

// serves tells whether a request for a name can come to the site.
func (s *Site) serves(name string) bool {
	return slices.ContainsFunc(s.Bind, func(b Binding) bool {
		return len(b.Names) == 0 || slices.ContainsFunc(b.Names, func(bound string) bool { return nameCovers(bound, name) || nameCovers(name, bound) })
	})
}
