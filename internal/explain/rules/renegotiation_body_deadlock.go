package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var renegotiationBodyDeadlock = explain.Rule{
	ID:       "renegotiation-body-deadlock",
	Title:    "The server asked for a new handshake while the request body was still on its way",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A second handshake can only begin when the server has read what the client is sending. With a body larger than it is ready to hold, server and client wait for each other, or the server gives up.",
		Looks: "A POST or PUT with a large body; the server's HelloRequest comes before the body ended; then 413 and a close, a reset, or silence. Apache reads the body first and answers 413 without any HelloRequest; its log says `request body exceeds maximum size (131072) for SSL buffer` (AH02018). The same request with a small body works.",
		Why:   "A client certificate is asked for by path, and the server's read-ahead is smaller than the body: `uploadReadAheadSize` of IIS (49152 bytes by default), `SSLRenegBufferSize` of Apache (131072).",
		Fixes: append(askEarlier(),
			fix(explain.Origin, "IIS", "Hold a larger body:", `%windir%\system32\inetsrv\appcmd set config "SITE" /section:serverRuntime /uploadReadAheadSize:1048576 /commit:apphost`),
			fix(explain.Origin, "Apache", "Hold a larger body, in the Location that asks:", "SSLRenegBufferSize 1048576"),
			fix(explain.Client, "", "Send a small GET to that path first on the same connection, or wait with the body:", "curl -H 'Expect: 100-continue' ..."),
		),
		Confirm: "The same POST with a body of a few bytes works.",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-unanswered", Difference: "the whole request was sent, the client stays silent"},
			{ID: "body-limit-truncates-upload", Difference: "that path asks for no second handshake, with any request"},
		},
		References: []string{"Microsoft TechNet cc737382 (413 on renegotiation)", "Apache mod_ssl, SSLRenegBufferSize", "curl/curl#6785", "seen with Apache 2.4.71: 413 and no HelloRequest"},
	},
	Hides: []string{"renegotiation-refused", "gateway-timeout", "slow-origin", "client-gave-up", "origin-closed-without-answer", "keepalive-race", "receiver-stalls", "renegotiation-unfinished",
		"early-response-lost", "slow-sender-cut", "body-limit-truncates-upload"},
	Silence: true,
	Check:   checkBodyDeadlock,
}

func checkBodyDeadlock(p *explain.Pass) {
	reportHeldBodies(p)
	for _, c := range p.Conns() {
		for _, r := range renegotiations(c) {
			tooLarge := r.x != nil && r.x.Status == 413
			if !r.duringBody() || r.done >= 0 || !tooLarge && (!r.failed() || r.refused >= 0 || r.left()) {
				continue
			}
			f := explain.Finding{
				Confidence: explain.Likely,
				Cause: fmt.Sprintf("%s asked for a second handshake while the body of %s was still being sent, and the exchange came to a stop.",
					peer(c), asked(r.x)),
				Evidence: r.evidence(),
			}
			if tooLarge {
				f.Cause += " The server answered 413: it does not hold so large a body during the handshake."
				f.Evidence = append(f.Evidence, responseEvidence(c, r.x)...)
			} else if i := r.stop(); i >= 0 {
				f.Evidence = append(f.Evidence, explain.At(c, i, "end of the waiting"))
			}
			report(p, f, c, r.x)
		}
	}
}

// reportHeldBodies explains Apache's way: it reads the whole body before it
// asks, and answers 413 where that is too large, so that no HelloRequest is
// seen. That it would have asked shows in another exchange about the same path.
func reportHeldBodies(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.Version == "1.3" {
			continue
		}
		for _, x := range c.Exchanges {
			if x.Status != 413 || !hasBody(x) || !strings.HasPrefix(header(x.ResponseHeader, "Server"), "Apache") || askedDuring(c, x) >= 0 {
				continue
			}
			other, asking := askedElsewhere(p, c, x)
			if other == nil {
				continue
			}
			report(p, explain.Finding{
				Confidence: explain.Likely,
				Cause: fmt.Sprintf("%s answered 413 to %s. It asks for a second handshake at that path, and must hold the whole body first: this one is too large for it.",
					peer(c), asked(x)),
				Evidence: append(responseEvidence(c, x), explain.At(other, asking, "HelloRequest for the same path on another connection or with a smaller body")),
			}, c, x)
		}
	}
}

// askedDuring is the HelloRequest that came while x waited, or -1.
func askedDuring(c *flow.Conn, x *flow.Exchange) int {
	for _, r := range renegotiations(c) {
		if r.x == x {
			return r.asked
		}
	}
	return -1
}

// askedElsewhere is a HelloRequest of the same server for the same path.
func askedElsewhere(p *explain.Pass, c *flow.Conn, x *flow.Exchange) (*flow.Conn, int) {
	for _, other := range p.Trace.Conns {
		if other.Server != c.Server {
			continue
		}
		for _, y := range other.Exchanges {
			if y == x || pathOf(y) != pathOf(x) {
				continue
			}
			if i := askedDuring(other, y); i >= 0 {
				return other, i
			}
		}
	}
	return nil, -1
}
