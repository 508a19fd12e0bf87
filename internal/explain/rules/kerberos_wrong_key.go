package rules

import (
	"fmt"

	"fanlight/internal/explain"
)

var kerberosWrongKey = explain.Rule{
	ID:       "kerberos-wrong-key",
	Title:    "The server cannot decrypt the Kerberos ticket",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client sent a ticket for the service. The key with which it was encrypted is not the one that the server has. So the ticket was made for another account, or with an older or newer password, or the server lacks a key of that type.",
		Looks: "`Authorization: Negotiate YII...`, answered 401; the token in the answer holds a KRB-ERROR: KRB_AP_ERR_MODIFIED (41, what Windows says), KRB_AP_ERR_BAD_INTEGRITY (31, what MIT Kerberos says), KRB_AP_ERR_BADKEYVER (44), KRB_AP_ERR_NOKEY (45) or KRB_AP_ERR_NOT_US (35). Windows clients log Security-Kerberos event 4. Apache logs `Request ticket server HTTP/... kvno 3 not found in keytab; keytab is likely out of date`, `found in keytab but cannot decrypt ticket` or `Wrong principal in request`.",
		Why:   "The service name is registered for one account, and the site runs under another. Or it is registered twice. Or the keytab is older than the last change of the password. Or DNS leads to another server than the one the ticket is for, as happens behind a balancer.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "Windows", "Who has the name? It must be the account that runs the site, and only that one:", "setspn -Q HTTP/app.example", "setspn -X"),
			fix(explain.Origin, "Windows", "Move it:", `setspn -D HTTP/app.example OLDACCOUNT`, `setspn -S HTTP/app.example DOMAIN\ACCOUNT`),
			fix(explain.Origin, "IIS", "If the pool runs under a domain account, decrypt with its key instead of the computer's:", `%windir%\system32\inetsrv\appcmd set config "SITE" -section:system.webServer/security/authentication/windowsAuthentication /useAppPoolCredentials:"True" /commit:apphost`),
			fix(explain.Origin, "Apache", "Compare the key version in the keytab with that of the ticket; if they differ, write a new keytab:", "klist -ket /etc/apache2/http.keytab", "kvno HTTP/app.example"),
			fix(explain.Client, "", "After the change, throw old tickets away:", "klist purge", "kdestroy"),
		},
		Confirm: "`kvno -k /etc/apache2/http.keytab HTTP/app.example` fetches a ticket and decrypts it with the keytab.",
		LookAlikes: []explain.Alike{
			{ID: "kerberos-clock-skew", Difference: "KRB_AP_ERR_SKEW: the key is right, the time is not"},
			{ID: "negotiate-fell-back-to-ntlm", Difference: "no ticket was sent"},
			{ID: "ntlm-handshake-split", Difference: "NTLM, in several steps"},
		},
		References: []string{"RFC 4120 sections 3.2.3 and 7.5.9", "Microsoft asiatech blog: KRB_AP_ERR_MODIFIED", "mod_auth_gssapi README"},
	},
	Needs: needsHeaders(),
	Check: func(p *explain.Pass) {
		checkKerberosError(p, "the server's key does not fit the ticket", "KRB_AP_ERR_MODIFIED", "KRB_AP_ERR_BAD_INTEGRITY", "KRB_AP_ERR_BADKEYVER", "KRB_AP_ERR_NOKEY", "KRB_AP_ERR_NOT_US")
	},
}

// checkKerberosError reports tickets that were refused with one of the errors,
// one finding for each connection.
func checkKerberosError(p *explain.Pass, meaning string, codes ...string) {
	for _, c := range p.Conns() {
		var f *explain.Finding
		steps := logins(c)
		for i := range steps {
			l := &steps[i]
			code := kerberosError(l, codes)
			if code == "" || !innermost(p, l.x) {
				continue
			}
			if f == nil {
				f = &explain.Finding{
					Confidence: explain.Proof,
					Cause:      fmt.Sprintf("%s refused the Kerberos ticket for %s with %s: %s.", peer(c), service(l), code, meaning),
					Evidence:   ticketEvidence(l, code),
				}
			}
			p.Blame(f, c, l.x)
		}
		if f != nil {
			p.Report(*f)
		}
	}
}

func ticketEvidence(l *login, code string) []explain.Evidence {
	c := l.conn
	var out []explain.Evidence
	if l.shown >= 0 {
		text := "ticket for " + service(l)
		if etype := l.token("etype"); etype != "" {
			text += ", encrypted with " + etype
		}
		out = append(out, explain.At(c, l.shown, text))
	}
	return append(out, explain.At(c, l.asked, fmt.Sprintf("answered %d with %s", l.x.Status, code)))
}

// kerberosError is the error with which the server answered the ticket of l,
// if it is one of codes.
func kerberosError(l *login, codes []string) string {
	if l.asked < 0 {
		return ""
	}
	got := l.conn.Events[l.asked].Attr("error")
	for _, code := range codes {
		if got == code {
			return code
		}
	}
	return ""
}

// service names what the ticket is for.
func service(l *login) string {
	name, realm := l.token("service"), l.token("realm")
	if name == "" && l.asked >= 0 {
		e := &l.conn.Events[l.asked]
		name, realm = e.Attr("service"), e.Attr("realm")
	}
	switch {
	case name == "":
		return "the service at " + l.x.Host
	case realm == "":
		return name
	}
	return name + "@" + realm
}
