package rules

import (
	"fmt"
	"strconv"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2ForbiddenHeader = explain.Rule{
	ID:       "h2-forbidden-header",
	Title:    "An HTTP/2 message has a header field that HTTP/2 forbids",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Fields that belong to one HTTP/1.1 connection (Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade), names with upper-case letters, and values with line ends must not be in HTTP/2. A gateway passed one on from HTTP/1.1, or an application set it. The receiver has to refuse such a message, and this one did.",
		Looks: "RST_STREAM with PROTOCOL_ERROR right after the head, or 400. curl ends with 92 and `Invalid HTTP header field was received: ... name: [upgrade]`, Safari shows NSPOSIXErrorDomain 100, Chrome ERR_HTTP2_PROTOCOL_ERROR. Some browsers let it pass, so that the page works for some people only.",
		Why:   "Apache in front of which another server speaks HTTP/2 announces `Upgrade: h2,h2c` in its responses; an application that sets `Connection: close` by itself; `add_header` lines that were written for HTTP/1.1.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Do not pass it on:", "proxy_hide_header Upgrade;"),
			fix(explain.Gateway, "HAProxy", "Do not pass it on:", "http-response del-header Upgrade"),
			fix(explain.Origin, "Apache", "Do not announce HTTP/2 behind a gateway:", "Protocols http/1.1", "H2Upgrade off"),
			fix(explain.Origin, "", "Leave Connection, Keep-Alive and Transfer-Encoding to the server; applications must not set them."),
			fix(explain.Client, "", "The same for requests: do not set Connection or Keep-Alive by hand."),
			fix(explain.Client, "curl", "To get through for now:", "curl --http1.1 ..."),
		},
		Confirm: "`curl -v --http2 URL` fails with 92 and names the field; `curl -sD- -o/dev/null --http1.1 URL` works and shows it.",
		LookAlikes: []explain.Alike{
			{ID: "request-malformed", Difference: "the message is not well formed in HTTP/1.1 either"},
			{ID: "alpn-promise-broken", Difference: "nothing of HTTP/2 comes at all"},
		},
		References: []string{"RFC 9113 sections 8.2.1, 8.2.2 and 8.1.1", "curl/curl#674", "httpwg/http2-spec#789"},
	},
	Needs: needsHeaders(),
	Hides: []string{"client-gave-up", "origin-closed-without-answer", "request-malformed", "body-truncated", "h2-goaway-race"},
	Check: checkForbidden,
}

// forbiddenField is the irregularity of a field that HTTP/2 forbids.
const forbiddenField = "h2-forbidden-field"

func checkForbidden(p *explain.Pass) {
	for _, c := range p.Conns() {
		for i := find(c, 0, flow.Unknown, flow.Irregular); i >= 0; i = find(c, i+1, flow.Unknown, flow.Irregular) {
			e := &c.Events[i]
			x := exchangeOf(c, c.Events[i].Exchange)
			if e.Text != forbiddenField || x == nil {
				continue
			}
			how, end := turnedDown(c, x, e.From)
			f := explain.Finding{
				Confidence: explain.Proof,
				Cause:      fmt.Sprintf("The %s of %s has the field %q, which HTTP/2 forbids; %s.", message(e.From), asked(x), e.Attr(flow.KeyField), how),
				Evidence:   []explain.Evidence{explain.At(c, i, "field "+e.Attr(flow.KeyField)+" in the "+message(e.From))},
			}
			if end < 0 {
				blameAll(p, &f, c, []*flow.Exchange{x})
				p.ReportAs(explain.Note, f)
				continue
			}
			f.Evidence = append(f.Evidence, explain.At(c, end, how))
			reportRefusal(p, f, c, x)
		}
	}
}

func message(from flow.Side) string {
	if from == flow.Client {
		return "request"
	}
	return "response"
}

// protocolError is the event with which a side reset the stream of x, which may
// have been complete by then, or gave up the connection, for an error in what it
// got; or -1.
func protocolError(c *flow.Conn, x *flow.Exchange, by flow.Side) int {
	for _, i := range h2Errors(c, by, "PROTOCOL_ERROR") {
		if e := &c.Events[i]; e.Kind == flow.GoAway || e.Exchange == x.ID || e.Attr(flow.KeyStream) == strconv.Itoa(x.Stream) {
			return i
		}
	}
	return -1
}

// turnedDown says what the receiver of a malformed message of x did, and the event
// by which; -1: it took it as it was.
func turnedDown(c *flow.Conn, x *flow.Exchange, from flow.Side) (string, int) {
	switch i := protocolError(c, x, from.Other()); {
	case i >= 0:
		return fmt.Sprintf("the %s refused it with PROTOCOL_ERROR", from.Other()), i
	case from == flow.Client && x.Status == 400:
		return "the server answered 400", findOf(c, x, flow.Response)
	}
	return fmt.Sprintf("the %s took it all the same, others will not", from.Other()), -1
}
