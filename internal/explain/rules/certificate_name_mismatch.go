package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var certificateNameMismatch = explain.Rule{
	ID:       "certificate-name-mismatch",
	Title:    "The certificate does not cover the name that was asked for",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server showed a certificate for other names. A wildcard covers one label only; an address needs an entry of its own; the common name does not count where there are alternative names.",
		Looks: "curl 60, Chrome ERR_CERT_COMMON_NAME_INVALID, Go `certificate is valid for ..., not ...`, nginx `upstream SSL certificate does not match`. A gateway answers 502. curl sends no alert: it completes the handshake, looks at the name and leaves without a request.",
		Why:   "Renewed without one of its names; asked by address or short name; a gateway verifies the origin under the address it dials; or another site's certificate was sent because nobody claims the name.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Say which name the origin's certificate has; it is sent as SNI and verified:", "tls: {name: app.internal}"),
			fix(explain.Gateway, "nginx", "As a gateway:", "proxy_ssl_name app.internal;", "proxy_ssl_server_name on;"),
			fix(explain.Gateway, "HAProxy", "As a gateway:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem sni str(app.internal) verifyhost app.internal"),
			fix(explain.Origin, "", "Issue the certificate again with every name (subjectAltName) clients use."),
			fix(explain.Origin, "IIS and HTTP.sys", "See which certificate belongs to which address and name; an entry for the address can shadow one for the name:", "netsh http show sslcert"),
			fix(explain.Client, "", "Ask by a name the certificate has."),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME </dev/null | openssl x509 -noout -ext subjectAltName`",
		LookAlikes: []explain.Alike{
			{ID: "default-certificate-served", Difference: "the same certificate comes for any unknown name and for none"},
			{ID: "wildcard-listener-shadows", Difference: "another program answers on that address"},
			{ID: "tls-intercepted", Difference: "the names fit, the issuer is a surprise"},
			{ID: "resumed-under-wrong-name", Difference: "no certificate was shown in that handshake: the session was resumed"},
		},
		References: []string{"RFC 9525 (service identity in TLS)", "RFC 6066 section 3", "seen: curl 7.88 leaves with close_notify, Go and openssl with bad_certificate"},
	},
	Hides: []string{"origin-handshake-failed", "private-ca-not-trusted-here"},
	Check: checkCertificateName,
}

func checkCertificateName(p *explain.Pass) {
	alerts := []string{"bad_certificate", "certificate_unknown"}
	for _, r := range append(rejectedCertificates(p, []string{flow.FaultWrongName}, alerts), leftUnasked(p)...) {
		confidence := explain.Proof
		if !r.own {
			covered, known := namesCover(r.fact(flow.KeyNames), r.conn.TLS.SNI)
			if !known || covered {
				continue
			}
			confidence = explain.Likely
		}
		names := r.fact(flow.KeyNames)
		if names == "" {
			names = "other names"
		}
		report(p, explain.Finding{
			Confidence: confidence,
			Cause: fmt.Sprintf("%s asked %s for %s and was shown a certificate for %s.",
				caller(r.conn), peer(r.conn), named(r.conn, nil), names),
			Evidence: r.evidence(r.words()),
		}, r.conn, nil)
	}
}
