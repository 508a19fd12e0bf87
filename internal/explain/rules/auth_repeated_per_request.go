package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
)

var authRepeatedPerRequest = explain.Rule{
	ID:       "auth-repeated-per-request",
	Title:    "Requests on a signed-in connection are asked to sign in again",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The client signed in, and the connection stays open. Yet the next request, sent without credentials, is answered 401 again, and so are most after it. Each page costs one or two round trips more than it has to.",
		Looks: "On one connection: 401, 200, 401, 200. Nothing fails. In the server's log there are about as many 401 as 200. Chromium asks without credentials first, each time (seen with 156); curl with `--negotiate` sends a ticket with each request unasked, and sees nothing of it.",
		Why:   "Negotiate with Kerberos signs in one request, unless the server ties it to the connection. NTLM always signs in the connection, unless the server is told not to. Basic and Digest sign in requests: a client that waits for the 401 each time is asked each time.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "IIS", "For Kerberos, let the sign-in last as long as the connection:", `%windir%\system32\inetsrv\appcmd set config "SITE" -section:system.webServer/security/authentication/windowsAuthentication /authPersistNonNTLM:"True" /commit:apphost`),
			fix(explain.Origin, "IIS", "Make sure that this is off:", `%windir%\system32\inetsrv\appcmd set config "SITE" -section:system.webServer/security/authentication/windowsAuthentication /authPersistSingleRequest:"False" /commit:apphost`),
			fix(explain.Origin, "Apache", "With mod_auth_gssapi, only if no gateway shares connections in front of it:", "GssapiConnectionBound On"),
			fix(explain.Origin, "Apache", "Or remember the user in a cookie (`a2enmod session session_cookie`):", "GssapiUseSessions On", "Session On", "SessionCookieName gssapi_session path=/;httponly;secure"),
			fix(explain.Gateway, "", "Check first that the gateway does not share signed-in connections between clients (ntlm-identity-leak): with that, a lasting sign-in is a hole."),
			fix(explain.Client, ".NET", "Send credentials without being asked, after the first time:", "handler.PreAuthenticate = true;"),
			fix(explain.Client, "curl", "For Basic, send credentials at once instead of trying what the server offers:", "curl --basic -u USER ..."),
		},
		Confirm: "Two requests on one connection, asked without credentials first: `curl -v --anyauth -u : https://SITE/a https://SITE/b`. With a lasting sign-in, /b has no 401.",
		LookAlikes: []explain.Alike{
			{ID: "via-header-breaks-persistence", Difference: "only where requests carry a Via header, and the server is IIS"},
			{ID: "server-header-stripped-reauth", Difference: "the client closes the connection after each 200"},
			{ID: "connection-closed-each-request", Difference: "a new connection for each request"},
			{ID: "ntlm-handshake-split", Difference: "no 200 ever comes"},
		},
		References: []string{"RFC 4559 section 4", "Microsoft Learn: windowsAuthentication, authPersistNonNTLM", "gssapi/mod_auth_gssapi#108"},
	},
	Needs: needsHeaders(),
	Check: checkRepeated,
}

func checkRepeated(p *explain.Pass) {
	for _, s := range persistences(p) {
		if !s.worthTelling() || s.blamesVia() && keptWithoutVia(p, s) != repeatsToo {
			continue
		}
		f := s.finding(p)
		f.Confidence = explain.Proof
		f.Cause = fmt.Sprintf("%s to %s on signed-in connections were asked to sign in again.", s.share(), s.host)
		switch strings.ToLower(s.scheme) {
		case "ntlm", "negotiate", "kerberos":
			f.Cause += fmt.Sprintf(" The server does not let a sign-in by %s last as long as the connection.", s.scheme)
		default:
			f.Cause += fmt.Sprintf(" %s signs in single requests, and the client leaves the credentials out until it is asked.", s.scheme)
		}
		p.Report(f)
	}
}
