package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var versionMismatch = explain.Rule{
	ID:       "version-mismatch",
	Title:    "The two sides have no TLS version in common",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Every version the client offered is one the server does not speak, or the other way round.",
		Looks: "Alert protocol_version (70), from the server right after the ClientHello or from the client after a ServerHello with an old version. Chrome shows ERR_SSL_VERSION_OR_CIPHER_MISMATCH, OpenSSL `unsupported protocol`, Go `client offered only unsupported versions`.",
		Why:   "An old origin that stops at TLS 1.0 or 1.1, or a hardened one that begins at 1.3.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Widen the versions on that route; old versions say so in a warning:", "tls: {min: \"1.0\", legacy: true}"),
			fix(explain.Origin, "nginx", "Speak a current version:", "ssl_protocols TLSv1.2 TLSv1.3;"),
			fix(explain.Origin, "Apache", "Speak a current version:", "SSLProtocol -all +TLSv1.2 +TLSv1.3"),
			fix(explain.Origin, "HAProxy", "Speak a current version:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem ssl-min-ver TLSv1.2"),
			fix(explain.Origin, "IIS and HTTP.sys", "Windows Server 2008 R2 has TLS 1.1 and 1.2 switched off until its registry keys under SCHANNEL\\Protocols enable them.", `reg query HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols /s`),
			fix(explain.Client, "", "Update the client, or let it offer the version the server has."),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -tls1_2`, then `-tls1_3`.",
		LookAlikes: []explain.Alike{
			{ID: "cipher-or-group-mismatch", Difference: "the alert is handshake_failure, a version is common"},
			{ID: "tls-to-plaintext-port", Difference: "the answer is no TLS at all"},
			{ID: "tls13-intolerance", Difference: "no alert says protocol_version; the offer of TLS 1.3 alone makes it fail"},
		},
		References: []string{"RFC 8446 section 4.2.1 and 6.2", "RFC 8996 (TLS 1.0 and 1.1 are not to be used)"},
	},
	Hides: []string{"origin-handshake-failed"},
	Check: checkVersion,
}

func checkVersion(p *explain.Pass) {
	for _, c := range p.Conns() {
		i := handshakeFailed(c, flow.FaultVersion)
		if i < 0 && c.TLS != nil && c.TLS.Done != flow.Yes {
			i = max(alerted(c, flow.Server, "protocol_version"), alerted(c, flow.Client, "protocol_version"))
		}
		if i < 0 {
			continue
		}
		cause := fmt.Sprintf("%s and %s have no TLS version in common", caller(c), peer(c))
		if len(c.TLS.Versions) > 0 {
			cause += fmt.Sprintf(": %s offered TLS %s", caller(c), strings.Join(c.TLS.Versions, ", "))
		}
		report(p, explain.Finding{
			Confidence: explain.Proof,
			Cause:      cause + ".",
			Evidence:   []explain.Evidence{explain.At(c, i, refusal(&c.Events[i]))},
		}, c, nil)
	}
}
