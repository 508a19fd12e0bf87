package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var tlsIntercepted = explain.Rule{
	ID:       "tls-intercepted",
	Title:    "Somebody in between opens the TLS connection",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The certificate was not made by the server's authority but by a program on the way that reads the traffic: a virus scanner, a company's inspecting proxy, a debugging proxy. This client does not trust that program's authority.",
		Looks: "The right name, and an issuer that is a product: Fortinet, Zscaler, Kaspersky, mitmproxy, Fiddler. Firefox MOZILLA_PKIX_ERROR_MITM_DETECTED, Chrome ERR_CERT_AUTHORITY_INVALID, curl 60 `self-signed certificate in certificate chain`. Or an issuer with the name of a company: such a proxy (Squid with `ssl_bump`, for instance) may have an authority of any name. A capture on its other side proves it: it shows the server's own certificate.",
		Why:   "Inspection is switched on and its authority is not installed in this client's own store (Java, Python, Node.js, Firefox, containers have one), or the client accepts only one certain certificate.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "If the inspection is meant, install its authority where this program looks:", "NODE_EXTRA_CA_CERTS=proxy-ca.pem node app.js", "keytool -importcert -cacerts -alias proxy -file proxy-ca.pem", "REQUESTS_CA_BUNDLE=proxy-ca.pem python app.py"),
			fix(explain.Network, "", "Take names that pin their certificate, ask for client certificates or bind sign-ins to the connection out of the inspection."),
			fix(explain.Gateway, "Fanlight", "If an origin connection is inspected, give the route the inspecting authority, or have the origin's address exempted:", "tls: {ca: proxy-ca.pem}"),
		},
		Confirm: "Compare the issuer with what another network sees: `openssl s_client -connect NAME:443 -servername NAME </dev/null | openssl x509 -noout -issuer`.",
		LookAlikes: []explain.Alike{
			{ID: "private-ca-not-trusted-here", Difference: "the server itself uses a private authority: every client sees the same issuer"},
			{ID: "certificate-name-mismatch", Difference: "the name is wrong as well"},
			{ID: "chain-incomplete", Difference: "the server's own certificate, without its intermediate"},
		},
		References: []string{"Chromium net_error_list.h (CERT errors)", "the issuer names are those that the products put into their certificates by default", "seen with mitmproxy 8.1 and Squid 5.7 (ssl_bump)"},
	},
	Hides: []string{"private-ca-not-trusted-here", "origin-handshake-failed"},
	Check: checkIntercepted,
}

// inspectors are words by which the authorities of inspecting products name
// themselves.
func inspectors() []string {
	return []string{"Fortinet", "FortiGate", "Zscaler", "Netskope", "Blue Coat", "Bluecoat", "Palo Alto Networks", "Sophos", "Cisco Umbrella",
		"McAfee Web Gateway", "Forcepoint", "Kaspersky", "ESET SSL Filter", "avast! Web/Mail Shield", "Avast Web/Mail Shield",
		"AVG Web/Mail Shield", "Bitdefender Personal CA", "mitmproxy", "DO_NOT_TRUST_FiddlerRoot", "Charles Proxy", "PortSwigger"}
}

// caOf names the inspecting product that an issuer is, empty if none.
func caOf(issuer string) string {
	for _, name := range inspectors() {
		if strings.Contains(issuer, name) {
			return name
		}
	}
	return ""
}

func checkIntercepted(p *explain.Pass) {
	for _, r := range rejectedCertificates(p, []string{flow.FaultUnknownIssuer}, []string{"unknown_ca", "bad_certificate", "certificate_unknown"}) {
		issuer := r.fact(flow.KeyIssuer)
		product := caOf(issuer)
		if r.conn.Self == flow.Server {
			continue // the door's own certificate is no surprise
		}
		if product == "" {
			reportOpened(p, r)
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause:      fmt.Sprintf("%s was shown a certificate for %s that was issued by %s, and did not accept it.", caller(r.conn), named(r.conn, nil), issuer),
			Evidence:   append(r.evidence(r.words()), explain.About(r.conn, "the authority of "+product+" is named like that")),
			Missing:    []string{"the certificate as the server itself sends it"},
		}
		if other := otherIssuer(p, r.conn, issuer); other != nil {
			f.Evidence = append(f.Evidence, explain.At(other, shown(other),
				"elsewhere the same name has a certificate of "+fact(other, flow.Server, flow.Certificate, flow.KeyIssuer)))
			f.Missing = nil
		}
		report(p, f, r.conn, nil)
	}
}

// reportOpened explains a certificate whose issuer is no known product: where
// the box on the way was itself shown another one for the same name, it made the
// one that it showed.
func reportOpened(p *explain.Pass, r rejected) {
	behind := ownLeg(p, r.conn)
	if behind == nil {
		return
	}
	issuer := fact(behind, flow.Server, flow.Certificate, flow.KeyIssuer)
	sure := explain.Likely
	if tunnelled(r.conn) { // who answers CONNECT is not the server
		sure = explain.Proof
	}
	report(p, explain.Finding{
		Confidence: sure,
		Cause: fmt.Sprintf("%s was shown a certificate for %s that was issued by %s, and did not accept it. It was made on the way: the machine that showed it was itself shown one issued by %s.",
			caller(r.conn), named(r.conn, nil), r.fact(flow.KeyIssuer), issuer),
		Evidence: append(r.evidence(r.words()), explain.At(behind, shown(behind), "the certificate of the server itself, of "+issuer)),
		Conns:    []flow.ConnID{r.conn.ID, behind.ID},
	}, r.conn, nil)
}

// tunnelled tells that c went through a proxy by CONNECT.
func tunnelled(c *flow.Conn) bool { return len(c.Exchanges) > 0 && c.Exchanges[0].Method == "CONNECT" }

// ownLeg is the connection that the machine at the server's end of c made for
// the same name before it showed its certificate on c, if it was itself shown
// another one of another issuer there; or nil. A gateway that serves the name
// with a certificate of its own connects to its origin for a request, and none
// was made yet.
func ownLeg(p *explain.Pass, c *flow.Conn) *flow.Conn {
	sum, issuer := fact(c, flow.Server, flow.Certificate, flow.KeySHA256), fact(c, flow.Server, flow.Certificate, flow.KeyIssuer)
	for _, other := range p.Trace.Conns {
		if other == c || shown(c) < 0 || hello(other) < 0 || c.TLS.SNI == "" || other.TLS.SNI != c.TLS.SNI || !sameHost(other.Client, c.Server.Addr()) || c.Client.Addr() == c.Server.Addr() {
			continue
		}
		asked, theirHello := hello(c), hello(other)
		if before := other.Events[theirHello].At; asked < 0 || before.Before(c.Events[asked].At) || before.After(c.Events[shown(c)].At) {
			continue
		}
		theirs := fact(other, flow.Server, flow.Certificate, flow.KeySHA256)
		if seen := fact(other, flow.Server, flow.Certificate, flow.KeyIssuer); sum != "" && theirs != "" && theirs != sum && seen != issuer {
			return other
		}
	}
	return nil
}

// otherIssuer is a connection for the same name whose certificate has an issuer
// that is no such product, or nil.
func otherIssuer(p *explain.Pass, c *flow.Conn, issuer string) *flow.Conn {
	for _, other := range p.Trace.Conns {
		if other == c || other.TLS == nil || c.TLS.SNI == "" || other.TLS.SNI != c.TLS.SNI {
			continue
		}
		if seen := fact(other, flow.Server, flow.Certificate, flow.KeyIssuer); seen != "" && seen != issuer && caOf(seen) == "" {
			return other
		}
	}
	return nil
}
