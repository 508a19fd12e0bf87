package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var cipherOrGroupMismatch = explain.Rule{
	ID:       "cipher-or-group-mismatch",
	Title:    "The two sides have no cipher suite or group in common",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A TLS version is common, but no combination of cipher suite, key exchange group and signature algorithm.",
		Looks: "Alert handshake_failure (40) or insufficient_security (71) from the server right after the ClientHello. Chrome shows ERR_SSL_VERSION_OR_CIPHER_MISMATCH, OpenSSL `no shared cipher`.",
		Why:   "A hardened side and an old one; only an ECDSA certificate and a client that knows only RSA.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "For an old origin allow RSA key exchange, CBC and 3DES on that route. Not to be had in Go's TLS are the DHE suites and TLS_RSA_WITH_AES_256_CBC_SHA256:", "tls: {legacy: true}"),
			fix(explain.Origin, "nginx", "Add a current suite:", "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256;"),
			fix(explain.Origin, "Apache", "Add a current suite:", "SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"),
			fix(explain.Origin, "HAProxy", "Add a current suite:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem ciphers ECDHE-RSA-AES128-GCM-SHA256"),
			fix(explain.Origin, "IIS and HTTP.sys", "See and order the suites of Windows:", "Get-TlsCipherSuite | Format-Table Name"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -cipher SUITE`, one suite at a time.",
		LookAlikes: []explain.Alike{
			{ID: "version-mismatch", Difference: "the alert is protocol_version"},
			{ID: "client-certificate-not-sent", Difference: "handshake_failure comes after the client's empty certificate"},
			{ID: "sni-unknown-alert", Difference: "some servers use handshake_failure for an unknown name"},
			{ID: "alpn-no-overlap", Difference: "the alert is no_application_protocol (120)"},
			{ID: "legacy-renegotiation-refused", Difference: "the alert is the same, but the client sends it"},
		},
		References: []string{"RFC 8446 section 4.1.1 and 6.2"},
	},
	Hides: []string{"origin-handshake-failed"},
	Check: checkCipher,
}

func checkCipher(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.Done == flow.Yes {
			continue
		}
		i, confidence := handshakeFailed(c, flow.FaultCipher), explain.Proof
		if i < 0 {
			i, confidence = alerted(c, flow.Server, "handshake_failure", "insufficient_security"), explain.Possible
			if find(c, 0, flow.Server, flow.ServerHello) >= 0 {
				continue
			}
		}
		if i < 0 {
			continue
		}
		report(p, explain.Finding{
			Confidence: confidence,
			Cause:      fmt.Sprintf(mismatchCause(confidence), peer(c), caller(c)),
			Evidence:   []explain.Evidence{explain.At(c, i, refusal(&c.Events[i]))},
			Missing:    mismatchMissing(confidence),
		}, c, nil)
	}
}

func mismatchMissing(c explain.Confidence) []string {
	if c == explain.Proof {
		return nil
	}
	return []string{"what the server accepts: a handshake with it that works"}
}

// mismatchCause is about a server and a client. An alert alone has other causes.
func mismatchCause(sure explain.Confidence) string {
	if sure == explain.Possible {
		return "%s refused the handshake of %s, as servers do that find no common cipher suite, group or signature algorithm in what was offered."
	}
	return "%s found nothing it accepts in what %s offered: no common cipher suite, group or signature algorithm."
}
