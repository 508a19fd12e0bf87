package config

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

func routeChecks() []func(*checker, string, *Route) {
	return []func(*checker, string, *Route){
		(*checker).routeConditions, (*checker).routePath, (*checker).routeHosts, (*checker).routeMethods, (*checker).routeFields, (*checker).oneTarget, (*checker).redirect, (*checker).redirectStatus, (*checker).respond, (*checker).rewrite, (*checker).routeGuard, (*checker).originOnly, (*checker).host, (*checker).originTLS, (*checker).routeHeaders, (*checker).routeCompress, (*checker).proxyHeader, (*checker).balancing,
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
	for key, text := range map[string]string{"path": r.Path, "exact": r.Exact} {
		if k.has(at + "." + key) {
			k.cleanPath(at+"."+key, key, text)
		}
	}
}

// cleanPath refuses what no decoded path can be.
func (k *checker) cleanPath(at, key, text string) {
	clean := path.Clean(text)
	if strings.HasSuffix(text, "/") && clean != "/" {
		clean += "/"
	}
	switch {
	case !strings.HasPrefix(text, "/"):
		k.fault(at, fmt.Sprintf("did you mean %q?", "/"+strings.TrimPrefix(text, "*")), `%s %q does not begin with "/"`, key, text)
	case strings.HasSuffix(text, "*") && key == "path":
		k.fault(at, fmt.Sprintf("did you mean %q?", strings.TrimRight(text, "*")), `path %q ends with "*", but is a prefix as it is`, text)
	case strings.HasSuffix(text, "*"):
		k.fault(at, fmt.Sprintf("did you mean path: %s?", strings.TrimRight(text, "*")), `%s %q ends with "*", which stands for itself`, key, text)
	case clean != text:
		k.fault(at, fmt.Sprintf("did you mean %q?", clean), "%s %q can match no request: dot segments and double slashes are resolved first", key, text)
	}
}

func (k *checker) oneTarget(at string, r *Route) {
	var named []string
	for _, key := range []string{"files", "to", "redirect", "respond"} {
		if k.has(at + "." + key) {
			named = append(named, key)
		}
	}
	const hint = "give a route exactly one of files, to, redirect and respond"
	switch {
	case len(named) == 0:
		k.fault(at, hint, "route %q says nothing to do", r.title())
	case len(named) > 1:
		k.fault(at+"."+named[1], hint, "route %q has %s", r.title(), strings.Join(named, " and "))
	case named[0] == "to" && len(r.To) == 0, named[0] == "files" && r.Files == "", named[0] == "redirect" && r.Redirect == "":
		k.fault(at+"."+named[0], hint, "%s of route %q is empty", named[0], r.title())
	}
}

func (k *checker) redirect(at string, r *Route) {
	if r.Redirect != "" {
		k.redirectText(at+".redirect", r.Redirect, r)
	}
}

// redirectText looks at where clients are sent, with the placeholders of a route.
func (k *checker) redirectText(at, target string, r *Route) {
	sample := target
	for _, word := range regexp.MustCompile(`\{[^{}]*\}`).FindAllString(target, -1) {
		value, known := r.sample(word)
		if !known {
			k.fault(at, redirectHint(word), "redirect holds %q, which nothing replaces", word)
			return
		}
		sample = strings.Replace(sample, word, value, 1)
	}
	u, err := url.Parse(sample)
	switch {
	case err != nil || strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		k.fault(at, "", "redirect %q is not a URL", target)
	case u.Scheme == "" && !strings.HasPrefix(sample, "/"):
		k.fault(at, fmt.Sprintf("did you mean %q?", "https://"+target), `redirect %q has no scheme and does not begin with "/"`, target)
	}
}

func redirectHint(word string) string {
	if strings.Trim(word, "{123456789}") == "" {
		return "give the route a pattern with that many groups"
	}
	return suggest(word, []string{"{host}", "{path}", "{query}", "{uri}"})
}

// originOnly refuses settings that are for origins on a route without one.
func (k *checker) originOnly(at string, r *Route) {
	if k.has(at+".to") || !k.has(at+".files") && !k.has(at+".redirect") && !k.has(at+".respond") {
		return
	}
	for _, key := range []string{"host", "http", "proxy_protocol", "tls", "timeouts", "pool", "request_headers", "balance", "sticky", "health", "eject", "retry", "resolve"} {
		if k.has(at + "." + key) {
			k.fault(at+"."+key, `take it out, or give the route an origin with "to"`, "%s has no use in route %q, which has no origin", key, r.title())
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
		k.fault(at+".tls", "write https:// in to, or take tls out", "tls has no use in route %q: its origin is plain http", r.title())
	}
}

func (k *checker) routeHeaders(at string, r *Route) {
	k.headers(at+".request_headers", r.RequestHeaders, "Host")
	k.headers(at+".response_headers", r.ResponseHeaders)
}

func (k *checker) routeCompress(at string, r *Route) { k.compress(at+".compress", r.Compress) }
