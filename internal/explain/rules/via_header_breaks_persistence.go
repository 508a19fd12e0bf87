package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var viaHeaderBreaksPersistence = explain.Rule{
	ID:       "via-header-breaks-persistence",
	Title:    "The server asks for a sign-in with each request that carries a Via header",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "IIS signs in the connection once and then knows it. Where a request carries a Via header, IIS takes it to come from a proxy that may mix users, and lets the sign-in count for one request only. Every request then costs one or two 401 answers.",
		Looks: "On one connection: 401, 401, 200, 401, 401, 200. All requests have `Via:`; responses may have `Proxy-Support: Session-Based-Authentication`. The same page straight to the server has a tenth of the 401s. The IIS log is full of 401.1 and 401.2, pages are slow, nothing fails.",
		Why:   "A proxy or gateway on the way adds Via, as RFC 9110 wants it. IIS does not trust what is between it and the user.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Fanlight adds no Via. Take off the one that comes in, on the site or route:", "request_headers: {remove: [Via]}"),
			fix(explain.Gateway, "Apache", "As a gateway:", "ProxyVia Off"),
			fix(explain.Gateway, "HAProxy", "As a gateway HAProxy adds none; take off the one that comes in:", "http-request del-header via"),
			fix(explain.Gateway, "nginx", "As a gateway nginx adds none to requests; take off the one that comes in. (NTLM does not work through the open source version.)", `proxy_set_header Via "";`),
			fix(explain.Gateway, "Squid", "Only if connections to that server are not shared by users:", "via off"),
			fix(explain.Gateway, "", "Before you take the header off: make sure that the gateway gives each client connections of its own (see ntlm-identity-leak). The header is what made IIS careful."),
		},
		Confirm: "Without the gateway, once without and once with the header: `curl -v --ntlm -u USER https://SITE/a https://SITE/b` and the same with `-H 'Via: 1.1 test'`. Count the 401 lines.",
		LookAlikes: []explain.Alike{
			{ID: "auth-repeated-per-request", Difference: "asked again without a Via header too"},
			{ID: "server-header-stripped-reauth", Difference: "the client closes after each 200"},
			{ID: "ntlm-handshake-split", Difference: "no 200 ever comes"},
		},
		References: []string{"RFC 9110 section 7.6.3 (Via)", "RFC 4559 section 6 (session-based authentication)", "Microsoft TechNet isablog 2009-07-30", "curl/curl#363"},
	},
	Needs: needsHeaders(),
	Check: checkVia,
}

func checkVia(p *explain.Pass) {
	for _, s := range persistences(p) {
		if !s.worthTelling() || !s.blamesVia() {
			continue
		}
		without := keptWithoutVia(p, s)
		if without == repeatsToo {
			continue
		}
		f := s.finding(p)
		f.Confidence = explain.Possible
		f.Cause = fmt.Sprintf("%s to %s on signed-in connections were asked to sign in again. All of them carry a Via header, which makes IIS forget the sign-in.", s.share(), s.host)
		first := &s.again[0]
		f.Evidence = append(f.Evidence, explain.Fact("Via: "+header(first.x.RequestHeader, "Via")))
		if proxySupport(first.x) {
			f.Evidence = append(f.Evidence, explain.Fact("the server answers Proxy-Support: Session-Based-Authentication"))
		}
		if without == keeps {
			f.Confidence = explain.Likely
			f.Evidence = append(f.Evidence, explain.Fact("without a Via header the sign-in to "+s.host+" lasts"))
		} else {
			f.Missing = []string{"the same requests without a Via header: the sign-in has to last"}
		}
		p.Report(f)
	}
}

// What requests without Via show.
const (
	nothing = iota
	keeps
	repeatsToo
)

// keptWithoutVia tells what becomes of sign-ins to the same site where
// requests carry no Via.
func keptWithoutVia(p *explain.Pass, s *persistence) int {
	for _, other := range persistences(p) {
		if other == s || !strings.EqualFold(other.host, s.host) && other.conns[0].Server != s.conns[0].Server || other.saysVia() {
			continue
		}
		switch {
		case other.worthTelling():
			return repeatsToo
		case other.kept > 0:
			return keeps
		}
	}
	return nothing
}

func (s *persistence) saysVia() bool {
	for _, c := range s.conns {
		for _, x := range c.Exchanges {
			if _, found := flow.Get(x.RequestHeader, "Via"); found {
				return true
			}
		}
	}
	return false
}
