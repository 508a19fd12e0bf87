package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var channelBindingMismatch = explain.Rule{
	ID:       "channel-binding-mismatch",
	Title:    "The sign-in is bound to another certificate than the server's",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client put into its NTLM token which certificate it was shown (channel binding, Extended Protection). The server has another certificate, because TLS ends in between. A server that insists on it refuses every sign-in, with the right password too.",
		Looks: "401 again after a complete NTLM exchange on one connection, for every user, and only through the gateway; direct access works. The browser asks for the password over and over. Windows writes event 4625 with status 0xC000035B. Windows and Chromium put the binding into NTLM; curl 7.88 puts none, and is let in where the server wants one only of those that have it (`tokenChecking` Allow). In a Kerberos ticket the binding is encrypted and cannot be seen here.",
		Why:   "Extended Protection is set to Require at the server (the default of some products, Exchange since 2019 CU14), and a gateway, inspecting proxy or virus scanner ends the client's TLS connection with a certificate of its own.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "", "Show the client the very certificate the origin has, with its key: then both sides compute the same value. Or pass the TLS connection of that host through unopened."),
			fix(explain.Gateway, "HAProxy", "Pass TLS through for that host, in a frontend of its own:", "mode tcp", "tcp-request inspect-delay 5s", "tcp-request content accept if { req.ssl_hello_type 1 }", "use_backend exchange if { req.ssl_sni -i mail.example }"),
			fix(explain.Gateway, "nginx", "Pass TLS through, in the stream block (Debian: package libnginx-mod-stream):", "server { listen 192.0.2.10:443; proxy_pass 192.0.2.20:443; }"),
			fix(explain.Gateway, "Fanlight", "Use the origin's certificate for the site:", "certificate: {pfx: origin.pfx, password_file: pw}"),
			fix(explain.Origin, "IIS", "Accept sign-ins without a fitting binding; this gives up the protection against relayed sign-ins:", `%windir%\system32\inetsrv\appcmd set config "SITE" -section:system.webServer/security/authentication/windowsAuthentication /extendedProtection.tokenChecking:"None" /commit:apphost`),
			fix(explain.Client, "", "Take the host out of the inspection by virus scanner or debugging proxy."),
		},
		Confirm: "Sign in directly to the origin, past the gateway: it works. On the origin look for event 4625 with status 0xC000035B at that second.",
		LookAlikes: []explain.Alike{
			{ID: "ntlm-handshake-split", Difference: "the steps of one sign-in went to different connections"},
			{ID: "a wrong password", Difference: "the binding in the token fits the server's certificate; only one user is concerned"},
			{ID: "auth-repeated-per-request", Difference: "each sign-in succeeds and is asked for again"},
		},
		References: []string{"RFC 5929 section 4 (tls-server-end-point)", "MS-NLMP section 2.2.2.1 (MsvAvChannelBindings)", "RFC 4121 section 4.1.1.2", "Microsoft Learn: IIS extendedProtection"},
	},
	Needs: []explain.Need{{
		What: "a capture with keys: sign-in and certificate cannot be read",
		Met:  func(c *flow.Conn) bool { return c.Keys != flow.No || requestOn(c) },
	}},
	Hides: []string{"server-header-stripped-reauth", "loopback-check-401"},
	Check: checkChannelBinding,
}

func checkChannelBinding(p *explain.Pass) {
	for _, c := range p.Conns() {
		has := fact(c, flow.Server, flow.Certificate, flow.KeyBinding)
		if has == "" {
			continue
		}
		for i := range c.Events {
			e := &c.Events[i]
			made := e.Attr(flow.KeyBinding)
			if e.Kind != flow.AuthToken || e.From != flow.Client || strings.Trim(made, "0") == "" || made == has {
				continue
			}
			if x := exchangeOf(c, e.Exchange); x != nil && x.Status == 401 {
				reportBinding(p, c, x, i, has)
			}
		}
	}
}

func reportBinding(p *explain.Pass, c *flow.Conn, x *flow.Exchange, token int, has string) {
	made := c.Events[token].Attr(flow.KeyBinding)
	reportRefusal(p, explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("The NTLM sign-in that %s got is bound to another certificate than its own, and it answered 401: TLS ends between it and the client.",
			peer(c)),
		Evidence: append([]explain.Evidence{
			explain.At(c, shown(c), "certificate "+c.Events[shown(c)].Text+", binding "+has),
			explain.At(c, token, "sign-in with binding "+made),
		}, responseEvidence(c, x)...),
		Missing: []string{"the origin's security log: event 4625 with status 0xC000035B"},
	}, c, x)
}
