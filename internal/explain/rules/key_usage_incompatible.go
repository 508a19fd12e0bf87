package rules

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var keyUsageIncompatible = explain.Rule{
	ID:       "key-usage-incompatible",
	Title:    "The certificate is not made for this use",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The certificate limits what its key may do, and being a TLS server is not among it: the purpose serverAuth is missing, or digitalSignature, which all key exchanges of today need. The client refused it.",
		Looks: "Alert unsupported_certificate (43), bad_certificate (42) or illegal_parameter (47) right after the Certificate. curl `unsuitable certificate purpose`, Go `certificate specifies an incompatible key usage`, Chrome ERR_SSL_KEY_USAGE_INCOMPATIBLE, Firefox mostly accepts it. gnutls-cli sends internal_error (80) where digitalSignature is missing.",
		Why:   "A certificate made by hand or from a template for something else: for client sign-in, for encryption only.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Issue the certificate again with these extensions:", "keyUsage = critical, digitalSignature, keyEncipherment", "extendedKeyUsage = serverAuth"),
			fix(explain.Origin, "IIS and HTTP.sys", "From the Windows authority choose the template Web Server; see what the present one is for:", "certutil -store MY"),
			fix(explain.Gateway, "Fanlight", "The purpose cannot be overlooked; until the origin is corrected only its verification can be given up:", "tls: {insecure: true}"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME </dev/null | openssl x509 -noout -ext keyUsage,extendedKeyUsage`",
		LookAlikes: []explain.Alike{
			{ID: "weak-certificate", Difference: "the uses fit, the signature or the key's length does not"},
			{ID: "private-ca-not-trusted-here", Difference: "the uses fit, the issuer is not trusted"},
		},
		References: []string{"RFC 5280 sections 4.2.1.3 and 4.2.1.12", "RFC 8446 section 4.4.2.2", "Chromium net_error_list.h (-181)", "seen: curl and Go refuse a missing serverAuth; curl, OpenSSL and Go accept a missing digitalSignature, GnuTLS refuses it with internal_error (80)"},
	},
	Hides: []string{"weak-certificate", "private-ca-not-trusted-here", "certificate-name-mismatch", "origin-handshake-failed"},
	Check: checkKeyUsage,
}

func checkKeyUsage(p *explain.Pass) {
	alerts := []string{"unsupported_certificate", "bad_certificate", "certificate_unknown", "illegal_parameter", "internal_error"}
	for _, r := range rejectedCertificates(p, []string{flow.FaultKeyUsage}, alerts) {
		lacks := r.lacks()
		if lacks == "" {
			continue
		}
		report(p, explain.Finding{
			Confidence: explain.Likely,
			Cause:      fmt.Sprintf("%s did not accept the certificate of %s, which is not made for a TLS server: it lacks %s.", caller(r.conn), peer(r.conn), lacks),
			Evidence: append(r.evidence(r.words()), explain.About(r.conn, strings.TrimSpace("uses in the certificate: "+
				strings.ReplaceAll(r.fact(flow.KeyUsage)+" "+r.fact(flow.KeyExtUsage), ",", " ")))),
		}, r.conn, nil)
	}
}

// lacks names the use that the certificate would need and limits itself
// against, empty if there is none.
func (r rejected) lacks() string {
	if purposes := words(r.fact(flow.KeyExtUsage)); len(purposes) > 0 && !slices.Contains(purposes, "serverAuth") && !slices.Contains(purposes, "any") {
		return "the purpose serverAuth"
	}
	uses := words(r.fact(flow.KeyUsage))
	signs := !strings.HasPrefix(r.conn.TLS.Cipher, "TLS_RSA_") && r.conn.TLS.Cipher != ""
	if len(uses) > 0 && signs && !slices.Contains(uses, "digitalSignature") && !r.own {
		return "digitalSignature, which " + r.conn.TLS.Cipher + " needs"
	}
	return ""
}
