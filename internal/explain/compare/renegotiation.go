package compare

import "fanlight/internal/flow"

// helloRequest is what became of a server's wish for another handshake (RFC 5246
// section 7.4.1.1); it shows without keys.
func helloRequest() aspect {
	return aspect{"hello-request", "HelloRequest of the server (renegotiation)", renegotiating, plain}
}

// renegotiation adds what followed the HelloRequest that is event number asked,
// up to the next one or the event number end.
func (u *unit) renegotiation(asked, end int) {
	value := "sent, never answered by the client"
	began := false
	for i := asked + 1; i < end; i++ {
		e := &u.conn.Events[i]
		switch {
		case e.Kind == flow.HelloRequest:
			end = i
		case e.Kind == flow.Renegotiated:
			value = "sent, answered by the client"
			end = i
		case e.Kind == flow.Renegotiating:
			value, began = "sent, answered by the client, then not finished", true
		case !began && (e.Kind == flow.Alert && e.From == flow.Client && refuses(u.conn, asked, i) ||
			e.Kind == flow.TLSFailed && e.Attr(flow.KeyFault) == flow.FaultNoRenegotiation):
			value = "sent, refused by the client"
			end = i
		}
	}
	u.add(helloRequest(), value, asked)
}

// refuses tells a refusal from a farewell: an alert without a name (it was not
// read) refuses if it comes at once.
func refuses(c *flow.Conn, asked, alert int) bool {
	switch c.Events[alert].Text {
	case "no_renegotiation":
		return true
	case "close_notify":
		return false
	}
	d, known := between(c, asked, alert)
	return known && d < atOnce
}
