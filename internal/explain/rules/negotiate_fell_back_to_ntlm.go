package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var negotiateFellBackToNTLM = explain.Rule{
	ID:       "negotiate-fell-back-to-ntlm",
	Title:    "Negotiate was answered with NTLM, not with Kerberos",
	Severity: explain.Note,
	Doc: explain.Page{
		Means: "The server offers Negotiate, which prefers Kerberos. The client sent an NTLM message inside it: it could not get, or did not ask for, a Kerberos ticket for that name. The sign-in may work all the same, but takes more steps, needs one connection for all of them, and cannot be passed on to a second server.",
		Looks: "`Authorization: Negotiate TlRMTVNTUAAB...` where `Negotiate YII...` is expected. Windows logs event 4624 with package NTLM. `klist` shows no ticket for HTTP/NAME.",
		Why:   "The URL has an IP address, for which there are no tickets. No account, or two, have the service name HTTP/NAME. The name is an alias and the ticket was asked for its target, or the other way round. With MIT Kerberos, no `[domain_realm]` line leads from the name to the realm. The site is not in the intranet zone. The client reaches no domain controller.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Use the name for which the service is registered, not the address."),
			fix(explain.Client, "Windows", "Ask for the ticket by hand; the error says what is missing:", "klist get HTTP/app.example"),
			fix(explain.Client, "MIT Kerberos", "Ask for the ticket by hand:", "kinit USER", "kvno HTTP/app.example"),
			fix(explain.Origin, "Windows", "Register the name for the account that runs the site; it must be there once only:", `setspn -Q HTTP/app.example`, `setspn -S HTTP/app.example DOMAIN\ACCOUNT`),
			fix(explain.Client, "Chrome and Edge", "Policy, if the service is registered for an alias:", "DisableAuthNegotiateCnameLookup = true"),
			fix(explain.Origin, "", "If NTLM is meant to be used here: nothing to do."),
		},
		Confirm: "After the change, `klist purge`, sign in again: `klist` lists a ticket for HTTP/NAME, and the token begins with `YII`.",
		LookAlikes: []explain.Alike{
			{ID: "kerberos-wrong-key", Difference: "a Kerberos ticket is sent, and refused"},
			{ID: "no-credentials-offered", Difference: "no token at all"},
			{ID: "a workgroup without Kerberos", Difference: "NTLM is all there is"},
		},
		References: []string{"RFC 4559", "RFC 4178", "Microsoft Learn: setspn"},
	},
	Needs: needsHeaders(),
	Check: checkFellBack,
}

func checkFellBack(p *explain.Pass) {
	told := map[string]bool{}
	for _, c := range p.Conns() {
		if c.Self == flow.Client || c.Parent != 0 {
			continue
		}
		steps := logins(c)
		for i := range steps {
			l := &steps[i]
			key := c.Client.Addr().String() + " " + strings.ToLower(l.x.Host)
			if l.shown < 0 || c.Events[l.shown].Text != "Negotiate" || !l.opens() || told[key] {
				continue
			}
			told[key] = true
			reportFellBack(p, l)
		}
	}
}

func reportFellBack(p *explain.Pass, l *login) {
	c := l.conn
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("%s signed in to %s by Negotiate with an NTLM message: it has no Kerberos ticket for that name.", caller(c), l.x.Host),
		Evidence:   []explain.Evidence{explain.At(c, l.shown, "Negotiate with NTLM inside")},
		Missing:    []string{"the client's traffic with the domain controller (port 88), or what klist says there"},
	}
	if !isName(hostOf(l.x.Host)) {
		f.Cause = fmt.Sprintf("%s signed in by Negotiate with an NTLM message. The URL names the address %s, and there are no Kerberos tickets for addresses.", caller(c), l.x.Host)
		f.Missing = nil
	}
	if offers := l.token("offered"); offers != "" {
		f.Evidence = append(f.Evidence, explain.Fact("the client named these mechanisms: "+offers))
	}
	p.Blame(&f, c, l.x)
	p.Report(f)
}
