package rules

import (
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// renegotiation is one HelloRequest of a server and what became of it, as
// indexes into the connection's events; -1: did not happen.
type renegotiation struct {
	conn                        *flow.Conn
	x                           *flow.Exchange // waiting for its response meanwhile; nil if none is known
	asked, began, done, refused int
	end                         int // index at which the next one begins, or the events end
	nth                         int // how many the exchange had before it
	finishedBefore              bool
}

// renegotiations finds all of them. The client's answer is looked for up to the
// next HelloRequest.
func renegotiations(c *flow.Conn) []renegotiation {
	var out []renegotiation
	for i := find(c, 0, flow.Unknown, flow.HelloRequest); i >= 0; i = find(c, i+1, flow.Unknown, flow.HelloRequest) {
		if n := len(out); n > 0 {
			out[n-1].end = i
		}
		out = append(out, renegotiation{conn: c, x: waitingAt(c, i), asked: i, end: len(c.Events)})
	}
	for n := range out {
		r := &out[n]
		r.began, r.done = r.find(flow.Renegotiating), r.find(flow.Renegotiated)
		r.refused = r.refusal()
		if n > 0 && r.x != nil && out[n-1].x == r.x {
			r.nth = out[n-1].nth + 1
			r.finishedBefore = out[n-1].done >= 0
		}
	}
	return out
}

func (r *renegotiation) find(kind flow.Kind) int {
	if i := find(r.conn, r.asked, flow.Unknown, kind); i >= 0 && i < r.end {
		return i
	}
	return -1
}

// refusal is the event with which the client declined. Without keys an alert's
// name is not known: one that comes at once is an answer, a later one may be
// the farewell of a connection that went on.
func (r *renegotiation) refusal() int {
	for i := r.asked; i < r.end; i++ {
		e := &r.conn.Events[i]
		switch {
		case e.Kind == flow.Alert && e.From == flow.Client && e.Text == "no_renegotiation":
			return i
		case e.Kind == flow.Alert && e.From == flow.Client && e.Text != "close_notify" && r.began < 0 && r.atOnce(i):
			return i
		case e.Kind == flow.TLSFailed && e.Attr(flow.KeyFault) == flow.FaultNoRenegotiation:
			return i
		}
	}
	return -1
}

// waitingAt is the exchange that event i belongs to, or the last one asked
// before it that had no response yet.
func waitingAt(c *flow.Conn, i int) *flow.Exchange {
	id := c.Events[i].Exchange
	if id == 0 {
		for j := i - 1; j >= 0; j-- {
			if k := c.Events[j].Kind; k == flow.Response {
				return nil
			} else if k == flow.Request {
				id = c.Events[j].Exchange
				break
			}
		}
	}
	return exchangeOf(c, id)
}

// failed tells that the exchange got no response from the origin. Where no
// exchange can be seen, the end of the connection right after the HelloRequest
// stands for it.
func (r *renegotiation) failed() bool {
	if r.x != nil {
		return unanswered(r.conn, r.x) || r.answeredTooLate()
	}
	return r.conn.Close.Ended || find(r.conn, r.asked, flow.Unknown, flow.Timeout) >= 0
}

// answeredTooLate tells that the response came after the client had ended: Apache
// with an optional certificate goes on then, to nobody.
func (r *renegotiation) answeredTooLate() bool {
	left := find(r.conn, r.asked, flow.Client, flow.FIN, flow.RST)
	return left >= 0 && left < findOf(r.conn, r.x, flow.Response)
}

// stop is the event that ended the waiting: a deadline, a refusal or the close.
func (r *renegotiation) stop() int {
	if i := find(r.conn, r.asked, flow.Unknown, flow.Timeout, flow.Hanging); i >= 0 {
		return i
	}
	if r.x != nil && r.x.Status >= 400 {
		return findOf(r.conn, r.x, flow.Response)
	}
	return find(r.conn, r.asked, flow.Unknown, flow.FIN, flow.RST, flow.Closed)
}

// silence is how long nothing answered the HelloRequest.
func (r *renegotiation) silence() (time.Duration, bool) {
	return between(r.conn, r.asked, r.stop())
}

// left tells that the client closed at once instead of answering.
func (r *renegotiation) left() bool {
	if r.began >= 0 || r.conn.Close.By != flow.Client || find(r.conn, r.asked, flow.Unknown, flow.Timeout) >= 0 {
		return false
	}
	return r.atOnce(closing(r.conn))
}

// atOnce tells that event i is an answer to the HelloRequest, going by the time.
func (r *renegotiation) atOnce(i int) bool {
	d, known := between(r.conn, r.asked, i)
	return known && d >= 0 && d < time.Second
}

// duringBody tells that the server asked before it had the whole request body.
func (r *renegotiation) duringBody() bool {
	if r.x == nil {
		return false
	}
	done := findOf(r.conn, r.x, flow.RequestDone)
	if done < 0 {
		return hasBody(r.x)
	}
	return done > r.asked && r.conn.Events[done].Bytes > 0
}

func hasBody(x *flow.Exchange) bool {
	length := header(x.RequestHeader, "Content-Length")
	return length != "" && length != "0" || header(x.RequestHeader, "Transfer-Encoding") != ""
}

func (r *renegotiation) evidence(more ...explain.Evidence) []explain.Evidence {
	var out []explain.Evidence
	if r.x != nil {
		if i := findOf(r.conn, r.x, flow.Request); i >= 0 {
			out = append(out, explain.At(r.conn, i, "request "+asked(r.x)))
		}
	}
	out = append(out, explain.At(r.conn, r.asked, "HelloRequest: the server asks for a second handshake"))
	return append(out, more...)
}

// certificateAnswer is what the client showed in the second handshake.
func (r *renegotiation) certificateAnswer() (text string, known bool) {
	i := find(r.conn, r.asked, flow.Client, flow.Certificate)
	if i < 0 || i > r.end {
		return "", false
	}
	return r.conn.Events[i].Text, true
}

// askEarlier are the ways to make the server ask in the first handshake, or not
// at all.
func askEarlier() []explain.Fix {
	return []explain.Fix{
		fix(explain.Origin, "IIS and HTTP.sys", "Ask for the certificate in the first handshake (for every URL of that binding), or do not ask for it on that path:",
			"netsh http update sslcert ipport=192.0.2.10:443 certhash=THUMBPRINT appid={GUID} clientcertnegotiation=enable",
			`%windir%\system32\inetsrv\appcmd set config "SITE/path" /section:access /sslFlags:"Ssl" /commit:apphost`),
		fix(explain.Origin, "Apache", "Put SSLVerifyClient at the level of the virtual host instead of a Location or Directory:",
			"<VirtualHost 192.0.2.10:443>", "  SSLVerifyClient optional", "</VirtualHost>"),
	}
}
