package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var bodyTruncated = explain.Rule{
	ID:       "body-truncated",
	Title:    "The response ended before its declared end",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The response began, said how long it would be (a length, or chunks with an end mark), and the connection ended earlier. The client has a part and knows it.",
		Looks: "Fewer bytes than Content-Length, or chunks without the last one, then FIN or RST. Chrome shows ERR_CONTENT_LENGTH_MISMATCH or ERR_INCOMPLETE_CHUNKED_ENCODING, curl ends with code 18, nginx logs `upstream prematurely closed connection while reading upstream`, HAProxy `SD`, `sD`.",
		Why:   "The application crashed or ran into a limit while writing; a proxy's buffer or disk was full; a timer between two reads; a filter that cut the response.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Look at the log of the side that closed, at that second."),
			fix(explain.Gateway, "Fanlight", "If the pauses between parts are known to be long, wait longer between them:", "timeouts: {between: 180s}"),
			fix(explain.Gateway, "nginx", "As a gateway: check the room for buffered responses, or do not buffer:", "proxy_max_temp_file_size 0;"),
			fix(explain.Gateway, "HAProxy", "As a gateway, wait longer between two reads:", "timeout server 180s"),
		},
		Confirm: "Fetch the same straight from the origin and compare the number of bytes: `curl -sS -o /dev/null -w '%{size_download}\\n' ...`",
		LookAlikes: []explain.Alike{
			{ID: "client-gave-up", Difference: "the client closed first"},
			{ID: "close-without-notify", Difference: "the body was complete, only the TLS farewell is missing"},
			{ID: "origin-closed-without-answer", Difference: "no response had begun"},
			{ID: "content-encoding-mismatch", Difference: "the body is whole, and cannot be unpacked"},
			{ID: "response-framing-conflict", Difference: "the header itself says two lengths"},
		},
		References: []string{"RFC 9112 section 8 (incomplete messages)"},
	},
	Hides:   []string{"client-gave-up", "slow-origin"},
	Silence: true,
	Check:   checkBodyTruncated,
}

func checkBodyTruncated(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			stalled := stalledAt(c, x)
			if stalled < 0 && (x.Outcome != flow.Truncated || x.Status == 0) || leftMidway(c) && stalled < 0 || truncatedBehind(p, x) {
				continue
			}
			if c.Self == flow.Client && stalled < 0 && clientLeftFront(p, c, x) {
				continue
			}
			reportTruncated(p, c, x, stalled)
		}
	}
}

// stalledAt is the between-bytes timeout that ended x, or -1.
func stalledAt(c *flow.Conn, x *flow.Exchange) int {
	i := ranOut(c, "between-bytes")
	if i < 0 || c.Events[i].Exchange != 0 && c.Events[i].Exchange != x.ID {
		return -1
	}
	if x.Status == 0 || x.Outcome == flow.Complete {
		return -1
	}
	return i
}

// leftMidway tells that the client ended the connection, which on our own
// origin connections is us.
func leftMidway(c *flow.Conn) bool { return c.Close.By == flow.Client && c.Self != flow.Client }

func clientLeftFront(p *explain.Pass, c *flow.Conn, x *flow.Exchange) bool {
	front, _ := p.Front(c, x)
	return front != nil && leftMidway(front) && c.Close.By != flow.Server
}

func truncatedBehind(p *explain.Pass, x *flow.Exchange) bool {
	for _, y := range p.Behind(x.ID) {
		if y.Outcome == flow.Truncated {
			return true
		}
	}
	return false
}

func reportTruncated(p *explain.Pass, c *flow.Conn, x *flow.Exchange, stalled int) {
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause:      fmt.Sprintf("%s began its answer to %s and ended it early%s.", peer(c), asked(x), extent(x)),
		Evidence:   responseEvidence(c, x),
	}
	if stalled >= 0 {
		f.Cause = fmt.Sprintf("%s began its answer to %s and then sent nothing more; the wait ended %s%s.",
			peer(c), asked(x), after(c, stalled), extent(x))
		f.Evidence = append(f.Evidence, explain.At(c, stalled, "between-bytes timeout"))
	} else if i := closing(c); i >= 0 {
		f.Evidence = append(f.Evidence, explain.At(c, i, "closed by the "+c.Close.By.String()+" ("+c.Close.How.String()+")"))
	}
	report(p, f, c, x)
}

// extent says how much of how much came.
func extent(x *flow.Exchange) string {
	length := header(x.ResponseHeader, "Content-Length")
	switch {
	case length != "" && x.ResponseBodyBytes > 0:
		return fmt.Sprintf(": %d of %s bytes came", x.ResponseBodyBytes, length)
	case length != "":
		return ": " + length + " bytes were announced"
	case says(x.ResponseHeader, "Transfer-Encoding", "chunked"):
		return ": the last chunk is missing"
	}
	return ""
}
