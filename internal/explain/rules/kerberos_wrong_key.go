package rules

import (
	"fmt"
	"sync"
	"time"

	"fanlight/internal/explain"
)

var kerberosWrongKey = explain.Rule{
	ID:       "kerberos-wrong-key",
	Title:    "The server cannot decrypt the Kerberos ticket",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client sent a ticket for the service. The key with which it was encrypted is not the one that the server has. So the ticket was made for another account, or with an older or newer password, or the server lacks a key of that type.",
		Looks: "`Authorization: Negotiate YII...`, answered 401; the token in the answer holds a KRB-ERROR: KRB_AP_ERR_MODIFIED (41, what Windows says), KRB_AP_ERR_BAD_INTEGRITY (31, what MIT Kerberos says), KRB_AP_ERR_BADKEYVER (44), KRB_AP_ERR_NOKEY (45) or KRB_AP_ERR_NOT_US (35). Windows clients log Security-Kerberos event 4. Apache's error log says which it is: `Request ticket server HTTP/... kvno 3 not found in keytab; keytab is likely out of date` (another version), `found in keytab but cannot decrypt ticket` (another password), `found in keytab but not with enctype` (another type), `not found in keytab` (another name).",
		Why:   "The service name is registered for one account, and the site runs under another. Or it is registered twice. Or the keytab is older than the last change of the password; users with older tickets still get in then, for some hours. Or DNS leads to another server than the one the ticket is for, as happens behind a balancer.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "Windows", "Who has the name? It must be the account that runs the site, and only that one:", "setspn -Q HTTP/app.example", "setspn -X"),
			fix(explain.Origin, "Windows", "Move it:", `setspn -D HTTP/app.example OLDACCOUNT`, `setspn -S HTTP/app.example DOMAIN\ACCOUNT`),
			fix(explain.Origin, "IIS", "If the pool runs under a domain account, decrypt with its key instead of the computer's:", `%windir%\system32\inetsrv\appcmd set config "SITE" -section:system.webServer/security/authentication/windowsAuthentication /useAppPoolCredentials:"True" /commit:apphost`),
			fix(explain.Origin, "Apache", "Compare the key versions (KVNO), types and names in the keytab with those of the ticket, which the evidence names:", "klist -ket /etc/apache2/http.keytab", "kvno HTTP/app.example"),
			fix(explain.Origin, "Apache", "If they differ, write a new keytab (with MIT's KDC). That gives the service a new key: copies on other servers no longer work. Apache reads the file anew, without a restart:", "kadmin -q 'ktadd -k /etc/apache2/http.keytab HTTP/app.example'", "chown root:www-data /etc/apache2/http.keytab; chmod 640 /etc/apache2/http.keytab"),
			fix(explain.Client, "", "After the change, throw old tickets away:", "klist purge", "kdestroy"),
		},
		Confirm: "`kvno -k /etc/apache2/http.keytab HTTP/app.example` fetches a ticket and decrypts it with the keytab: `keytab entry valid`, or `invalid` and why.",
		LookAlikes: []explain.Alike{
			{ID: "kerberos-clock-skew", Difference: "KRB_AP_ERR_SKEW: the key is right, the time is not"},
			{ID: "negotiate-fell-back-to-ntlm", Difference: "no ticket was sent"},
			{ID: "ntlm-handshake-split", Difference: "NTLM, in several steps"},
		},
		References: []string{"RFC 4120 sections 3.2.3 and 7.5.9", "Microsoft asiatech blog: KRB_AP_ERR_MODIFIED", "mod_auth_gssapi README"},
	},
	Needs: needsHeaders(),
	Check: func(p *explain.Pass) {
		const other = "its key is not the one the ticket was made with"
		checkKerberosError(p, map[string]string{
			"KRB_AP_ERR_MODIFIED":      other,
			"KRB_AP_ERR_BAD_INTEGRITY": other,
			"KRB_AP_ERR_BADKEYVER":     "it has no key of the ticket's version and type",
			"KRB_AP_ERR_NOKEY":         "it has no key that fits the ticket",
			"KRB_AP_ERR_NOT_US":        "it has keys of other services only",
		})
	},
}

// checkKerberosError reports tickets that were refused with one of the errors,
// whose meanings are given by name (RFC 4120, section 7.5.9), one finding for
// each connection.
func checkKerberosError(p *explain.Pass, meanings map[string]string) {
	accepted := sync.OnceValue(func() []login { return taken(p) }) // of no use where nothing was refused
	for _, c := range p.Conns() {
		var f *explain.Finding
		steps := logins(c)
		for i := range steps {
			l := &steps[i]
			code := kerberosError(l)
			meaning := meanings[code]
			if meaning == "" || !innermost(p, l.x) {
				continue
			}
			if f == nil {
				f = &explain.Finding{
					Confidence: explain.Proof,
					Cause:      fmt.Sprintf("%s refused the Kerberos ticket for %s with %s: %s.", peer(c), service(l), code, meaning),
					Evidence:   append(ticketEvidence(l, code), otherVersion(l, accepted())...),
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
		if version := l.token("kvno"); version != "" {
			text += ", key version " + version
		}
		out = append(out, explain.At(c, l.shown, text))
	}
	text := fmt.Sprintf("answered %d with %s", l.x.Status, code)
	if off, known := clockOff(l.x); known && off.Abs() > time.Minute {
		text += fmt.Sprintf("; by its Date header its clock is %s %s the one that recorded this", explain.Span(off.Abs().Round(time.Second)), ahead(off))
	}
	return append(out, explain.At(c, l.asked, text))
}

// taken are tickets that servers took, one for each server, service and version
// of its key.
func taken(p *explain.Pass) (out []login) {
	seen := map[string]bool{}
	for _, c := range p.Trace.Conns {
		for _, l := range logins(c) {
			version := l.token("kvno")
			if version == "" || !l.accepted() {
				continue
			}
			if key := c.Server.String() + " " + service(&l) + " " + version; !seen[key] {
				seen[key] = true
				out = append(out, l)
			}
		}
	}
	return out
}

// otherVersion shows a ticket that the server took, made with another version
// of the key than the one of l: users with such tickets get in.
func otherVersion(l *login, taken []login) []explain.Evidence {
	for i := range taken {
		o := &taken[i]
		if o.conn.Server == l.conn.Server && service(o) == service(l) && l.token("kvno") != "" && o.token("kvno") != l.token("kvno") {
			return []explain.Evidence{explain.At(o.conn, o.shown, fmt.Sprintf("a ticket with key version %s was taken, answered %d", o.token("kvno"), o.x.Status))}
		}
	}
	return nil
}

// kerberosError is the error with which the server answered the ticket of l,
// empty if it told none.
func kerberosError(l *login) string {
	if l.asked < 0 {
		return ""
	}
	return l.conn.Events[l.asked].Attr("error")
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
