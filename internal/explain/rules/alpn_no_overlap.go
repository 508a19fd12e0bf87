package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var alpnNoOverlap = explain.Rule{
	ID:       "alpn-no-overlap",
	Title:    "The server takes none of the application protocols that were offered",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "In the ClientHello the client lists the protocols it wants to speak inside TLS (ALPN). The server speaks none of them and refused the handshake.",
		Looks: "Alert no_application_protocol (120) right after the ClientHello. OpenSSL `tlsv1 alert no application protocol`, Go `tls: no application protocol`, Chrome ERR_ALPN_NEGOTIATION_FAILED, curl 35.",
		Why:   "A server for HTTP/2 alone (gRPC mostly) and a client or gateway that offers only http/1.1, or the other way round; a port meant for another protocol.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "Speak both; before 1.25.1 it is `listen ... ssl http2`:", "listen 192.0.2.10:443 ssl;", "http2 on;"),
			fix(explain.Origin, "Apache", "Speak both:", "Protocols h2 http/1.1"),
			fix(explain.Origin, "HAProxy", "Speak both:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1"),
			fix(explain.Gateway, "HAProxy", "Offer the origin what it speaks:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem alpn h2,http/1.1"),
			fix(explain.Gateway, "nginx", "As a gateway it speaks HTTP/2 to gRPC origins only:", "grpc_pass grpcs://192.0.2.20:443;"),
			fix(explain.Client, "", "Offer a protocol the server has, or none."),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME -alpn h2`, then `-alpn http/1.1`: one of them is refused.",
		LookAlikes: []explain.Alike{
			{ID: "cipher-or-group-mismatch", Difference: "the alert is handshake_failure"},
			{ID: "alpn-promise-broken", Difference: "a protocol was agreed on, and another one was spoken"},
		},
		References: []string{"RFC 7301 section 3.2 (no_application_protocol)", "seen with openssl s_server -alpn h2, under TLS 1.2 and 1.3"},
	},
	Hides: []string{"origin-handshake-failed", "cipher-or-group-mismatch"},
	Check: checkALPN,
}

func checkALPN(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.Done == flow.Yes {
			continue
		}
		i := alerted(c, flow.Server, "no_application_protocol")
		if i < 0 {
			continue
		}
		offered := "application protocols that were not observed"
		if len(c.TLS.Offered) > 0 {
			offered = strings.Join(c.TLS.Offered, " and ")
		}
		report(p, explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s offered %s to %s, which takes none of that and refused the handshake.", caller(c), offered, peer(c)),
			Evidence:   []explain.Evidence{explain.At(c, hello(c), "offered: "+offered), explain.At(c, i, "alert no_application_protocol")},
		}, c, nil)
	}
}
