package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2CoalescedMisdirected = explain.Rule{
	ID:       "h2-coalesced-misdirected",
	Title:    "A request for one host was sent on another host's HTTP/2 connection",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A browser may use one HTTP/2 connection for several host names, if they lead to the same address and the certificate covers them all. It did so here. The server at the other end of that connection does not serve the second name, and answered 421. Where a balancer forwards by the name in the handshake, the second request can even end in the wrong application without any error.",
		Looks: "One connection with two values of :authority; the second gets 421 Misdirected Request, or the page of the first site. It comes and goes with what was opened before; a private window cures it. Chromium asks again by itself on a new connection, so that its users only lose time; other clients fail. Apache logs `AH02032: Hostname ... provided via SNI and hostname ... provided via HTTP have no compatible SSL setup`.",
		Why:   "One wildcard certificate for several sites on one address, but different settings, or different servers, behind the names. nginx answers 421 if one of the two hosts asks for client certificates, Apache if their cipher suites, protocols or client certificates differ.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Give sites that must not share a connection certificates of their own, or addresses of their own."),
			fix(explain.Gateway, "", "Where TLS is passed through by name (HAProxy `req.ssl_sni`, nginx `ssl_preread`, OpenShift passthrough): terminate TLS there instead, or use one certificate for each name."),
			fix(explain.Origin, "Apache", "Give both hosts the same SSLProtocol, SSLCipherSuite and SSLVerifyClient; then it serves both on one connection."),
			fix(explain.Origin, "nginx", "Or do without HTTP/2 for those sites. nginx 1.25.1 and later:", "http2 off;"),
			fix(explain.Gateway, "HAProxy", "Answer 421 where the name is not served on this connection, so that browsers ask again on a connection of its own:", "http-request set-var(txn.host) req.hdr(host),field(1,:),lower", `http-request return status 421 if { ssl_fc_has_sni } !{ ssl_fc_sni,lower,strcmp(txn.host) eq 0 }`),
			fix(explain.Gateway, "Fanlight", "It answers 421 by itself. Give each site addresses of its own, or its own certificate (`certificate: local` makes one for each)."),
			fix(explain.Client, "", "Take 421 as a reason to send the request again on a new connection, as RFC 9110 allows."),
		},
		Confirm: "`curl -v --http2 https://SECOND/` on a fresh connection works. Then see which names the certificate has: `openssl s_client -connect FIRST:443 -servername FIRST </dev/null | openssl x509 -noout -ext subjectAltName`.",
		LookAlikes: []explain.Alike{
			{ID: "a name that nobody serves", Difference: "421 on a fresh connection too, with that name in the handshake"},
			{ID: "certificate-name-mismatch", Difference: "the certificate does not cover the second name"},
			{ID: "stopped-site-still-handshakes", Difference: "404 or 503 instead of 421, also on a fresh connection"},
		},
		References: []string{"RFC 9113 section 9.1.1", "RFC 9110 section 15.5.20 (421)", "RFC 8336 (ORIGIN frame)", "projectcontour/contour#5240", "icing/mod_h2#34", "seen with Chromium 156 before Apache 2.4 and nginx 1.22"},
	},
	Needs: needsHeaders(),
	Check: checkCoalesced,
}

func checkCoalesced(p *explain.Pass) {
	for _, c := range p.Conns() {
		var first *flow.Exchange
		var lost []*flow.Exchange
		for _, x := range c.Exchanges {
			switch {
			case x.Stream == 0:
			case x.Status == 421 && !ownHost(c, x, first):
				lost = append(lost, x)
			case first == nil && x.Status != 0:
				first = x
			}
		}
		if first != nil && len(lost) > 0 {
			reportCoalesced(p, c, first, lost)
		}
	}
}

// ownHost tells that c was made for the host of x: by the name in its
// handshake, or else by its first request.
func ownHost(c *flow.Conn, x, first *flow.Exchange) bool {
	if c.TLS != nil && c.TLS.SNI != "" {
		return sameName(c.TLS.SNI, x.Host)
	}
	return first == nil || sameName(first.Host, x.Host)
}

func reportCoalesced(p *explain.Pass, c *flow.Conn, first *flow.Exchange, lost []*flow.Exchange) {
	x := lost[0]
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("This HTTP/2 connection was made for %s. Then %s sent %s for %s on it too, and %s answered 421: it does not serve that name here.",
			hostOf(first.Host), caller(c), counted(len(lost), "request", "requests"), hostOf(x.Host), peer(c)),
		Evidence: []explain.Evidence{explain.At(c, findOf(c, first, flow.Request), fmt.Sprintf("stream %d for %s, answered %d", first.Stream, first.Host, first.Status)),
			explain.At(c, findOf(c, x, flow.Request), fmt.Sprintf("stream %d for %s", x.Stream, x.Host)),
			explain.At(c, findOf(c, x, flow.Response), "answered 421")},
	}
	if i := find(c, 0, flow.Server, flow.Certificate); i >= 0 && c.Events[i].Attr(flow.KeyNames) != "" {
		f.Evidence = append(f.Evidence, explain.At(c, i, "the certificate covers "+c.Events[i].Attr(flow.KeyNames)))
	}
	blameAll(p, &f, c, lost)
	if len(unrepeated(p, c, lost)) == 0 {
		f.Cause += " The client then asked again on another connection, and was answered."
		p.ReportAs(explain.Note, f)
		return
	}
	p.Report(f)
}
