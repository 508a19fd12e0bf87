package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var noCredentialsOffered = explain.Rule{
	ID:       "no-credentials-offered",
	Title:    "The server offers integrated sign-in, and the client does not try it",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The server answered 401 and offered Negotiate or NTLM. The client took note, went on asking, and never showed a token: it does not sign in to that site by itself, or is not able to.",
		Looks: "401 after 401 with `WWW-Authenticate: Negotiate` or `NTLM`, and no Authorization header in any request. A browser shows a password prompt or the 401 page at once; another name of the same server may work without a word. Chrome: ERR_UNSUPPORTED_AUTH_SCHEME or ERR_MISSING_AUTH_CREDENTIALS. A Chromium that is allowed to sign in and gets no ticket asks twice for the same page within milliseconds (seen with 156).",
		Why:   "Browsers sign in by themselves only to sites they were told to trust. A fetch of a script across origins sends no credentials unless asked to. A program was started without the option for it. Or a gateway takes the offer off. Or there is no ticket, and NTLM is not allowed. Chromium on Linux loads the Kerberos library only from its next start on, after it has met the first site that offers Negotiate (seen with 156).",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Look for a ticket; without one, get it:", "klist", "kinit USER"),
			fix(explain.Client, "Chrome and Edge", "Policy, on Windows and Linux. Then end the browser and start it anew:", `AuthServerAllowlist = "*.app.example"`),
			fix(explain.Client, "Windows", "Or put the site into the zone \"Local intranet\":", `reg add "HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings\ZoneMap\Domains\app.example" /v https /t REG_DWORD /d 1`),
			fix(explain.Client, "Firefox", "In about:config:", "network.negotiate-auth.trusted-uris = https://app.example"),
			fix(explain.Client, "curl", "Ask for it:", "curl --negotiate -u : https://app.example/", "curl --ntlm -u USER https://app.example/"),
			fix(explain.Client, "a page's script", "Let fetch send credentials across origins:", `fetch(url, {credentials: "include"})`),
			fix(explain.Gateway, "", "Pass every WWW-Authenticate line on as it came, each on a line of its own. In HAProxy, nginx and Apache look for what takes it off:", "http-response del-header www-authenticate", "proxy_hide_header WWW-Authenticate;", "Header unset WWW-Authenticate"),
		},
		Confirm: "On the same computer: `curl -v --negotiate -u : https://SITE/`. If that signs in, the browser is not allowed to.",
		LookAlikes: []explain.Alike{
			{ID: "preflight-challenged", Difference: "only an OPTIONS is refused"},
			{ID: "negotiate-fell-back-to-ntlm", Difference: "a token is shown, but not of Kerberos"},
			{ID: "a monitor or scanner", Difference: "takes the 401 for an answer; its User-Agent tells"},
			{ID: "a user who cancels the prompt", Difference: "looks the same; other sites tell"},
		},
		References: []string{"RFC 4559", "Chrome enterprise policy AuthServerAllowlist", "Firefox: network.negotiate-auth.trusted-uris"},
	},
	Needs: needsHeaders(),
	Check: func(p *explain.Pass) {
		checkNoCredentials(p)
		checkOfferLost(p)
	},
}

func checkNoCredentials(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.Self == flow.Client || c.Parent != 0 {
			continue // what matters is what the real client does
		}
		refused := keepsAsking(c)
		if len(refused) < 2 || signsInSomewhere(p, c, refused[0].x.Host) {
			continue
		}
		first, last := refused[0], refused[len(refused)-1]
		f := explain.Finding{
			Confidence: explain.Possible,
			Cause: fmt.Sprintf("%s refused %d requests of %s and offered to sign in by %s each time. None of the requests carried credentials.",
				peer(c), len(refused), caller(c), c.Events[first.asked].Text),
			Evidence: []explain.Evidence{explain.At(c, first.asked, "sign-in offered"),
				explain.At(c, findOf(c, last.x, flow.Request), "asked again, without credentials"), explain.At(c, last.asked, "sign-in offered again")},
			Missing: []string{"which program this is, and whether its user cancelled"},
		}
		if agent := header(first.x.RequestHeader, "User-Agent"); agent != "" {
			f.Evidence = append(f.Evidence, explain.Fact("User-Agent: "+agent))
			if strings.HasPrefix(agent, "Mozilla/") {
				f.Confidence = explain.Likely
			}
		}
		for i := range refused {
			p.Blame(&f, c, refused[i].x)
		}
		if i := askedTwice(refused); i > 0 {
			f.Evidence = append(f.Evidence, explain.At(c, findOf(c, refused[i].x, flow.Request),
				"the same page asked for again at once: Chromium does so where it trusts the site and gets no ticket"))
		}
		p.Report(f)
	}
}

// askedTwice is the first of the refused requests that asks again for what the
// one before it was refused, sooner than a user can; 0 if there is none.
func askedTwice(refused []login) int {
	for i := 1; i < len(refused); i++ {
		a, b := refused[i-1].x, refused[i].x
		d := b.Started.Sub(a.ResponseDone)
		if a.Method == b.Method && a.Target == b.Target && !a.ResponseDone.IsZero() && d >= 0 && d < 300*time.Millisecond {
			return i
		}
	}
	return 0
}

// keepsAsking are the requests on c that were refused, if none of all showed
// anything. What is open to everybody says nothing of the client.
func keepsAsking(c *flow.Conn) []login {
	var out []login
	steps := logins(c)
	for i := range steps {
		l := &steps[i]
		switch {
		case l.x.Method == "OPTIONS" || l.x.Method == "HEAD" || l.x.Status == 0:
		case l.bare() && !l.denied():
		case l.bare() && l.offered() && !offersBasic(l.x):
			out = append(out, *l)
		default:
			return nil
		}
	}
	return out
}

// offersBasic tells that passwords are asked for as well: a prompt is then
// nothing to wonder about.
func offersBasic(x *flow.Exchange) bool {
	for _, f := range x.ResponseHeader {
		scheme, _, _ := strings.Cut(f.Value, " ")
		if strings.EqualFold(f.Name, "WWW-Authenticate") && (strings.EqualFold(scheme, "Basic") || strings.EqualFold(scheme, "Digest") || strings.EqualFold(scheme, "Bearer")) {
			return true
		}
	}
	return false
}

// signsInSomewhere tells that the same client showed credentials to the site
// on any connection.
func signsInSomewhere(p *explain.Pass, c *flow.Conn, host string) bool {
	for _, d := range p.Trace.Conns {
		if d.Client.Addr() != c.Client.Addr() {
			continue
		}
		for _, x := range d.Exchanges {
			if strings.EqualFold(x.Host, host) && (credentials(x) != "" || len(x.RequestHeader) == 0) {
				return true
			}
		}
	}
	return false
}
