package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func siteChecks() []func(*checker, string, *Site) {
	return []func(*checker, string, *Site){
		(*checker).listsFilled, (*checker).bindings, (*checker).siteCertificate, (*checker).siteGuard, (*checker).siteHeaders, (*checker).siteCompress, (*checker).siteFilter, (*checker).waf, (*checker).routes, (*checker).sharedCookies,
	}
}

func (k *checker) listsFilled(path string, s *Site) {
	if k.has(path+".bind") && len(s.Bind) == 0 {
		k.fault(path+".bind", `write bind: ["127.0.0.2:443 shop.test"]`, "site %q binds no address", s.Name)
	}
	if k.has(path+".routes") && len(s.Routes) == 0 {
		k.fault(path+".routes", "write routes: [{path: /, files: ./public}]", "site %q has no route", s.Name)
	}
}

func (k *checker) bindings(path string, s *Site) {
	for i, b := range s.Bind {
		if !b.Addr.IsValid() {
			continue
		}
		here := fmt.Sprintf("%s.bind[%d]", path, i)
		if len(k.c.Addresses) > 0 && !slices.Contains(k.c.Addresses, b.Addr.Addr()) {
			k.fault(here, fmt.Sprintf("add %s to addresses, or bind one of %s", b.Addr.Addr(), join(k.c.Addresses)),
				"site %q binds %s, which is not in addresses", s.Name, b.Addr.Addr()).Outside = true
		}
		if b.Addr.String() == k.c.Console {
			k.fault(here, "give the console another port", "site %q binds %s, which is the console's", s.Name, b.Addr)
		}
	}
}

func join(addrs []Address) string {
	const most = 8
	var out []string
	for _, a := range addrs[:min(most, len(addrs))] {
		out = append(out, a.String())
	}
	if len(addrs) > most {
		out = append(out, "...")
	}
	return strings.Join(out, ", ")
}

func (k *checker) siteCertificate(path string, s *Site) {
	if s.Certificate == nil || !s.Certificate.Local {
		return
	}
	for i, b := range s.Bind {
		for _, name := range b.Names {
			if !b.Plain && !k.c.mayLocallySign(name) {
				k.fault(fmt.Sprintf("%s.bind[%d]", path, i),
					fmt.Sprintf("give the site a certificate file (certificate: {file: %s.pem, key: %s.key}), or add %s to local_names", s.Name, s.Name, strings.TrimPrefix(name, "*.")),
					"the local CA may not sign %q: it is limited to .test, .localhost, loopback addresses and local_names", name)
			}
		}
	}
}

func (k *checker) siteCompress(path string, s *Site) { k.compress(path+".compress", s.Compress) }

func (k *checker) siteHeaders(path string, s *Site) {
	k.headers(path+".request_headers", s.RequestHeaders, "Host")
	k.headers(path+".response_headers", s.ResponseHeaders)
}

// framing are the fields that the door itself sets, because a wrong one breaks
// the connection (RFC 9110 section 7.6.1, RFC 9112 section 6).
func framing() []string {
	return []string{"Connection", "Content-Length", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"}
}

func (k *checker) headers(path string, rules HeaderRules, further ...string) {
	for key, fields := range map[string]map[string]string{"set": rules.Set, "add": rules.Add} {
		seen := map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			here := path + "." + key + "." + name
			k.headerName(here, name, further)
			if strings.ContainsFunc(fields[name], isControl) {
				k.fault(here, "", "the value of %s holds a control character", name)
			}
			k.fieldPlaceholders(here, name, fields[name], len(further) > 0)
			if other := seen[strings.ToLower(name)]; other != "" {
				k.fault(here, "", "%s and %s are the same field", other, name)
			}
			seen[strings.ToLower(name)] = name
		}
	}
	for i, name := range rules.Remove {
		k.headerName(fmt.Sprintf("%s.remove[%d]", path, i), name, further)
	}
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func (k *checker) headerName(path, name string, further []string) {
	forbidden := append(framing(), further...)
	switch i := slices.IndexFunc(forbidden, func(f string) bool { return strings.EqualFold(f, name) }); {
	case !isToken(name):
		k.fault(path, "", "%q is not the name of a header field", name)
	case i >= 0 && forbidden[i] == "Host":
		k.fault(path, "write host: in the route", "header rules cannot change Host")
	case i >= 0:
		k.fault(path, "leave it to Fanlight, which frames every message itself", "header rules cannot change %s", forbidden[i])
	}
}

// isToken is the token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
