package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var sniUnknownAlert = explain.Rule{
	ID:       "sni-unknown-alert",
	Title:    "The server knows no site of that name and says so",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The name in the ClientHello (SNI) belongs to no site that serves on that address, and the handshake was refused with the alert unrecognized_name before any certificate was sent.",
		Looks: "Fatal alert 112 as the first thing the server says. Chrome shows ERR_SSL_UNRECOGNIZED_NAME_ALERT, OpenSSL `tlsv1 unrecognized name`. A warning of the same name after which the handshake goes on is harmless.",
		Why:   "The name is misspelt or not deployed yet; its site is stopped; or a gateway asks its origin with a wrong name or none.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Ask for a name the server has; an address typed into the browser sends no name at all."),
			fix(explain.Origin, "Fanlight", "Start the site, or add the name to its `bind`:", "fanlight sites", "fanlight sites start SITE"),
			fix(explain.Origin, "nginx", "Add the name to a server block of that address; `ssl_reject_handshake on` in the default server is what refuses:", "server_name app.example;"),
			fix(explain.Origin, "HAProxy", "Add a certificate with that name to the directory of a `bind ... strict-sni`."),
			fix(explain.Gateway, "Fanlight", "If an origin refused: set the name it should be asked for:", "tls: {name: app.internal}"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME` with the right and with the wrong name.",
		LookAlikes: []explain.Alike{
			{ID: "no-certificate-for-binding", Difference: "the server drops the handshake without an alert"},
			{ID: "port-closed", Difference: "the connection is refused before anything is said"},
			{ID: "stopped-site-still-handshakes", Difference: "the handshake succeeds although nobody serves the name"},
			{ID: "sni-missing-to-origin", Difference: "the alert is the same, but no name was sent"},
		},
		References: []string{"RFC 6066 section 3 (server name indication)", "RFC 8446 section 6.2 (unrecognized_name)"},
	},
	Hides: []string{"origin-handshake-failed", "no-certificate-for-binding"},
	Check: checkSNIUnknown,
}

func checkSNIUnknown(p *explain.Pass) {
	for _, c := range p.Conns() {
		if i := handshakeFailed(c, flow.FaultRefused); i >= 0 && c.Self == flow.Server {
			reportRefusedName(p, c, i)
			continue
		}
		if c.TLS == nil || c.TLS.Done == flow.Yes || c.Self == flow.Server {
			continue
		}
		if i := alerted(c, flow.Server, "unrecognized_name"); i >= 0 {
			report(p, explain.Finding{
				Confidence: explain.Proof,
				Cause:      fmt.Sprintf("%s refused the handshake for %s: it has no site of that name.", peer(c), named(c, nil)),
				Evidence:   []explain.Evidence{explain.At(c, i, "alert unrecognized_name")},
			}, c, nil)
		}
	}
}

// reportRefusedName explains the door's own refusal, which is what its
// configuration asks for and thus a note.
func reportRefusedName(p *explain.Pass, c *flow.Conn, i int) {
	f := explain.Finding{
		Confidence: explain.Proof,
		Title:      "The door refused a name inside the handshake",
		Cause: fmt.Sprintf("%s asked %s for %s and was refused before any certificate was sent.",
			caller(c), c.Server, named(c, nil)),
		Conns:    []flow.ConnID{c.ID},
		Evidence: []explain.Evidence{explain.At(c, i, "refused with unrecognized_name")},
	}
	if why := c.Events[i].Text; why != "" {
		f.Cause += " Reason: " + why + "."
	}
	if n := stoppedFor(p.Trace, stoppedSites(p.Trace), c); n >= 0 {
		fact := &p.Trace.Facts[n]
		f.Evidence = append(f.Evidence, explain.Fact(fmt.Sprintf("site %s is %s", fact.Text, fact.Attr(flow.KeyState))))
	}
	p.ReportAs(explain.Note, f)
}
