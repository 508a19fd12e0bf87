package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var legacyRenegotiationRefused = explain.Rule{
	ID:       "legacy-renegotiation-refused",
	Title:    "The server lacks secure renegotiation, and the client insists on it",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server does not know RFC 5746 (secure renegotiation), which every TLS library has had since about 2010. Clients with OpenSSL 3 refuse such servers; browsers and Go do not.",
		Looks: "A ServerHello without renegotiation_info, and alert handshake_failure (40) from the client right after it. OpenSSL and curl say `unsafe legacy renegotiation disabled`, PHP and Python the same. The browser works.",
		Why:   "A very old server, balancer or appliance; on the other side a client that was updated to OpenSSL 3.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Update the server or the balancer in front of it, or put a TLS proxy of today in front of it."),
			fix(explain.Client, "OpenSSL", "For that server alone, in a configuration file of its own:", "[system_default_sect]", "Options = UnsafeLegacyServerConnect"),
			fix(explain.Client, "openssl", "To look at it:", "openssl s_client -legacy_server_connect -connect ADDRESS:443"),
			fix(explain.Gateway, "nginx", "As a gateway:", "proxy_ssl_conf_command Options UnsafeLegacyServerConnect;"),
			fix(explain.Gateway, "Fanlight", "Put Fanlight in front of the origin: its TLS library does not insist. A renegotiation with such a server cannot be made safe: keep this connection inside a network you trust.", "to: https://old.internal"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -tls1_2` fails with `unsafe legacy renegotiation disabled` and works with `-legacy_server_connect`, which then prints `Secure Renegotiation IS NOT supported`.",
		LookAlikes: []explain.Alike{
			{ID: "cipher-or-group-mismatch", Difference: "the alert comes from the server"},
			{ID: "renegotiation-refused", Difference: "the handshake was complete, and the server asked for another one"},
		},
		References: []string{"RFC 5746 sections 3.4 and 4.1", "OpenSSL 3.0 migration guide (SSL_OP_LEGACY_SERVER_CONNECT)", "openssl#16278", "seen with gnutls-serv and curl with OpenSSL 3.0"},
	},
	Hides: []string{"cipher-or-group-mismatch", "origin-handshake-failed"},
	Check: checkLegacyRenegotiation,
}

func checkLegacyRenegotiation(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.Done == flow.Yes {
			continue
		}
		answer := find(c, 0, flow.Server, flow.ServerHello)
		refusal := alerted(c, flow.Client, "handshake_failure")
		if answer < 0 || refusal < answer || c.Events[answer].Attr(flow.KeyRenegInfo) != flow.No.String() ||
			find(c, 0, flow.Client, flow.Certificate) >= 0 {
			continue
		}
		report(p, explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("%s does not know secure renegotiation, and %s broke off right after its hello: it insists on that.",
				peer(c), caller(c)),
			Evidence: []explain.Evidence{
				explain.At(c, answer, "ServerHello (TLS "+c.TLS.Version+") without renegotiation_info"),
				explain.At(c, refusal, "alert handshake_failure"),
			},
			Missing: []string{"what the client says about it: `unsafe legacy renegotiation disabled`"},
		}, c, nil)
	}
}
