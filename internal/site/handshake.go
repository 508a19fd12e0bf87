package site

import (
	"crypto/tls"
	"net/netip"
	"strings"
)

// Choice is what a ClientHello leads to.
type Choice struct {
	Site   *Site       // nil: no site has this name at this address
	Config *tls.Config // nil: refuse
	Why    string      // the reason of a refusal
}

// Choose decides on a ClientHello: the configuration of the site it names, or
// a refusal. Never another site's certificate.
func (t *Table) Choose(addr netip.AddrPort, sni string) Choice {
	name := strings.ToLower(strings.TrimSuffix(sni, "."))
	s := t.Find(addr, name)
	switch {
	case s == nil && name == "":
		return Choice{Why: "no site on " + addr.String() + " takes clients that name no host"}
	case s == nil:
		return Choice{Why: "no site on " + addr.String() + " has the name " + sni}
	}
	switch state := s.State(); {
	case state == Serving, state == Stopped && s.StoppedPage:
	default:
		return Choice{Site: s, Why: "site " + s.Name + " is " + state.String()}
	}
	if s.TLS == nil {
		return Choice{Site: s, Why: "site " + s.Name + " has no certificate"}
	}
	return Choice{Site: s, Config: s.TLS}
}
