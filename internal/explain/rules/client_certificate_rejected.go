package rules

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var clientCertificateRejected = explain.Rule{
	ID:       "client-certificate-rejected",
	Title:    "The server did not accept the client's certificate",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client sent a certificate, and the server refused it: its issuer is unknown there, it is expired or revoked, or not made for this use.",
		Looks: "A client Certificate, then alert unknown_ca (48), bad_certificate (42), certificate_expired (45), certificate_revoked (44) or certificate_unknown (46); under TLS 1.3 after the handshake seems complete to the client. nginx completes the handshake and answers 400 (495 in its log), IIS 403.16 (issuer not trusted), 403.17 (expired), 403.13 (revoked). Do not be misled by curl: with -k it says `unable to get local issuer certificate` (60) when it is its own certificate that has expired.",
		Why:   "The issuing authority is missing at the server, or an intermediate is not sent by the client; on Windows a certificate in the root store that is not signed by itself spoils the list (403.16); a revocation list is out of date.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "Trust the authority; with intermediates raise the depth:", "ssl_client_certificate /etc/nginx/client-ca.pem;", "ssl_verify_depth 2;"),
			fix(explain.Origin, "Apache", "Trust the authority:", "SSLCACertificateFile /etc/apache2/client-ca.pem", "SSLVerifyDepth 2"),
			fix(explain.Origin, "HAProxy", "Trust the authority:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem ca-file /etc/haproxy/client-ca.pem verify required"),
			fix(explain.Origin, "HAProxy", "If a revocation list is checked, renew it in time; see until when it holds:", "openssl crl -in /etc/haproxy/client-ca.crl -noout -lastupdate -nextupdate"),
			fix(explain.Origin, "IIS and HTTP.sys", "Install the root; look for certificates in the root store that are not signed by themselves:", "certutil -addstore Root client-ca.cer", `Get-ChildItem cert:\LocalMachine\Root | Where-Object { $_.Issuer -ne $_.Subject }`),
			fix(explain.Client, "", "Send the intermediate with the certificate, and check its dates and uses:", "openssl x509 -in client.pem -noout -dates -issuer -ext extendedKeyUsage"),
			fix(explain.Gateway, "Fanlight", "If it is the route's certificate, replace it; a PFX may hold the intermediates:", "tls: {client_certificate: {pfx: client.pfx, password_file: client.pw}}"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME -cert client.pem -key client.key` ends with the same alert. At the server: `openssl verify -CAfile client-ca.pem client.pem`.",
		LookAlikes: []explain.Alike{
			{ID: "client-certificate-not-sent", Difference: "the client sent none"},
			{ID: "renegotiation-refused", Difference: "the certificate was asked for later, and the client did not begin"},
			{ID: "a 403 of the application", Difference: "the certificate was accepted, its owner may not do this"},
		},
		References: []string{"RFC 8446 section 6.2 (certificate alerts)", "Microsoft support 2802568 (403.7 and 403.16)", "nginx: ngx_http_ssl_module, error 495", "seen with nginx 1.22 (400), Apache 2.4, HAProxy 2.6 (also with crl-file) and Go (alerts)"},
	},
	Hides: []string{"origin-handshake-failed", "origin-closed-without-answer", "renegotiation-answered", "renegotiation-unfinished", "keepalive-race"},
	Check: checkClientRejected,
}

func checkClientRejected(p *explain.Pass) {
	for _, c := range p.Conns() {
		sent := find(c, 0, flow.Client, flow.Certificate)
		if sent < 0 || c.Events[sent].Text == "none" {
			continue
		}
		if i := alerted(c, flow.Server, "unknown_ca", "bad_certificate", "unsupported_certificate", "certificate_revoked",
			"certificate_expired", "certificate_unknown", "access_denied", "decrypt_error"); i > sent {
			reportClientRejected(p, c, sent, i, nil, explain.Proof)
			continue
		}
		if x := rejectedLater(c); x != nil {
			reportClientRejected(p, c, sent, findOf(c, x, flow.Response), x, explain.Possible)
		}
	}
}

// rejectedLater is the first exchange of c if it was refused the way nginx does
// for a client certificate, or nil.
func rejectedLater(c *flow.Conn) *flow.Exchange {
	if len(c.Exchanges) == 0 || c.Forgotten > 0 || c.Close.By != flow.Server {
		return nil
	}
	x := c.Exchanges[0]
	if x.Status == 400 && strings.HasPrefix(header(x.ResponseHeader, "Server"), "nginx") && x.Method == "GET" {
		return x
	}
	return nil
}

func reportClientRejected(p *explain.Pass, c *flow.Conn, sent, refused int, x *flow.Exchange, sure explain.Confidence) {
	e := &c.Events[sent]
	who := e.Text
	if issuer := e.Attr(flow.KeyIssuer); issuer != "" {
		who += ", issued by " + issuer
	}
	f := explain.Finding{
		Confidence: sure,
		Cause:      fmt.Sprintf("%s did not accept the client certificate of %s (%s).", peer(c), caller(c), who),
		Evidence:   []explain.Evidence{explain.At(c, sent, "client certificate "+e.Text), explain.At(c, refused, refusal(&c.Events[refused]))},
	}
	if asked := find(c, 0, flow.Server, flow.CertificateRequest); asked >= 0 && c.Events[asked].Attr(flow.KeyCAs) != "" {
		f.Evidence = slices.Insert(f.Evidence, 0, explain.At(c, asked, "authorities the server names: "+some(c.Events[asked].Attr(flow.KeyCAs), 200)))
	}
	if x != nil {
		f.Missing = []string{"the text of the answer: nginx says `The SSL certificate error`"}
	}
	reportRefusal(p, f, c, x)
}

// some is the beginning of a long text.
func some(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most] + " ..."
}
