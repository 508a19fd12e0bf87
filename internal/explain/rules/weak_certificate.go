package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var weakCertificate = explain.Rule{
	ID:       "weak-certificate",
	Title:    "The certificate's key or signature is too weak for the client",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The certificate or the key exchange uses something that this client no longer accepts: SHA-1 or MD5 signatures, a short RSA or Diffie-Hellman key.",
		Looks: "Alert bad_certificate, unsupported_certificate or insufficient_security, or the client ends the handshake by itself. OpenSSL says `ca md too weak`, `ee key too small` or `dh key too small`.",
		Why:   "An old appliance or an old server.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Issue the certificate again with SHA-256 and RSA of at least 2048 bits, or ECDSA:", "openssl req -new -newkey rsa:2048 -sha256 -nodes -keyout site.key -out site.csr"),
			fix(explain.Gateway, "Fanlight", "For an old origin that cannot be changed, allow old key exchanges on that route alone. SHA-1 in a chain cannot be allowed, only the verification of that origin be given up (`insecure: true`):", "tls: {min: \"1.0\", legacy: true}"),
		},
		Confirm:    "`openssl s_client -connect ADDRESS:443 | openssl x509 -noout -text`: look at the signature algorithm and the key's length.",
		LookAlikes: []explain.Alike{{ID: "cipher-or-group-mismatch", Difference: "the certificate is fine, no cipher suite is common"}},
		References: []string{"RFC 9155 (MD5 and SHA-1 in TLS 1.2)", "RFC 8446 section 4.2.3"},
	},
	Hides: []string{"origin-handshake-failed", "private-ca-not-trusted-here"},
	Check: checkWeakCertificate,
}

func checkWeakCertificate(p *explain.Pass) {
	for _, r := range rejectedCertificates(p, []string{flow.FaultKeyUsage}, []string{"unsupported_certificate"}) {
		confidence := explain.Possible
		if r.own {
			confidence = explain.Likely
		}
		report(p, explain.Finding{
			Confidence: confidence,
			Cause:      fmt.Sprintf("%s did not accept the key or signature of %s: %s.", caller(r.conn), peer(r.conn), r.words()),
			Evidence:   r.evidence(r.words()),
		}, r.conn, nil)
	}
}
