package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var earlyResponseLost = explain.Rule{
	ID:       "early-response-lost",
	Title:    "The server answered early, and its reset destroyed the answer",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server refused while the client was still sending its body, and closed without reading the rest. Its system then sends a reset, and a reset makes the client's system throw away what it had not read yet: the answer. The client sees a broken connection and not the reason.",
		Looks: "A response (413, 401, 403) while the request body is on its way, and right behind it a reset by the server, at once or when more of the body comes after its FIN. The client says `connection reset by peer` or `broken pipe`; curl ends with code 55 or 56, Chrome shows ERR_CONNECTION_RESET. Small uploads get the answer, large ones do not.",
		Why:   "The server closes its socket at once in place of closing its sending side and reading on for a while.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "It reads on after refusing, unless told otherwise. If the refusal itself is the trouble, take larger bodies:", "lingering_close on;", "client_max_body_size 100m;"),
			fix(explain.Gateway, "HAProxy", "A deny closes at once. Read the body first, as far as it fits the buffer (tune.bufsize), so that small uploads get the answer:", "option http-buffer-request"),
			fix(explain.Origin, "", "After an early answer: shut down the sending side, read and throw away what still comes for some seconds, then close."),
			fix(explain.Gateway, "Fanlight", "Put it in front: it reads the answer while it still sends the body, and passes it on."),
			fix(explain.Client, "", "Ask first, so that the refusal comes before the body:", "curl -H 'Expect: 100-continue' ..."),
			fix(explain.Client, "", "Or read the answer while sending, as curl and browsers do; some libraries send all before they read."),
		},
		Confirm: "The same request with a body of a few bytes gets the answer.",
		LookAlikes: []explain.Alike{
			{ID: "origin-closed-without-answer", Difference: "no byte of an answer was on the wire"},
			{ID: "slow-sender-cut", Difference: "the client had stopped sending"},
			{ID: "a reset after a complete exchange", Difference: "the body had been sent, or the client had closed first: it has the answer"},
		},
		References: []string{"RFC 9112 section 9.6 (tear-down)", "psf/requests#2422", "nginx: lingering_close", "seen with Python's http.client at HAProxy, Node.js and Python's http.server: BrokenPipeError in place of the answer"},
	},
	Hides: []string{"client-gave-up", "receiver-stalls", "body-limit-truncates-upload"},
	Check: checkEarlyResponse,
}

func checkEarlyResponse(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.Self != flow.Unknown || c.Close.By != flow.Server {
			continue // who takes part knows whether the answer arrived
		}
		for _, x := range c.Exchanges {
			answer := findOf(c, x, flow.Response)
			end := find(c, answer, flow.Server, flow.RST) // behind a FIN, if more of the body came then
			d, known := between(c, answer, end)
			if answer < 0 || !known || d > time.Second || !x.RequestDone.IsZero() || x.Status < 300 || x.Tunnel != "" ||
				find(c, answer, flow.Client, flow.FIN, flow.Alert) >= 0 || !hasBody(x) {
				continue
			}
			report(p, explain.Finding{
				Confidence: explain.Likely,
				Cause: fmt.Sprintf("%s answered %s with %d while its body was still being sent, and reset the connection %s later. The client has probably lost the answer.",
					peer(c), asked(x), x.Status, explain.Span(d)),
				Evidence: append(responseEvidence(c, x), explain.At(c, end, "reset by the server, the request body was not complete")),
				Missing:  []string{"what the client's program saw"},
			}, c, x)
		}
	}
}
