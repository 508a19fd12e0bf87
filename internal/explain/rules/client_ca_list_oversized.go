package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var clientCAListOversized = explain.Rule{
	ID:       "client-ca-list-oversized",
	Title:    "The server names so many authorities that the client finds none",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "With its wish for a client certificate the server sent a list of authorities that is close to the limit of one TLS record (16 KB) or above. Windows cuts such a list short; a client whose authority fell off sends no certificate.",
		Looks: "A CertificateRequest of 12 KB or more, and an empty client Certificate. Windows writes event 36885 (source Schannel); IIS answers 403.7, nginx 400 (496 in its log).",
		Why:   "The whole store of public roots is configured as the list of authorities for clients.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "Name only the authority that issues the clients' certificates; others may be trusted without being named:", "ssl_client_certificate /etc/nginx/client-ca.pem;", "ssl_trusted_certificate /etc/nginx/more-authorities.pem;"),
			fix(explain.Origin, "Apache", "Trust many, name few:", "SSLCACertificateFile /etc/apache2/all.pem", "SSLCADNRequestFile /etc/apache2/client-ca.pem"),
			fix(explain.Origin, "HAProxy", "Trust many, name few:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem ca-verify-file /etc/haproxy/all.pem ca-file /etc/haproxy/client-ca.pem verify required"),
			fix(explain.Origin, "IIS and HTTP.sys", "Send no list, or remove what is not needed from the root store:", `reg add HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL /v SendTrustedIssuerList /t REG_DWORD /d 0`),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME` prints the list under \"Acceptable client certificate CA names\". Is the client's authority there?",
		LookAlikes: []explain.Alike{
			{ID: "client-certificate-not-sent", Difference: "the list is short: the client simply has no certificate"},
			{ID: "client-certificate-rejected", Difference: "a certificate was sent"},
		},
		References: []string{"Microsoft support 933430 and 2880390 (limit of the list)", "RFC 5246 section 7.4.4", "seen with nginx 1.22 and Apache 2.4 and the roots of Debian: 14,755 bytes"},
	},
	Hides: []string{"client-certificate-not-sent", "cipher-or-group-mismatch", "origin-handshake-failed", "origin-closed-without-answer"},
	Check: checkCAList,
}

// longList is where Windows begins to cut lists short: 12,228 bytes in older
// versions (support 933430).
const longList = 12000

func checkCAList(p *explain.Pass) {
	for _, c := range p.Conns() {
		asking := find(c, 0, flow.Server, flow.CertificateRequest)
		none := findText(c, flow.Client, flow.Certificate, "none")
		if asking < 0 || none < asking {
			continue
		}
		size, known := number(c.Events[asking].Attr(flow.KeyCAsBytes))
		end, x := refusedWithoutCertificate(c, none)
		if !known || size < longList || end < 0 {
			continue
		}
		reportRefusal(p, explain.Finding{
			Confidence: explain.Possible,
			Cause: fmt.Sprintf("%s asked for a client certificate of one of so many authorities that their list takes %d bytes; %s sent none, and the server refused. Either it has none, or its authority was cut off the list.",
				peer(c), size, caller(c)),
			Evidence: []explain.Evidence{explain.At(c, asking, fmt.Sprintf("list of authorities, %d bytes", size)),
				explain.At(c, none, "empty client certificate"), explain.At(c, end, refusal(&c.Events[end]))},
			Missing: []string{"the client's certificate and its issuer"},
		}, c, x)
	}
}
