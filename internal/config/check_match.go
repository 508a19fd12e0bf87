package config

import (
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// title names a route in messages: by its path, or by what it asks instead.
func (r *Route) title() string {
	switch {
	case r.Path != "":
		return r.Path
	case r.Exact != "":
		return r.Exact
	case r.Pattern != "":
		return r.Pattern
	case len(r.Hosts) > 0:
		return strings.Join(r.Hosts, " ")
	case len(r.Methods) > 0:
		return strings.Join(r.Methods, " ")
	}
	return strings.Join(slices.Sorted(maps.Keys(r.Headers)), " ")
}

// routeConditions asks for one condition at least, and one for the path at most.
func (k *checker) routeConditions(at string, r *Route) {
	var paths []string
	for _, key := range []string{"path", "exact", "pattern"} {
		if k.has(at + "." + key) {
			paths = append(paths, key)
		}
	}
	if len(paths) > 1 {
		k.fault(at+"."+paths[1], "give a route one of path, exact and pattern", "route %q has %s", r.title(), strings.Join(paths, " and "))
	}
	if len(paths) == 0 && len(r.Hosts)+len(r.Methods)+len(r.Headers) == 0 {
		k.fault(at+".path", "add path: /", `no "path" in %s`, k.nounOfRoute(at))
	}
	if k.has(at + ".pattern") {
		k.pattern(at+".pattern", "pattern", r.Pattern)
	}
}

// nounOfRoute is route 1 of site "shop" for sites.shop.routes[0].
func (k *checker) nounOfRoute(at string) string {
	var i int
	_, number, _ := cutLast(at, "[")
	if _, err := fmt.Sscanf(number, "%d]", &i); err != nil {
		return "a route"
	}
	return fmt.Sprintf("route %d of site %q", i+1, k.c.siteOf(at))
}

// pattern gives the compiled expression, nil if it is none.
func (k *checker) pattern(at, what, text string) *regexp.Regexp {
	re, err := regexp.Compile(text)
	if err == nil && text != "" {
		return re
	}
	message := "it is empty"
	if fault, ok := err.(*syntax.Error); ok {
		message = fmt.Sprintf("%s in %q", fault.Code, fault.Expr)
	}
	hint := "write a regular expression in the syntax of RE2, in single quotes"
	if strings.Contains(text, "(?") {
		hint = "RE2 has neither look-around nor back references"
	}
	k.fault(at, hint, "%s %q: %s", what, text, message)
	return nil
}

func (k *checker) routeHosts(at string, r *Route) {
	for i, host := range r.Hosts {
		name, err := parseName(host)
		here := fmt.Sprintf("%s.hosts[%d]", at, i)
		if fault, ok := err.(*valueError); ok {
			k.fault(here, fault.hint, "hosts of route %q: %s", r.title(), fault.message)
		} else if name != host {
			k.fault(here, fmt.Sprintf("did you mean %q?", name), "hosts of route %q: %q is not how names are compared", r.title(), host)
		}
	}
}

func (k *checker) routeMethods(at string, r *Route) {
	for i, method := range r.Methods {
		here := fmt.Sprintf("%s.methods[%d]", at, i)
		switch upper := strings.ToUpper(method); {
		case !isToken(method):
			k.fault(here, "write a method such as POST", "%q is not a method", method)
		case method == "CONNECT":
			k.fault(here, "take it out", "CONNECT is not offered")
		case upper != method && slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}, upper):
			k.fault(here, fmt.Sprintf("did you mean %q?", upper), "methods are told apart by letter case: %q is not %s", method, upper)
		}
	}
}

func (k *checker) routeFields(at string, r *Route) {
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		here := at + ".headers." + name
		switch expression, is := fieldPattern(r.Headers[name]); {
		case !isToken(name):
			k.fault(here, "", "%q is not the name of a header field", name)
		case strings.EqualFold(name, "Host"):
			k.fault(here, "write hosts: [NAME]", "headers cannot ask for Host")
		case is:
			k.pattern(here, "headers: "+name, expression)
		}
	}
}

// fieldPattern is the expression between slashes.
func fieldPattern(value string) (expression string, is bool) {
	if len(value) < 2 || value[0] != '/' || value[len(value)-1] != '/' {
		return "", false
	}
	return value[1 : len(value)-1], true
}
