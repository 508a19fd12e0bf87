package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var tlsToPlaintextPort = explain.Rule{
	ID:       "tls-to-plaintext-port",
	Title:    "TLS was spoken to a port that does not speak TLS",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The answer to the ClientHello was not TLS. The port is one for plain HTTP, or for something else.",
		Looks: "OpenSSL `wrong version number`, Go `first record does not look like a TLS handshake`, Chrome ERR_SSL_PROTOCOL_ERROR, curl 35. A gateway answers 502.",
		Why:   "https:// with the port of plain HTTP (80, 8080), or a proxy in between that answers in plain text.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Use http:// for this origin, or the port on which it speaks TLS:", "to: http://10.0.0.5:8080"),
			fix(explain.Origin, "nginx", "Make the port speak TLS:", "listen 192.0.2.10:8443 ssl;"),
			fix(explain.Origin, "Apache", "Make the port speak TLS:", "SSLEngine on"),
		},
		Confirm: "`curl http://ADDRESS:PORT/` gets an answer.",
		LookAlikes: []explain.Alike{
			{ID: "version-mismatch", Difference: "the answer is a TLS alert"},
			{ID: "plaintext-to-tls-port", Difference: "the other way round: plain HTTP to a TLS port"},
			{ID: "proxy-protocol-mismatch", Difference: "the answer is plain text because of a PROXY header, or for lack of one"},
		},
		References: []string{"RFC 8446 section 5.1 (record layer)"},
	},
	Hides: []string{"no-certificate-for-binding", "origin-handshake-failed"},
	Check: checkPlaintextPort,
}

func checkPlaintextPort(p *explain.Pass) {
	for _, c := range p.Conns() {
		i := handshakeFailed(c, flow.FaultNotTLS)
		if said := notTLS(c); i < 0 && handshakeFailed(c) >= 0 {
			i = said
		}
		if i < 0 || c.Self == flow.Server {
			continue
		}
		report(p, explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s spoke TLS to %s, and what came back was not TLS.", caller(c), peer(c)),
			Evidence:   []explain.Evidence{explain.At(c, i, c.Events[i].Text)},
		}, c, nil)
	}
}

// notTLS is the event by which a capture shows that the server's first bytes
// were no TLS record, or -1.
func notTLS(c *flow.Conn) int {
	for i := find(c, 0, flow.Server, flow.Irregular); i >= 0; i = find(c, i+1, flow.Server, flow.Irregular) {
		if strings.HasPrefix(c.Events[i].Text, "not-tls") && !spokeTLS(c) {
			return i
		}
	}
	return -1
}
