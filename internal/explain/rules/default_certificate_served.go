package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var defaultCertificateServed = explain.Rule{
	ID:       "default-certificate-served",
	Title:    "The server has no site of that name and shows its default certificate",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The certificate does not cover the name that was asked for, and the same server shows the same certificate for other names too, or for none: it is the one for whoever fits nowhere.",
		Looks: "One certificate for several unrelated names on one address and port. Chrome shows ERR_CERT_COMMON_NAME_INVALID, curl ends with code 60 and leaves right after the handshake, without an alert; Go says `certificate is valid for ..., not ...`.",
		Why:   "The site is missing on that server, its name is misspelt there, its certificate is bound to another address, or the request went to the wrong server.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "Add the name to the site that listens on that address, and refuse what fits nowhere:", "server { listen 192.0.2.10:443 ssl; server_name app.example; ... }", "server { listen 192.0.2.10:443 ssl default_server; ssl_reject_handshake on; }"),
			fix(explain.Origin, "Apache", "Add the virtual host, and see which one is the default:", "apachectl -S"),
			fix(explain.Origin, "HAProxy", "Add the certificate, and refuse what fits nowhere:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/certs/ strict-sni"),
			fix(explain.Origin, "IIS and HTTP.sys", "A binding without SNI takes the address for every name. See all mappings; add one for the name:", "netsh http show sslcert", "netsh http add sslcert hostnameport=app.example:443 certhash=THUMBPRINT appid={GUID} certstorename=MY"),
			fix(explain.Gateway, "Fanlight", "If an origin showed it: ask for the name the origin has:", "tls: {name: app.internal}"),
			fix(explain.Client, "", "Check where the name points to: the address may be that of another server."),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername no-such-name.example </dev/null | openssl x509 -noout -subject` shows the same certificate.",
		LookAlikes: []explain.Alike{
			{ID: "certificate-name-mismatch", Difference: "the right site, whose certificate lacks the name; other names get other certificates"},
			{ID: "sni-missing-to-origin", Difference: "the client named no host"},
			{ID: "wildcard-listener-shadows", Difference: "another program answers on that address"},
		},
		References: []string{"RFC 6066 section 3", "nginx: ngx_http_ssl_module, ssl_reject_handshake", "serverfault.com question 909918", "seen with nginx 1.22 and Apache 2.4; curl and Go"},
	},
	Hides: []string{"certificate-name-mismatch", "private-ca-not-trusted-here", "origin-handshake-failed"},
	Check: checkDefaultCertificate,
}

func checkDefaultCertificate(p *explain.Pass) {
	faults := []string{flow.FaultWrongName}
	for _, r := range append(rejectedCertificates(p, faults, []string{"bad_certificate", "certificate_unknown", "unknown_ca"}), leftUnasked(p)...) {
		c := r.conn
		covered, known := namesCover(r.fact(flow.KeyNames), c.TLS.SNI)
		if !known || covered {
			continue
		}
		other := sameForAnother(p, r)
		if other == nil {
			continue
		}
		whom := "for " + other.TLS.SNI
		if other.TLS.SNI == "" {
			whom = "to clients that name no host"
		}
		report(p, explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("%s was asked for %s and showed a certificate for %s; it shows the same one %s. It has no site %s.",
				peer(c), c.TLS.SNI, r.fact(flow.KeyNames), whom, c.TLS.SNI),
			Evidence: append(r.evidence(r.words()), explain.At(other, shown(other), "the same certificate "+whom)),
		}, c, nil)
	}
}

// sameForAnother is a connection to the same server that was shown the same
// certificate for another name which it does not cover either, or for none.
func sameForAnother(p *explain.Pass, r rejected) *flow.Conn {
	sum := r.fact(flow.KeySHA256)
	for _, other := range p.Trace.Conns {
		if sum == "" || other.Server != r.conn.Server || other.TLS == nil || other.TLS.SNI == r.conn.TLS.SNI ||
			fact(other, flow.Server, flow.Certificate, flow.KeySHA256) != sum {
			continue
		}
		if covered, _ := namesCover(r.fact(flow.KeyNames), other.TLS.SNI); !covered {
			return other
		}
	}
	return nil
}
