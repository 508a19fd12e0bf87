package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2InternalError = explain.Rule{
	ID:       "h2-internal-error",
	Title:    "The server gave up HTTP/2 for an error of its own",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server reset a request, or ended the connection with all requests that were open on it, and said that the error is its own. Those requests got no answer. The server may have acted on them.",
		Looks: "RST_STREAM or GOAWAY with error 2, or with a number that HTTP/2 does not know. curl ends with 92 and `INTERNAL_ERROR (err 2)`, Go says `stream error: stream ID 1; INTERNAL_ERROR`, a gateway answers 502. 0xfffffc7a is -902, with which nghttp2 says that the program around it failed (`The user callback function failed`).",
		Why:   "The program crashed at this request (Go resets the stream when a handler panics), or the server's HTTP/2 has a defect. Apache 2.4.71 (mod_http2 2.0.42) has two: it ends the connection when a request is cancelled in the moment in which its answer is ready, and it resets a request whose trailers come in that moment. Behind a gateway the cancelled request is mostly another client's.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Look at the server's error log and for crashes at that second."),
			fix(explain.Origin, "Apache", "Have HTTP/2 logged; `AH10509` and `AH03402` are the first defect, `RST stream, header failures` the second. Update it, or do without HTTP/2:", "LogLevel http2:trace1", "Protocols http/1.1"),
			fix(explain.Gateway, "Fanlight", "Speak HTTP/1.1 to this origin. With `http: auto` that happens by itself once it has ended a connection on which a request was cancelled:", `http: "1.1"`),
			fix(explain.Gateway, "HAProxy", "Speak HTTP/1.1 to the origin:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem alpn http/1.1"),
			fix(explain.Client, "", "Send again what may be repeated."),
		},
		Confirm: "The same request alone, several times, by `curl --http2` and `curl --http1.1`: if both fail, it is the program; if only HTTP/2 does, and not each time, it is the server's HTTP/2.",
		LookAlikes: []explain.Alike{
			{ID: "h2-goaway-race", Difference: "GOAWAY with NO_ERROR: an ordinary end"},
			{ID: "h2-enhance-your-calm", Difference: "ENHANCE_YOUR_CALM: the server defends itself"},
			{ID: "h2-forbidden-header", Difference: "PROTOCOL_ERROR: it blames the other side"},
			{ID: "origin-closed-without-answer", Difference: "no word of HTTP/2 came before the end"},
		},
		References: []string{"RFC 9113 sections 5.4 and 7", "nghttp2: NGHTTP2_ERR_CALLBACK_FAILURE", "seen with Apache 2.4.71 and frames sent by hand: one POST in ten that is cancelled, or ended by trailers, within 0.4 ms"},
	},
	Needs: needsHeaders(),
	Hides: []string{"origin-closed-without-answer", "client-gave-up", "keepalive-race", "h2-goaway-race"},
	Check: checkInternalError,
}

func checkInternalError(p *explain.Pass) {
	for _, c := range p.Conns() {
		events := internalErrors(c)
		lost := h2Lost(c, events)
		if len(lost) == 0 {
			continue
		}
		if lost = unrepeated(p, c, lost); len(lost) == 0 {
			continue
		}
		i := events[0]
		e := &c.Events[i]
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s gave up %s with %s, an error of its own.", peer(c), counted(len(lost), "request", "requests"), e.Text),
			Evidence: []explain.Evidence{explain.At(c, findOf(c, lost[0], flow.Request), asked(lost[0])),
				explain.At(c, i, e.Kind.String()+" with "+e.Text)},
		}
		if why := e.Attr(flow.KeyReason); why != "" {
			f.Cause += fmt.Sprintf(" It says: %s.", why)
		}
		if j := lastCancel(c, i); j >= 0 && e.Kind == flow.GoAway {
			f.Cause += " Just before, another request on this connection had been cancelled, which is no reason to end it."
			f.Evidence = append(f.Evidence, explain.At(c, j, "cancelled"))
		}
		blameAll(p, &f, c, lost)
		p.Report(f)
	}
}

// internalErrors are the events with which the server gave up a stream or the
// connection and blamed nobody else; unknown codes count as INTERNAL_ERROR (RFC
// 9113, section 7).
func internalErrors(c *flow.Conn) []int {
	out := h2Errors(c, flow.Server, "INTERNAL_ERROR")
	for i := range c.Events {
		e := &c.Events[i]
		if (e.Kind == flow.StreamReset || e.Kind == flow.GoAway) && e.From == flow.Server && strings.HasPrefix(e.Text, "0x") {
			out = append(out, i)
		}
	}
	return out
}

// lastCancel is the last event before i with which the client cancelled a
// request, -1 if there is none.
func lastCancel(c *flow.Conn, i int) int {
	for i--; i >= 0; i-- {
		if e := &c.Events[i]; e.Kind == flow.StreamReset && e.From == flow.Client {
			return i
		}
	}
	return -1
}
