package rules

import (
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// rejected is a certificate that the client side of a connection did not
// accept. It is known from the client itself (fault), or from the alert it
// sent, which names a class and not the reason.
type rejected struct {
	conn  *flow.Conn
	event int // TLSFailed or Alert
	own   bool
}

// rejectedCertificates finds the handshakes that failed with one of the faults,
// or with one of the alerts from the client.
func rejectedCertificates(p *explain.Pass, faults, alerts []string) []rejected {
	var out []rejected
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.Done == flow.Yes {
			continue
		}
		if i := handshakeFailed(c, faults...); i >= 0 {
			out = append(out, rejected{c, i, true})
			continue
		}
		if c.Self == flow.Client {
			continue // we know our own reason
		}
		if i := alerted(c, flow.Client, alerts...); i >= 0 {
			out = append(out, rejected{c, i, false})
		}
	}
	return out
}

// leftUnasked finds the connections on which the handshake was completed and the
// client then left at once without a request, with a certificate that does not
// cover the name it wanted: curl, and other programs that look at the name only
// then, say so with no alert.
func leftUnasked(p *explain.Pass) []rejected {
	var out []rejected
	for _, c := range p.Conns() {
		if c.TLS == nil {
			continue
		}
		if covered, known := namesCover(fact(c, flow.Server, flow.Certificate, flow.KeyNames), c.TLS.SNI); !known || covered {
			continue
		}
		if end := leftWithoutRequest(c); end >= 0 {
			out = append(out, rejected{c, end, false})
		}
	}
	return out
}

// leftWithoutRequest is the event by which the client ended c right after the
// handshake, with nothing asked; -1 if it did not, or that cannot be known.
func leftWithoutRequest(c *flow.Conn) int {
	if c.TLS == nil || c.TLS.Done != flow.Yes || c.Keys == flow.No || requestOn(c) || c.Self != flow.Unknown || find(c, 0, flow.Unknown, flow.Gap) >= 0 {
		return -1
	}
	side, end := leaver(c)
	if d, known := between(c, find(c, 0, flow.Unknown, flow.TLSDone), end); side == flow.Client && known && d < 100*time.Millisecond {
		return end
	}
	return -1
}

// shown is the index of the Certificate event of the server, or -1.
func shown(c *flow.Conn) int { return find(c, 0, flow.Server, flow.Certificate) }

// fact is an attribute of the certificate, from the event that failed or from
// the one that showed it.
func (r rejected) fact(key string) string {
	if v := r.conn.Events[r.event].Attr(key); v != "" {
		return v
	}
	if i := shown(r.conn); i >= 0 {
		return r.conn.Events[i].Attr(key)
	}
	return ""
}

func (r rejected) evidence(text string) []explain.Evidence {
	var out []explain.Evidence
	if i := shown(r.conn); i >= 0 {
		out = append(out, explain.At(r.conn, i, "certificate "+r.conn.Events[i].Text))
	}
	return append(out, explain.At(r.conn, r.event, text))
}

// sound tells that nothing of the certificate itself speaks against it: it is
// for the name that was asked for, for this use, not yet over and not weak.
// Some clients send one alert for whatever they do not like; then the issuer is
// to blame only for such a certificate.
func (r rejected) sound() bool {
	if covered, known := namesCover(r.fact(flow.KeyNames), r.conn.TLS.SNI); known && !covered {
		return false
	}
	return r.lacks() == "" && r.weak() == "" && !r.expired()
}

func (r rejected) expired() bool {
	until, err := time.Parse(time.RFC3339, r.fact(flow.KeyNotAfter))
	return err == nil && r.conn.Events[r.event].At.After(until)
}

// words are what the failing side said about it.
func (r rejected) words() string {
	e := &r.conn.Events[r.event]
	switch {
	case r.conn.TLS.Done == flow.Yes:
		return "the client leaves after the handshake, without a request"
	case e.Kind == flow.Alert:
		return "alert " + e.Text
	}
	return e.Text
}

// namesCover tells whether the certificate's names, comma separated, cover
// name: known only if both are known.
func namesCover(names, name string) (covered, known bool) {
	if names == "" || name == "" {
		return false, false
	}
	return covers(strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' }), name), true
}
