package rules

import (
	"net/netip"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// login is what one exchange does for a sign-in. The steps are those of
// MS-NLMP and RFC 4559 as the AuthToken events name them.
type login struct {
	conn  *flow.Conn
	x     *flow.Exchange
	shown int // event of the client's token that is tied to the connection, or -1
	asked int // event of the server's last such challenge, or -1
}

// logins reads the sign-in steps of c, one login for each exchange in order.
func logins(c *flow.Conn) []login {
	out := make([]login, len(c.Exchanges))
	for i, x := range c.Exchanges {
		out[i] = login{conn: c, x: x, shown: -1, asked: -1}
	}
	var at map[flow.ExchangeID]*login // most connections have no use for it
	for i := range c.Events {
		e := &c.Events[i]
		if e.Kind != flow.AuthToken {
			continue
		}
		if at == nil {
			at = make(map[flow.ExchangeID]*login, len(out))
			for j := range out {
				at[out[j].x.ID] = &out[j]
			}
		}
		if l := at[e.Exchange]; l != nil {
			l.take(i, e)
		}
	}
	return out
}

// take keeps event i. Of several schemes that are offered, the one that is
// continued counts.
func (l *login) take(i int, e *flow.Event) {
	switch {
	case e.From != flow.Server:
		l.shown = i
	case l.asked < 0 || e.Attr(flow.KeyStep) != "":
		l.asked = i
	}
}

// token gives a fact of the client's token, empty if there is none.
func (l *login) token(key string) string {
	if l.shown < 0 {
		return ""
	}
	return l.conn.Events[l.shown].Attr(key)
}

func (l *login) ntlm() bool { return strings.HasSuffix(l.token("mech"), "ntlm") }

// opens tells that the client began an NTLM sign-in with x.
func (l *login) opens() bool { return l.ntlm() && l.token(flow.KeyStep) == "1" }

// proves tells that x carries what finishes a sign-in: the third NTLM message
// or a Kerberos ticket.
func (l *login) proves() bool {
	return l.ntlm() && l.token(flow.KeyStep) == "3" || l.token("mech") == "kerberos"
}

func (l *login) denied() bool { return l.x.Status == 401 || l.x.Status == 407 }

// continued tells that the server's answer asks for the next step of the
// sign-in, so that it has not refused it.
func (l *login) continued() bool {
	if !l.denied() || l.asked < 0 {
		return false
	}
	e := &l.conn.Events[l.asked]
	return e.Attr(flow.KeyStep) == "2" && e.Attr("mech") != "kerberos" || e.Attr("state") == "accept-incomplete"
}

// recognised tells that the server's answer completes the sign-in, whatever its
// status: the user is known, and may yet be none of those who are let in.
func (l *login) recognised() bool {
	if l.asked < 0 {
		return false
	}
	e := &l.conn.Events[l.asked]
	return e.Attr(flow.KeyStep) == "2" && e.Attr("mech") == "kerberos" || e.Attr("state") == "accept-completed"
}

func (l *login) accepted() bool { return l.proves() && l.x.Status != 0 && !l.denied() }

func (l *login) refused() bool {
	return l.proves() && l.denied() && !l.continued() && !l.recognised()
}

// bare tells that x was asked without any credentials.
func (l *login) bare() bool {
	return l.shown < 0 && len(l.x.RequestHeader) > 0 && credentials(l.x) == ""
}

// credentials is the scheme of what x shows, empty if it shows nothing.
func credentials(x *flow.Exchange) string {
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		if v, found := flow.Get(x.RequestHeader, name); found {
			scheme, _, _ := strings.Cut(v, " ")
			return scheme
		}
	}
	return ""
}

// offered tells that a refusal of x offers a scheme that is tied to the
// connection.
func (l *login) offered() bool { return l.denied() && l.asked >= 0 }

// whole tells that all exchanges of c since its beginning are known.
func whole(c *flow.Conn) bool {
	return c.Forgotten == 0 && find(c, 0, flow.Unknown, flow.Established, flow.SYN) >= 0 &&
		find(c, 0, flow.Unknown, flow.MidStream, flow.BufferFull, flow.Gap) < 0
}

// clientOf is whom x was made for: the client of the gateway in front, by
// the record of that connection or else by what the gateway wrote. conn is 0
// and the address invalid where that is not known.
func clientOf(p *explain.Pass, x *flow.Exchange) (conn flow.ConnID, address netip.Addr) {
	if front := p.Exchange(x.Parent); x.Parent != 0 && front != nil {
		if c := p.Conn(front.Conn); c != nil {
			return c.ID, c.Client.Addr()
		}
	}
	first, _, _ := strings.Cut(header(x.RequestHeader, "X-Forwarded-For"), ",")
	address, _ = netip.ParseAddr(strings.TrimSpace(first))
	return 0, address
}

// innermost tells that x was not passed on to an origin that the trace knows:
// what happened to it happened on its own connection.
func innermost(p *explain.Pass, x *flow.Exchange) bool { return len(p.Behind(x.ID)) == 0 }

// lastTry is the last of the exchanges made with an origin for x, nil if the
// trace knows none.
func lastTry(p *explain.Pass, x *flow.Exchange) *flow.Exchange {
	behind := p.Behind(x.ID)
	if len(behind) == 0 {
		return nil
	}
	return behind[len(behind)-1]
}

// guessed tells that the join of x with the client's exchange is not certain
// enough to accuse somebody.
func guessed(x *flow.Exchange) bool { return strings.HasPrefix(x.Joined, "possible") }

// needsHeaders is the need of rules that read requests and responses.
func needsHeaders() []explain.Need {
	return []explain.Need{{
		What: "a capture with keys: headers cannot be read",
		Met:  func(c *flow.Conn) bool { return c.Keys != flow.No || len(c.Exchanges) > 0 },
	}}
}
