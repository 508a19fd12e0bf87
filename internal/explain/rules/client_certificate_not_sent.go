package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var clientCertificateNotSent = explain.Rule{
	ID:       "client-certificate-not-sent",
	Title:    "The server asked for a client certificate and got none",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server asked who the client is; the client answered with an empty certificate, and the server did not go on.",
		Looks: "A CertificateRequest, a client Certificate without entries, then alert handshake_failure (40) or certificate_required (116), or a 403 (IIS: 403.7), 400 (nginx: 496 in its log) or 401.",
		Why:   "No certificate is configured or installed, or none is issued by an authority the server named, or the user cancelled. A gateway in between has no certificate for that origin: the client's own cannot pass through it.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Give the route a client certificate:", "tls: {client_certificate: {pfx: client.pfx, password_file: client.pw}}"),
			fix(explain.Gateway, "nginx", "As a gateway:", "proxy_ssl_certificate /etc/nginx/client.pem;", "proxy_ssl_certificate_key /etc/nginx/client.key;"),
			fix(explain.Gateway, "Apache", "As a gateway, certificate and key in one file:", "SSLProxyMachineCertificateFile /etc/apache2/client-and-key.pem"),
			fix(explain.Gateway, "HAProxy", "As a gateway:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem crt /etc/haproxy/client.pem"),
			fix(explain.Client, "", "Install a certificate issued by one of the authorities the server names, and choose it."),
			fix(explain.Origin, "IIS", "If a certificate is not needed there, do not ask for one:", `%windir%\system32\inetsrv\appcmd set config "SITE" /section:access /sslFlags:"Ssl" /commit:apphost`),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME` prints the authorities under \"Acceptable client certificate CA names\"; try with `-cert` and `-key`.",
		LookAlikes: []explain.Alike{
			{ID: "client-certificate-rejected", Difference: "a certificate was sent and not accepted"},
			{ID: "post-handshake-auth-not-offered", Difference: "TLS 1.3, and the server never asked"},
			{ID: "renegotiation-refused", Difference: "the client did not even begin the second handshake"},
			{ID: "client-ca-list-oversized", Difference: "the server's list of authorities is so long that the client's own may have been cut off"},
			{ID: "handshake-waits-for-user", Difference: "the client was still choosing when the server gave up"},
		},
		References: []string{"RFC 5246 section 7.4.6 and RFC 8446 section 4.4.2 (empty certificate list)", "Microsoft support 2802568 (403.7)"},
	},
	Hides:   []string{"origin-handshake-failed", "cipher-or-group-mismatch", "renegotiation-answered", "renegotiation-unfinished", "origin-closed-without-answer", "keepalive-race"},
	Silence: true,
	Check:   checkClientCertificate,
}

func checkClientCertificate(p *explain.Pass) {
	for _, c := range p.Conns() {
		none := findText(c, flow.Client, flow.Certificate, "none")
		if none < 0 {
			continue
		}
		end, x := refusedWithoutCertificate(c, none)
		if end < 0 {
			continue
		}
		confidence := explain.Proof
		if x != nil {
			confidence = explain.Likely
		}
		evidence := []explain.Evidence{explain.At(c, none, "empty client certificate"), explain.At(c, end, refusal(&c.Events[end]))}
		if i := find(c, 0, flow.Server, flow.CertificateRequest); i >= 0 {
			evidence = append([]explain.Evidence{explain.At(c, i, "certificate asked for "+c.Events[i].Attr(flow.KeyCAs))}, evidence...)
		}
		report(p, explain.Finding{
			Confidence: confidence,
			Cause:      fmt.Sprintf("%s asked for a client certificate, %s sent none, and the server refused.", peer(c), caller(c)),
			Evidence:   evidence,
		}, c, x)
	}
}

// refusedWithoutCertificate is the event by which the server refused to go on
// after event i, and the exchange if it was a response.
func refusedWithoutCertificate(c *flow.Conn, i int) (int, *flow.Exchange) {
	if n := alerted(c, flow.Server, "handshake_failure", "certificate_required", "bad_certificate"); n >= i {
		return n, nil
	}
	n := find(c, i, flow.Unknown, flow.Response)
	if n < 0 {
		return -1, nil
	}
	switch c.Events[n].Status {
	case 400, 401, 403, 496:
		if x := exchangeOf(c, c.Events[n].Exchange); x != nil {
			return n, x
		}
	}
	return -1, nil
}

func refusal(e *flow.Event) string {
	if e.Kind == flow.Response {
		return fmt.Sprintf("answered %d", e.Status)
	}
	if e.Kind == flow.Alert {
		return "alert " + e.Text
	}
	return e.Text
}
