package rules

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var tls13Intolerance = explain.Rule{
	ID:       "tls13-intolerance",
	Title:    "Something on the way does not stand TLS 1.3",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client offered TLS 1.3. Either the server says in its random that it could have spoken TLS 1.3 while an older version was agreed on, which happens when somebody changed the offer on the way; or the connection was cut, and one without the offer of TLS 1.3 works.",
		Looks: "Chrome ERR_TLS13_DOWNGRADE_DETECTED, OpenSSL `inappropriate fallback` or `wrong version number`, Go `downgrade attempt detected`; or a reset right after the ClientHello that goes away with TLS 1.2.",
		Why:   "An inspecting proxy or firewall that copies the server's random into a handshake of its own; an old server that closes on extensions it does not know.",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Update the inspecting device, or take the host out of the inspection."),
			fix(explain.Gateway, "Fanlight", "For that origin offer TLS 1.2 at most:", "tls: {max: \"1.2\"}"),
			fix(explain.Gateway, "nginx", "As a gateway:", "proxy_ssl_protocols TLSv1.2;"),
			fix(explain.Gateway, "HAProxy", "As a gateway:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem ssl-max-ver TLSv1.2"),
			fix(explain.Client, "curl", "To get through for now:", "curl --tls-max 1.2 https://app.example/"),
			fix(explain.Origin, "", "Update the TLS library of the server: one that does not know TLS 1.3 must ignore the offer."),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME -tls1_3` fails, `-tls1_2` works. From a network without the device in between both work.",
		LookAlikes: []explain.Alike{
			{ID: "version-mismatch", Difference: "the server says so with the alert protocol_version"},
			{ID: "large-clienthello-dropped", Difference: "the ClientHello with TLS 1.3 is also too large for one packet: try a small one with TLS 1.3"},
			{ID: "a client limited to TLS 1.2", Difference: "the mark in the server's random is then normal"},
		},
		References: []string{"RFC 8446 section 4.1.3 (downgrade mark in the random) and appendix D.2", "Chromium net_error_list.h (-180)", "seen with curl (OpenSSL 3.0) and Go behind a relay that changes the offer or resets: both answer with illegal_parameter"},
	},
	Hides: []string{"no-certificate-for-binding", "cipher-or-group-mismatch", "origin-handshake-failed", "accepted-but-silent"},
	Check: checkTLS13,
}

func checkTLS13(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.Done == flow.Yes || !slices.Contains(c.TLS.Versions, "1.3") || c.Self == flow.Server {
			continue
		}
		if i := find(c, 0, flow.Server, flow.ServerHello); i >= 0 {
			reportDowngrade(p, c, i)
			continue
		}
		reportCutOffer(p, c)
	}
}

// reportDowngrade explains a client that gave up because of the mark.
func reportDowngrade(p *explain.Pass, c *flow.Conn, serverHello int) {
	i := alerted(c, flow.Client, "illegal_parameter")
	if failed := handshakeFailed(c); failed >= 0 && strings.Contains(c.Events[failed].Text, "downgrade") {
		i = failed
	}
	if i < 0 || c.Events[serverHello].Attr(flow.KeyDowngrade) == "" || c.TLS.Version == "1.3" {
		return
	}
	report(p, explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s offered TLS 1.3 to %s, which agreed on %s while marking that it speaks TLS 1.3: the offer was changed on the way, and the client gave up.",
			caller(c), peer(c), c.TLS.Version),
		Evidence: []explain.Evidence{explain.At(c, hello(c), "TLS 1.3 offered"), explain.At(c, serverHello, "TLS "+c.TLS.Version+" chosen, with the downgrade mark"),
			explain.At(c, i, "given up")},
	}, c, nil)
}

// reportCutOffer explains a connection that was cut on the offer, where one
// without it works.
func reportCutOffer(p *explain.Pass, c *flow.Conn) {
	size, large := helloSize(c)
	end := droppedHello(c)
	if size == 0 || large || end < 0 || find(c, 0, flow.Client, flow.Retransmission, flow.Gap) >= 0 {
		return
	}
	works := answeredWithout13(p, c)
	if works == nil {
		return
	}
	report(p, explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s cut the connection on a ClientHello that offers TLS 1.3, and answered one that offers TLS 1.2 at most.",
			peer(c)),
		Evidence: []explain.Evidence{explain.At(c, hello(c), "TLS 1.3 offered"), explain.At(c, end, "cut"),
			explain.At(works, hello(works), "TLS 1.2 offered"), explain.At(works, find(works, 0, flow.Server, flow.ServerHello), "answered")},
	}, c, nil)
}

// answeredWithout13 is a connection to the same server for the same name that
// did not offer TLS 1.3 and was answered; nil if there is none, or if TLS 1.3
// was spoken to it too.
func answeredWithout13(p *explain.Pass, c *flow.Conn) (works *flow.Conn) {
	for _, other := range p.Trace.Conns {
		if other.Server != c.Server || other.TLS == nil || other.TLS.SNI != c.TLS.SNI || find(other, 0, flow.Server, flow.ServerHello) < 0 {
			continue
		}
		if slices.Contains(other.TLS.Versions, "1.3") {
			return nil
		}
		if len(other.TLS.Versions) > 0 && works == nil {
			works = other
		}
	}
	return works
}
