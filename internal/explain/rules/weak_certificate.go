package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var weakCertificate = explain.Rule{
	ID:       "weak-certificate",
	Title:    "The certificate's key or signature is too weak for the client",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The certificate or the key exchange uses something that this client no longer accepts: SHA-1 or MD5 signatures, a short RSA or Diffie-Hellman key.",
		Looks: "Alert bad_certificate (42) or unsupported_certificate (43) right after the Certificate; handshake_failure (40) from the client after the server's key exchange, for a short Diffie-Hellman key. OpenSSL and curl say `EE certificate key too weak`, `CA signature digest algorithm too weak` or `dh key too small`, Go `insecure algorithm SHA1-RSA`.",
		Why:   "An old appliance or an old server; parameters for Diffie-Hellman that were made long ago. Clients have become stricter: Debian's OpenSSL takes RSA and Diffie-Hellman of 2048 bits and more (security level 2).",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Issue the certificate again with SHA-256 and RSA of at least 2048 bits, or ECDSA:", "openssl req -new -newkey rsa:2048 -sha256 -nodes -keyout site.key -out site.csr"),
			fix(explain.Origin, "nginx", "If Diffie-Hellman is what is short, leave it out: without this line nginx does not use it.", "# ssl_dhparam /etc/nginx/dh1024.pem;"),
			fix(explain.Origin, "HAProxy", "If Diffie-Hellman is what is short, in the section global:", "tune.ssl.default-dh-param 2048"),
			fix(explain.Client, "OpenSSL", "To get through for now, to that server alone:", "curl --ciphers DEFAULT:@SECLEVEL=0 https://app.example/"),
			fix(explain.Gateway, "Fanlight", "For an old origin that cannot be changed, allow old key exchanges on that route alone. SHA-1 in a chain cannot be allowed, only the verification of that origin be given up (`insecure: true`):", "tls: {min: \"1.0\", legacy: true}"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -cipher DEFAULT:@SECLEVEL=0 </dev/null` gets through. It prints `Server Temp Key`; piped into `openssl x509 -noout -text` it shows the signature algorithm and the key's length.",
		LookAlikes: []explain.Alike{
			{ID: "cipher-or-group-mismatch", Difference: "the certificate is fine, no cipher suite is common"},
			{ID: "private-ca-not-trusted-here", Difference: "key and signature are of today, the issuer is not trusted"},
			{ID: "legacy-renegotiation-refused", Difference: "the same alert, before the server's key exchange counts: the server lacks secure renegotiation"},
			{ID: "key-usage-incompatible", Difference: "key and signature are strong, the purpose is wrong"},
		},
		References: []string{"RFC 9155 (MD5 and SHA-1 in TLS 1.2)", "RFC 8446 section 4.2.3", "OpenSSL: SSL_CTX_set_security_level", "seen with curl and OpenSSL 3.0: bad_certificate for the key and for the signature, handshake_failure for Diffie-Hellman"},
	},
	Hides: []string{"origin-handshake-failed", "private-ca-not-trusted-here", "cipher-or-group-mismatch"},
	Check: checkWeakCertificate,
}

func checkWeakCertificate(p *explain.Pass) {
	for _, r := range rejectedCertificates(p, []string{flow.FaultKeyUsage}, []string{"unsupported_certificate", "bad_certificate", "insufficient_security"}) {
		weak := r.weak()
		if weak == "" && !r.own && alerted(r.conn, flow.Client, "bad_certificate") >= 0 {
			continue // most are sent for other reasons
		}
		f := explain.Finding{
			Confidence: explain.Possible,
			Cause:      fmt.Sprintf("%s did not accept the key or signature of %s: %s.", caller(r.conn), peer(r.conn), r.words()),
			Evidence:   r.evidence(r.words()),
		}
		if r.own {
			f.Confidence = explain.Likely
		}
		if weak != "" {
			f.Confidence = explain.Likely
			f.Cause = fmt.Sprintf("%s did not accept the certificate of %s, which is too weak for it: %s.", caller(r.conn), peer(r.conn), weak)
		}
		report(p, f, r.conn, nil)
	}
	for _, c := range p.Conns() {
		reportShortDH(p, c)
	}
}

// weak names what of the certificate clients of today do not accept, empty if
// there is nothing.
func (r rejected) weak() string {
	kind, length, _ := strings.Cut(r.fact(flow.KeyKey), " ")
	if bits, known := number(length); known && kind == "RSA" && bits < 2048 {
		return fmt.Sprintf("an RSA key of %d bits", bits)
	}
	signature := r.fact(flow.KeySignature)
	if strings.Contains(signature, "SHA1") || strings.Contains(signature, "MD5") || strings.Contains(signature, "MD2") {
		return "it is signed with " + signature
	}
	return ""
}

// reportShortDH explains a client that broke off at a key exchange with
// Diffie-Hellman, whose length no record has.
func reportShortDH(p *explain.Pass, c *flow.Conn) {
	if c.TLS == nil || c.TLS.Done == flow.Yes || c.Self == flow.Client {
		return
	}
	i := find(c, 0, flow.Server, flow.ServerHello)
	refused := alerted(c, flow.Client, "handshake_failure", "insufficient_security")
	if i < 0 || refused < i || !strings.HasPrefix(c.Events[i].Attr(flow.KeyCipher), "TLS_DHE_") || c.Events[i].Attr(flow.KeyRenegInfo) == flow.No.String() {
		return
	}
	report(p, explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s broke off after the key exchange of %s (%s): most likely its Diffie-Hellman key is too short.",
			caller(c), peer(c), c.Events[i].Attr(flow.KeyCipher)),
		Evidence: []explain.Evidence{explain.At(c, i, "ServerHello with "+c.Events[i].Attr(flow.KeyCipher)), explain.At(c, refused, "alert "+c.Events[refused].Text)},
		Missing:  []string{"the length of the server's Diffie-Hellman key: `openssl s_client` prints it as Server Temp Key"},
	}, c, nil)
}
