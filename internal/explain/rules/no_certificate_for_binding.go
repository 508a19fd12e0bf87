package rules

import (
	"fmt"
	"strconv"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var noCertificateForBinding = explain.Rule{
	ID:       "no-certificate-for-binding",
	Title:    "The server drops the handshake without a word",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The port accepts connections, but on the ClientHello the server closes or resets without sending an alert: it has no usable certificate for this address and name.",
		Looks: "SYN-ACK, ClientHello, then RST or FIN from the server, and not one TLS byte from it. Chrome shows ERR_CONNECTION_RESET or ERR_CONNECTION_CLOSED, curl ends with code 35.",
		Why:   "HTTP.sys has only bindings by name and the client sent none (health checks often do); the certificate mapping was lost; the private key cannot be read.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "IIS and HTTP.sys", "Look at the mappings; add one for the address, so that clients without a name are answered too:", "netsh http show sslcert", "netsh http add sslcert ipport=192.0.2.10:443 certhash=THUMBPRINT appid={GUID}"),
			fix(explain.Gateway, "Fanlight", "Send the name the origin expects:", "tls: {name: app.internal}"),
			fix(explain.Client, "", "Send a server name; connect by name and not by address."),
		},
		Confirm: "Try the same address with and without a name: `openssl s_client -connect ADDRESS:443 -servername NAME`, and `-noservername`.",
		LookAlikes: []explain.Alike{
			{ID: "sni-unknown-alert", Difference: "the server sends an alert first"},
			{ID: "accepted-but-silent", Difference: "the server neither answers nor closes"},
			{ID: "large-clienthello-dropped", Difference: "only a ClientHello of more than one segment is dropped; a smaller one succeeds"},
			{ID: "injected-reset", Difference: "the reset comes from something in between, its TTL differs"},
			{ID: "answered-by-middlebox", Difference: "the reset comes another way than the SYN-ACK"},
			{ID: "proxy-protocol-mismatch", Difference: "a PROXY header came first, or was waited for"},
			{ID: "sni-missing-to-origin", Difference: "no server name was sent, and the server wants one"},
		},
		References: []string{"Microsoft Learn: netsh http add sslcert", "RFC 8446 section 6.2"},
	},
	Hides:   []string{"origin-handshake-failed"},
	Silence: true,
	Check:   checkNoCertificate,
}

func checkNoCertificate(p *explain.Pass) {
	for _, c := range p.Conns() {
		hello := find(c, 0, flow.Client, flow.ClientHello)
		if hello < 0 || isQUIC(c) || c.Self == flow.Server || find(c, 0, flow.Server, flow.ServerHello, flow.Certificate, flow.Alert) >= 0 {
			continue
		}
		if c.TLS.Done == flow.Yes || c.Close.By != flow.Server || handshakeFailed(c, flow.FaultNotTLS) >= 0 {
			continue
		}
		report(p, explain.Finding{
			Confidence: confidenceOfDrop(c, hello),
			Cause: fmt.Sprintf("%s accepted the connection and closed it on the ClientHello (for %s) without an alert, as servers do that have no certificate they could use there.",
				peer(c), named(c, nil)),
			Evidence: []explain.Evidence{explain.At(c, hello, "ClientHello for "+named(c, nil)), explain.At(c, closing(c), "closed by the server")},
			Missing:  []string{"a second attempt with another name, and one with a small ClientHello"},
		}, c, nil)
	}
}

// confidenceOfDrop is lower where a ClientHello longer than a segment may have
// been the offence.
func confidenceOfDrop(c *flow.Conn, hello int) explain.Confidence {
	if n, err := strconv.Atoi(c.Events[hello].Attr(flow.KeyHelloBytes)); err == nil && n > 1400 {
		return explain.Possible
	}
	if c.TLS.SNI == "" {
		return explain.Likely
	}
	return explain.Possible
}
