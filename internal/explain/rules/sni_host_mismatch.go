package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var sniHostMismatch = explain.Rule{
	ID:       "sni-host-mismatch",
	Title:    "The request asks for another site than the TLS handshake did",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The connection was made for one name (SNI) and the request on it asks for another (Host). The server does not serve that other name on this connection and refused.",
		Looks: "421 Misdirected Request, on older servers 400, while SNI and Host differ. Apache logs AH02032 (\"Hostname ... provided via SNI and hostname ... provided via HTTP\"). nginx mostly answers from the site that Host names and shows nothing; it answers 421 where that site asks for client certificates, and logs `client attempted to request the server name different from the one that was negotiated`.",
		Why:   "A gateway changes Host and not SNI, or the other way round; it uses a kept connection for another site; a script sets a Host header of its own.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Use one name for both:", "proxy_set_header Host $host;", "proxy_ssl_server_name on;", "proxy_ssl_name $host;", "proxy_ssl_session_reuse off;"),
			fix(explain.Gateway, "HAProxy", "Take the server name from the request's Host; connections are then kept apart by name:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem sni req.hdr(host)"),
			fix(explain.Gateway, "Apache", "As a gateway, send the client's Host, which is then also the server name:", "ProxyPreserveHost On"),
			fix(explain.Gateway, "Fanlight", "Where the door asked an origin so, send one name in both places:", "host: app.internal", "tls: {name: app.internal}"),
			fix(explain.Client, "curl", "Set the address and not the Host header:", "curl --resolve b.example:443:192.0.2.10 https://b.example/"),
		},
		Confirm: "`curl --resolve NAME:443:ADDRESS https://NAME/` works; with `-H 'Host: OTHER'` added the answer is the same 421.",
		LookAlikes: []explain.Alike{
			{ID: "sni-missing-to-origin", Difference: "the handshake named no host at all"},
			{ID: "resumed-under-wrong-name", Difference: "SNI and Host agree, the session is that of another name"},
			{ID: "h2-coalesced-misdirected", Difference: "an HTTP/2 client used one connection for two names because the certificate covers both"},
		},
		References: []string{"RFC 9110 section 15.5.20 (421)", "RFC 6066 section 3", "Kong#4001, anubis#1508", "seen with Apache 2.4 (421) and nginx 1.22 (200, and 421 with ssl_verify_client)"},
	},
	Check: checkSNIHost,
}

func checkSNIHost(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.SNI == "" {
			continue
		}
		for i, x := range c.Exchanges {
			coalesced := x.HTTP == "2" && (i > 0 || c.Forgotten > 0)
			if host := hostOf(x.Host); host == "" || strings.EqualFold(host, c.TLS.SNI) || coalesced || !refusesName(x) {
				continue
			}
			reportMismatch(p, c, x)
		}
	}
}

// refusesName tells that x was refused with a status that stands for a host
// that does not belong there. Apache said so with 400 before there was 421.
func refusesName(x *flow.Exchange) bool {
	return x.Status == 421 || x.Status == 400 && strings.HasPrefix(header(x.ResponseHeader, "Server"), "Apache")
}

func reportMismatch(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%s made the TLS connection to %s for %s and then asked for %s on it; the answer was %d.",
			caller(c), peer(c), c.TLS.SNI, hostOf(x.Host), x.Status),
		Evidence: append([]explain.Evidence{
			explain.At(c, hello(c), "ClientHello for "+c.TLS.SNI),
			explain.At(c, findOf(c, x, flow.Request), "request for "+x.Host),
		}, responseEvidence(c, x)...),
	}
	if x.Status == 400 {
		f.Confidence = explain.Possible
	}
	if c.Self == flow.Server { // the door answered as it should
		p.Blame(&f, c, x)
		p.ReportAs(explain.Warning, f)
		return
	}
	reportRefusal(p, f, c, x)
}
