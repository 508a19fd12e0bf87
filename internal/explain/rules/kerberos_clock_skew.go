package rules

import (
	"fmt"
	"net/http"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var kerberosClockSkew = explain.Rule{
	ID:       "kerberos-clock-skew",
	Title:    "The clocks of client and server differ too much for Kerberos",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A Kerberos ticket comes with the time at which the client used it. If that is more than five minutes away from the server's own clock, the server refuses it.",
		Looks: "`Authorization: Negotiate YII...`, answered 401, with KRB_AP_ERR_SKEW (37), KRB_AP_ERR_TKT_NYV (33) or KRB_AP_ERR_TKT_EXPIRED (32) in the token. Or a bare 401 each time, while the Date header of the answers is minutes away from the client's clock. Apache logs `Clock skew too great` where its clock is ahead, `Ticket not yet valid` where it is behind.",
		Why:   "The time service does not run on one of the machines, a virtual machine came back from sleep, or somebody set the clock.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "Linux", "See how far the clock is off, then correct it:", "timedatectl status", "chronyc -a makestep"),
			fix(explain.Origin, "Windows", "Compare with the domain's clock, then correct it:", "w32tm /stripchart /computer:DOMAINCONTROLLER /samples:3 /dataonly", "w32tm /resync /rediscover"),
			fix(explain.Client, "", "The same on the client. Then get a new ticket:", "klist purge", "kinit USER"),
		},
		Confirm: "`curl -sI https://SITE/ | grep -i ^date; date -u` on the client: the two lines may differ by five minutes at most.",
		LookAlikes: []explain.Alike{
			{ID: "kerberos-wrong-key", Difference: "KRB_AP_ERR_MODIFIED and its like"},
			{ID: "certificate-date-invalid", Difference: "the same wrong clock, seen by TLS"},
		},
		References: []string{"RFC 4120 section 3.2.3 (five minutes is a suggestion there) and 7.5.9"},
	},
	Needs: needsHeaders(),
	Check: checkClockSkew,
}

func checkClockSkew(p *explain.Pass) {
	checkKerberosError(p, map[string]string{
		"KRB_AP_ERR_SKEW":        "the clocks of client and server differ too much",
		"KRB_AP_ERR_TKT_NYV":     "by the server's clock, which is behind, or the KDC's is ahead, the ticket is not valid yet",
		"KRB_AP_ERR_TKT_EXPIRED": "by the server's clock the ticket has expired; it is old, or the clock is ahead",
	})
	for _, c := range p.Conns() {
		steps := logins(c)
		for i := range steps {
			l := &steps[i]
			off, known := clockOff(l.x)
			if !known || !l.refused() || l.token("mech") != "kerberos" || !innermost(p, l.x) || off.Abs() < maxSkew || l.asked >= 0 && c.Events[l.asked].Attr("error") != "" {
				continue
			}
			f := explain.Finding{
				Confidence: explain.Likely,
				Cause: fmt.Sprintf("%s refused a Kerberos ticket, and its clock is %s away from the one of the machine that recorded this. More than five minutes are not allowed.",
					peer(c), explain.Span(off.Abs())),
				Evidence: []explain.Evidence{explain.At(c, l.shown, "ticket for "+service(l)),
					explain.At(c, findOf(c, l.x, flow.Response), fmt.Sprintf("answered %d, Date: %s", l.x.Status, header(l.x.ResponseHeader, "Date")))},
				Missing: []string{"the client's clock, if this was not recorded there"},
			}
			p.Blame(&f, c, l.x)
			p.Report(f)
			break
		}
	}
}

// ahead words the sign of a difference.
func ahead(off time.Duration) string {
	if off < 0 {
		return "behind"
	}
	return "ahead of"
}

// maxSkew is what servers allow by default (RFC 4120, section 3.2.3).
const maxSkew = 5 * time.Minute

// clockOff is how far the server's clock, by its Date header, is ahead of the
// one that x was recorded with. A response from a cache has an old date.
func clockOff(x *flow.Exchange) (time.Duration, bool) {
	date, err := http.ParseTime(header(x.ResponseHeader, "Date"))
	if err != nil || x.Responded.IsZero() || x.Responded.Year() < 2000 || header(x.ResponseHeader, "Age") != "" {
		return 0, false
	}
	return date.Sub(x.Responded), true
}
