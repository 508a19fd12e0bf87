package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var quicHandshakeFailed = explain.Rule{
	ID:       "quic-handshake-failed",
	Title:    "HTTP/3 is tried, UDP gets through, and the QUIC handshake fails",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client reached something that speaks QUIC, and one of the two ended the handshake with an error. Browsers then use TCP, and do not try again for a while; other clients fail.",
		Looks: "QUIC packets in both directions, then CONNECTION_CLOSE. Its code is 0x100 plus the number of a TLS alert, 0x178 for no_application_protocol. Chrome's net-export shows ERR_QUIC_HANDSHAKE_FAILED, curl --http3-only ends with 95. The page loads all the same, over TCP.",
		Why:   "On that UDP port is a QUIC server for something else (DNS, SMB, an old h3 draft); its certificate or its names differ from those over TCP; a proxy that speaks TLS 1.3 with other settings.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "Give the UDP port the same certificate and names, and HTTP/3 (1.25 and later):", "listen 443 quic reuseport;", "listen 443 ssl;", "http3 on;"),
			fix(explain.Origin, "HAProxy", "Agree on h3 on the UDP port (2.6 and later, built with QUIC):", "bind quic4@:443 ssl crt /etc/haproxy/site.pem alpn h3"),
			fix(explain.Origin, "nginx", "Or take the advertisement back, and make clients forget it:", "add_header Alt-Svc clear always;"),
			fix(explain.Client, "Chrome", "To prove it, start it without QUIC:", "google-chrome --disable-quic"),
		},
		Confirm: "`curl --http3-only -v URL`, where curl has HTTP/3, names the error. On the server, `ss -ulnp 'sport = :443'` names who has the UDP port.",
		LookAlikes: []explain.Alike{
			{ID: "quic-udp-blocked", Difference: "nothing comes back over UDP"},
			{ID: "alt-svc-wrong", Difference: "the advertised address or port is another one than the site's"},
			{ID: "alpn-no-overlap", Difference: "the same alert over TCP"},
		},
		References: []string{"RFC 9000 section 20.1 (error codes)", "RFC 9001 section 4.8 (TLS alerts)", "seen with Chromium 156 and Go's client before a QUIC server of golang.org/x/net"},
	},
	Hides: []string{"alpn-no-overlap", "version-mismatch", "cipher-or-group-mismatch", "origin-handshake-failed", "client-gave-up"},
	Check: checkQUICHandshake,
}

func checkQUICHandshake(p *explain.Pass) {
	for _, c := range p.Conns() {
		end := find(c, 0, flow.Unknown, flow.FIN)
		if !isQUIC(c) || end < 0 || !anyOf(c, flow.Server) || c.TLS != nil && c.TLS.Done == flow.Yes {
			continue
		}
		why, failed := quicError(c.Events[end].Text)
		if !failed {
			continue
		}
		by := c.Events[end].From
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s tried HTTP/3 with %s over UDP, and the %s ended the handshake: %s.", caller(c), peer(c), by, why),
			Evidence: []explain.Evidence{
				explain.At(c, hello(c), "QUIC, ClientHello, offered: "+fact(c, flow.Client, flow.ClientHello, flow.KeyALPN)),
				explain.At(c, end, "QUIC closed by the "+by.String()+": "+why),
			},
		}
		p.Blame(&f, c, nil)
		if over, later := overTCP(p, c); over != nil {
			f.Cause += fmt.Sprintf(" TCP to the same address works, tried %s later.", explain.Span(later))
			f.Evidence = append(f.Evidence, explain.At(over, find(over, 0, flow.Unknown, flow.Established), "TCP to the same address"))
			p.Blame(&f, over, nil)
			p.ReportAs(explain.Warning, f)
			continue
		}
		p.Report(f)
	}
}

// quicError is the error in the words of a close of QUIC, and whether it is one
// that ends a handshake: those of HTTP/3 come later.
func quicError(text string) (string, bool) {
	why, closed := strings.CutPrefix(text, "QUIC close: ")
	code, _, _ := strings.Cut(why, " ")
	orderly := code == "" || code == "NO_ERROR" || strings.HasPrefix(code, "H3_") || strings.HasPrefix(code, "0x") || code == "APPLICATION_ERROR"
	return why, closed && !orderly
}
