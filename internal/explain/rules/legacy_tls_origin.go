package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var legacyTLSOrigin = explain.Rule{
	ID:       "legacy-tls-origin",
	Title:    "The server is spoken to with an outdated TLS",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The connection works, but with a version or cipher that is no longer considered safe. Whoever can read or change the traffic in between has a chance.",
		Looks: "TLS 1.0 or 1.1, 3DES or RC4, or a key exchange by RSA, with which a stolen server key opens everything ever recorded.",
		Why:   "An old server, such as Windows Server 2008 R2, reached through `legacy: true`.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Update the server, or put a small TLS proxy of today on the same machine in front of it."),
			fix(explain.Origin, "IIS and HTTP.sys", "Windows Server 2008 R2 can speak TLS 1.2 once its registry keys under SCHANNEL\\Protocols enable it.", `reg query HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols /s`),
			fix(explain.Gateway, "Fanlight", "Go's TLS cannot do: DHE suites, TLS_RSA_WITH_AES_256_CBC_SHA256, certificates signed with SHA-1. When the origin is updated, remove:", "tls: {min: \"1.0\", legacy: true}"),
			fix(explain.Network, "", "Until then keep this connection inside a network you trust."),
		},
		Confirm: "`openssl s_client -connect ORIGIN:443 -tls1_2` fails, or the chosen cipher is one of those above.",
		LookAlikes: []explain.Alike{
			{ID: "version-mismatch", Difference: "no connection came about"},
		},
		References: []string{"RFC 8996 (TLS 1.0 and 1.1)", "RFC 9325 (recommendations for TLS)", "RFC 7465 (RC4)"},
	},
	Check: checkLegacyTLS,
}

func checkLegacyTLS(p *explain.Pass) {
	found := map[netip.AddrPort]int{}
	var all []explain.Finding
	for _, c := range p.Conns() {
		what := outdated(c)
		if what == "" {
			continue
		}
		if n, seen := found[c.Server]; seen {
			all[n].Conns = append(all[n].Conns, c.ID)
			continue
		}
		found[c.Server] = len(all)
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s spoke %s with %s.", caller(c), what, peer(c)),
			Conns:      []flow.ConnID{c.ID},
		}
		if i := find(c, 0, flow.Unknown, flow.TLSDone); i >= 0 {
			f.Evidence = []explain.Evidence{explain.At(c, i, strings.TrimSpace("handshake complete: TLS "+c.TLS.Version+" "+c.TLS.Cipher))}
		}
		all = append(all, f)
	}
	for _, f := range all {
		p.Report(f)
	}
}

// outdated names what is outdated about c's TLS, empty if nothing. A key
// exchange by RSA is held against our own origin connections only, where the
// route had to ask for it.
func outdated(c *flow.Conn) string {
	if c.TLS == nil || c.TLS.Done != flow.Yes || c.Self == flow.Server {
		return ""
	}
	switch v := c.TLS.Version; {
	case v == "ssl3":
		return "SSL 3.0"
	case v == "1.0" || v == "1.1":
		return "TLS " + v
	case strings.Contains(c.TLS.Cipher, "3DES"), strings.Contains(c.TLS.Cipher, "RC4"):
		return c.TLS.Cipher
	case c.Self == flow.Client && strings.HasPrefix(c.TLS.Cipher, "TLS_RSA_"):
		return c.TLS.Cipher + " (key exchange by RSA)"
	}
	return ""
}
