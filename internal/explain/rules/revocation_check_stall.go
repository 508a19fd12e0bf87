package rules

import (
	"fmt"
	"net/netip"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var revocationCheckStall = explain.Rule{
	ID:       "revocation-check-stall",
	Title:    "The handshake waits while one side asks in vain whether a certificate was revoked",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "One side got a certificate and stopped for seconds; meanwhile it tried in vain to reach another machine, as it does to fetch a revocation list (CRL) or to ask an OCSP responder. Then it went on, or gave up.",
		Looks: "A pause of 2 to 45 s inside the handshake after a Certificate, and unanswered attempts to connect to port 80 by the same machine in that time. Some then go on without an answer: the first connection is slow, the next ones are fast for a while. Others refuse: Apache with SSLOCSPEnable sends alert handshake_failure (40) and logs `could not connect to OCSP responder`.",
		Why:   "The machine has no way to the internet, or must use a proxy that the check does not know. IIS checks client certificates that way by default.",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Let the machine reach the addresses in the certificate; see and test them:", "openssl x509 -in cert.pem -noout -ext crlDistributionPoints,authorityInfoAccess", "certutil -urlfetch -verify cert.cer"),
			fix(explain.Origin, "IIS and HTTP.sys", "If it checks client certificates and cannot reach the list, switch the check off for that binding, knowing what that gives up:", "netsh http update sslcert ipport=192.0.2.10:443 certhash=THUMBPRINT appid={GUID} verifyclientcertrevocation=disable"),
			fix(explain.Origin, "nginx", "Send the answer about your own certificate along, so that clients need not ask:", "ssl_stapling on;", "resolver 192.0.2.53;"),
			fix(explain.Origin, "Apache", "Send the answer about your own certificate along:", "SSLUseStapling on", "SSLStaplingCache shmcb:/run/stapling(65536)"),
			fix(explain.Origin, "Apache", "If it checks client certificates by OCSP and cannot reach the responder, use a revocation list that is fetched beforehand:", "SSLOCSPEnable off", "SSLCARevocationFile /etc/apache2/client-ca.crl", "SSLCARevocationCheck leaf"),
			fix(explain.Client, "Windows", "Where clients must use a proxy, set it for the system as well:", "netsh winhttp set proxy proxy.example:3128"),
		},
		Confirm: "On the waiting machine `curl -v http://HOST-IN-THE-CERTIFICATE/` does not connect. The pause ends when it is let through.",
		LookAlikes: []explain.Alike{
			{ID: "handshake-waits-for-user", Difference: "nothing is tried meanwhile: a person chooses a certificate"},
			{ID: "slow-origin", Difference: "the pause is after the request"},
			{ID: "loss-limited-transfer", Difference: "packets of the handshake itself are sent again"},
		},
		References: []string{"RFC 5280 section 4.2.1.13 (CRL distribution points)", "RFC 6960 (OCSP)", "Microsoft Learn: netsh http, verifyclientcertrevocation", "seen with Apache 2.4 (SSLOCSPEnable) and gnutls-cli --ocsp: both refuse when the responder does not answer"},
	},
	Hides: []string{"handshake-waits-for-user", "slow-origin", "syn-unanswered"},
	Check: checkRevocation,
}

func checkRevocation(p *explain.Pass) {
	for _, c := range p.Conns() {
		from, to := longestPause(c)
		if from < 0 || disturbed(c, from, to) {
			continue
		}
		for _, side := range []flow.Side{flow.Client, flow.Server} {
			if in := inVain(p, c, from, to, side); in != nil {
				reportStall(p, c, from, to, side, in)
				break
			}
		}
	}
}

// longestPause is the pause of 2 s or more after a certificate inside c's first
// handshake, as the events before and after it; -1 if there is none.
func longestPause(c *flow.Conn) (from, to int) {
	first := find(c, 0, flow.Unknown, flow.Certificate)
	if c.TLS == nil || first < 0 {
		return -1, -1
	}
	from, to = -1, -1
	longest := humanPause
	for i := first; i+1 < len(c.Events); i++ {
		if d, known := between(c, i, i+1); known && d >= longest {
			from, to, longest = i, i+1, d
		}
		if c.Events[i+1].Kind == flow.TLSDone || c.Events[i+1].Kind == flow.FIN || c.Events[i+1].Kind == flow.RST {
			break
		}
	}
	return from, to
}

// disturbed tells that between events i and j of c bytes came again, were lost
// or could not be sent: then the pause between them may be that.
func disturbed(c *flow.Conn, i, j int) bool {
	k := find(c, i, flow.Unknown, flow.Retransmission, flow.Gap, flow.ZeroWindow)
	return k >= 0 && k <= j
}

// inVain is an attempt by the machine at one end of c to connect to a web
// server elsewhere that went unanswered, begun in that pause; or nil.
func inVain(p *explain.Pass, c *flow.Conn, from, to int, side flow.Side) *flow.Conn {
	who := c.Client.Addr()
	if side == flow.Server {
		who = c.Server.Addr()
	}
	for _, other := range p.Trace.Conns {
		if other == c || !sameHost(other.Client, who) || other.Server.Port() != 80 || find(other, 0, flow.Unknown, flow.Established) >= 0 {
			continue
		}
		i := find(other, 0, flow.Unknown, flow.SYN)
		if i < 0 || other.Started.Before(c.Events[from].At.Add(-time.Second)) || other.Started.After(c.Events[to].At) {
			continue
		}
		return other
	}
	return nil
}

func sameHost(a netip.AddrPort, who netip.Addr) bool { return a.IsValid() && a.Addr() == who }

func reportStall(p *explain.Pass, c *flow.Conn, from, to int, side flow.Side, in *flow.Conn) {
	d, _ := between(c, from, to)
	who := caller(c)
	if side == flow.Server {
		who = peer(c)
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s stopped for %s inside the handshake after a certificate came, and meanwhile tried in vain to reach %s, as for a check whether it was revoked.",
			who, explain.Span(d), in.Server),
		Evidence: []explain.Evidence{explain.At(c, from, "pause begins"), explain.At(in, find(in, 0, flow.Unknown, flow.SYN), "attempt to connect to "+in.Server.String()+", unanswered"),
			explain.At(c, to, "pause ends")},
		Conns:   []flow.ConnID{c.ID, in.ID},
		Missing: []string{"the addresses for revocation in the certificate"},
	}
	if c.TLS.Done == flow.Yes {
		report(p, f, c, nil)
		return
	}
	f.Cause += " Then the handshake failed."
	blame(p, &f, c, nil)
	p.ReportAs(explain.Error, f)
}
