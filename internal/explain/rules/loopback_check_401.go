package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var loopbackCheck401 = explain.Rule{
	ID:       "loopback-check-401",
	Title:    "Windows refuses an NTLM sign-in to itself under another name",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Client and server are the same machine, and the URL has a name that is not the machine's own. Windows then refuses NTLM although the password is right: it protects itself against its own sign-ins being played back.",
		Looks: "On the machine itself: three password prompts, then 401.1; all steps of the sign-in are there, on one connection. From another computer the same URL and user work. The security log has event 4625 with status 0xC000006D. Names of test sites on 127.0.0.x are the usual case, and so is a gateway on the same machine as IIS.",
		Why:   "The loopback check of the Local Security Authority, on by default since Windows Server 2003 SP1.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "Windows", "List the names that may be used, one a line, then restart the IIS service:", `reg add HKLM\SYSTEM\CurrentControlSet\Control\Lsa\MSV1_0 /v BackConnectionHostNames /t REG_MULTI_SZ /d app.example\0www.app.example`, "iisreset"),
			fix(explain.Origin, "Windows", "On a developer's machine only, switch the check off; then restart the machine:", `reg add HKLM\SYSTEM\CurrentControlSet\Control\Lsa /v DisableLoopbackCheck /t REG_DWORD /d 1`),
			fix(explain.Client, "", "Use the machine's own name, or localhost."),
			fix(explain.Origin, "", "Or use Kerberos with a service name registered for that host name: the check is one of NTLM."),
		},
		Confirm: "From another machine, the same URL and user: it works. On the machine itself with its own name: it works.",
		LookAlikes: []explain.Alike{
			{ID: "a wrong password", Difference: "refused from everywhere. From one recording alone the two look the same"},
			{ID: "ntlm-handshake-split", Difference: "the steps are on different connections"},
		},
		References: []string{"Microsoft support 896861", "Microsoft support 926642"},
	},
	Needs: needsHeaders(),
	Check: checkLoopback,
}

func checkLoopback(p *explain.Pass) {
	for _, c := range p.Conns() {
		if !sameMachine(c) {
			continue
		}
		var f *explain.Finding
		steps := logins(c)
		for i := 1; i < len(steps); i++ {
			first, l := &steps[i-1], &steps[i]
			if l.accepted() {
				f = nil
				break
			}
			if !l.refused() || !l.ntlm() || !first.continued() || !innermost(p, l.x) || !otherName(hostOf(l.x.Host)) || !windows(l.x) {
				continue
			}
			if f == nil {
				f = &explain.Finding{
					Confidence: explain.Possible,
					Cause: fmt.Sprintf("%s signed in by NTLM to IIS on its own machine under the name %s, all steps on one connection, and was refused. Windows does that unless the name is listed.",
						caller(c), l.x.Host),
					Evidence: []explain.Evidence{explain.At(c, first.shown, "first step"), explain.At(c, l.shown, "last step, on the same connection"),
						explain.At(c, l.asked, fmt.Sprintf("answered %d", l.x.Status)),
						explain.About(c, fmt.Sprintf("from %s to %s", c.Client.Addr(), c.Server))},
					Missing: []string{"the same sign-in from another machine: it has to work; otherwise the password is wrong"},
				}
			}
			p.Blame(f, c, l.x)
		}
		if f != nil {
			p.Report(*f)
		}
	}
}

// sameMachine tells that both ends of c are one machine.
func sameMachine(c *flow.Conn) bool {
	a, b := c.Client.Addr(), c.Server.Addr()
	return a.IsValid() && (a == b || a.IsLoopback() && b.IsLoopback())
}

// otherName tells that a host is neither an address nor localhost.
func otherName(host string) bool { return isName(host) && host != "localhost" }

func windows(x *flow.Exchange) bool {
	return strings.HasPrefix(header(x.ResponseHeader, "Server"), "Microsoft-")
}
