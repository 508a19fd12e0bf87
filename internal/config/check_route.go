package config

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

func routeChecks() []func(*checker, string, *Route) {
	return []func(*checker, string, *Route){
		(*checker).routePath, (*checker).oneTarget, (*checker).redirect, (*checker).originOnly, (*checker).host, (*checker).originTLS, (*checker).routeHeaders,
	}
}

func (k *checker) routes(path string, s *Site) {
	for i := range s.Routes {
		for _, rule := range routeChecks() {
			rule(k, fmt.Sprintf("%s.routes[%d]", path, i), &s.Routes[i])
		}
	}
}

func (k *checker) routePath(at string, r *Route) {
	if !k.has(at + ".path") {
		return
	}
	clean := path.Clean(r.Path)
	if strings.HasSuffix(r.Path, "/") && clean != "/" {
		clean += "/"
	}
	switch {
	case !strings.HasPrefix(r.Path, "/"):
		k.fault(at+".path", fmt.Sprintf("did you mean %q?", "/"+strings.TrimPrefix(r.Path, "*")), `path %q does not begin with "/"`, r.Path)
	case strings.HasSuffix(r.Path, "*"):
		k.fault(at+".path", fmt.Sprintf("did you mean %q?", strings.TrimRight(r.Path, "*")), `path %q ends with "*", but is a prefix as it is`, r.Path)
	case clean != r.Path:
		k.fault(at+".path", fmt.Sprintf("did you mean %q?", clean), "path %q can match no request: dot segments and double slashes are resolved first", r.Path)
	}
}

func (k *checker) oneTarget(at string, r *Route) {
	var named []string
	for _, key := range []string{"files", "to", "redirect"} {
		if k.has(at + "." + key) {
			named = append(named, key)
		}
	}
	const hint = "give a route exactly one of files, to and redirect"
	switch {
	case len(named) == 0:
		k.fault(at, hint, "route %q says nothing to do", r.Path)
	case len(named) > 1:
		k.fault(at+"."+named[1], hint, "route %q has %s", r.Path, strings.Join(named, " and "))
	case named[0] == "to" && len(r.To) == 0, named[0] == "files" && r.Files == "", named[0] == "redirect" && r.Redirect == "":
		k.fault(at+"."+named[0], hint, "%s of route %q is empty", named[0], r.Path)
	}
}

func (k *checker) redirect(at string, r *Route) {
	if r.Redirect == "" {
		return
	}
	sample := r.Redirect
	for _, word := range regexp.MustCompile(`\{[^{}]*\}`).FindAllString(r.Redirect, -1) {
		value, known := placeholders()[word]
		if !known {
			k.fault(at+".redirect", suggest(word, slices.Sorted(maps.Keys(placeholders()))), "redirect holds %q, which nothing replaces", word)
			return
		}
		sample = strings.Replace(sample, word, value, 1)
	}
	u, err := url.Parse(sample)
	switch {
	case err != nil || strings.ContainsFunc(r.Redirect, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		k.fault(at+".redirect", "", "redirect %q is not a URL", r.Redirect)
	case u.Scheme == "" && !strings.HasPrefix(sample, "/"):
		k.fault(at+".redirect", fmt.Sprintf("did you mean %q?", "https://"+r.Redirect), `redirect %q has no scheme and does not begin with "/"`, r.Redirect)
	}
}

// placeholders are what a redirect may hold, each with a value it could get.
func placeholders() map[string]string {
	return map[string]string{"{uri}": "/a?b", "{path}": "/a", "{query}": "b", "{host}": "shop.test"}
}

// originOnly refuses settings that are for origins on a route without one.
func (k *checker) originOnly(at string, r *Route) {
	if k.has(at+".to") || !k.has(at+".files") && !k.has(at+".redirect") {
		return
	}
	for _, key := range []string{"host", "tls", "timeouts", "pool"} {
		if k.has(at + "." + key) {
			k.fault(at+"."+key, `take it out, or give the route an origin with "to"`, "%s has no use in route %q, which has no origin", key, r.Path)
		}
	}
}

func (k *checker) host(at string, r *Route) {
	if r.Host == "" || r.Host == "keep" || r.Host == "origin" {
		return
	}
	host := r.Host
	if name, port, found := cutLast(host, ":"); found && port != "" && strings.Trim(port, "0123456789") == "" {
		host = strings.Trim(name, "[]")
	}
	if fault := hostFault(host); fault != "" {
		k.fault(at+".host", "write keep, origin, or a name", "host: %s", fault)
	}
}

func (k *checker) originTLS(at string, r *Route) {
	t := r.TLS
	if t.Name != "" {
		if fault := hostFault(t.Name); fault != "" {
			k.fault(at+".tls.name", "", "tls name: %s", fault)
		}
	}
	if t.Min != "" && t.Max != "" && t.Min > t.Max {
		k.fault(at+".tls.min", "", "lowest TLS version %s is above the highest, %s", t.Min, t.Max)
	}
	if t.Insecure && t.CA != "" {
		k.fault(at+".tls.insecure", "take insecure out to verify with ca", "tls has both ca and insecure: true, which verifies nothing")
	}
	if t.ClientCertificate != nil && t.ClientCertificate.Local {
		k.fault(at+".tls.client_certificate", "write {file: client.pem, key: client.key} or {pfx: client.pfx, password_file: pw}", "the local CA makes no client certificates")
	}
	if k.has(at+".tls") && len(r.To) > 0 && !slices.ContainsFunc(r.To, func(o Origin) bool { return o.Scheme != "http" }) {
		k.fault(at+".tls", "write https:// in to, or take tls out", "tls has no use in route %q: its origin is plain http", r.Path)
	}
}

func (k *checker) routeHeaders(at string, r *Route) {
	k.headers(at+".response_headers", r.ResponseHeaders)
}
