package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// persistence is how long sign-ins lasted on the connections of one client to
// one site.
type persistence struct {
	conns  []*flow.Conn
	scheme string  // of the first sign-in that succeeded
	again  []login // asked without credentials on a signed-in connection, and refused
	kept   int     // the same, and served
	via    int     // of again: the request had a Via field
	host   string
}

// worthTelling tells that being asked again is the rule and not an accident:
// a single one may have to do with the page.
func (s *persistence) worthTelling() bool { return len(s.again) >= 3 && len(s.again) > s.kept }

// persistences reads what p's connections tell, one for each client and site.
func persistences(p *explain.Pass) []*persistence {
	var order []*persistence
	groups := map[string]*persistence{}
	for _, c := range p.Conns() {
		if len(c.Exchanges) < 2 || !innermost(p, c.Exchanges[len(c.Exchanges)-1]) {
			continue
		}
		host := strings.ToLower(c.Exchanges[0].Host)
		key := c.Client.Addr().String() + " " + c.Server.String() + " " + host
		s := groups[key]
		if s == nil {
			s = &persistence{host: host}
			groups[key] = s
			order = append(order, s)
		}
		s.add(c)
	}
	return order
}

func (s *persistence) add(c *flow.Conn) {
	s.conns = append(s.conns, c)
	signed := false
	steps := logins(c)
	for i := range steps {
		l := &steps[i]
		switch {
		case l.x.Status == 0 || l.x.Method == "OPTIONS":
		case !l.bare():
			if !l.denied() {
				signed = true
				if s.scheme == "" {
					s.scheme = credentials(l.x)
				}
			}
		case !signed:
		case l.denied():
			s.again = append(s.again, *l)
			if _, found := flow.Get(l.x.RequestHeader, "Via"); found {
				s.via++
			}
		default:
			s.kept++
		}
	}
}

// finding names the requests that were challenged again.
func (s *persistence) finding(p *explain.Pass) explain.Finding {
	f := explain.Finding{Confidence: explain.Likely}
	for i := range s.again {
		l := &s.again[i]
		p.Blame(&f, l.conn, l.x)
		if i < 4 {
			f.Evidence = append(f.Evidence, explain.At(l.conn, findOf(l.conn, l.x, flow.Response),
				fmt.Sprintf("%s answered %d on a connection that was signed in", asked(l.x), l.x.Status)))
		}
	}
	return f
}

// share words how many requests were touched.
func (s *persistence) share() string {
	all := len(s.again) + s.kept
	return fmt.Sprintf("%d of %d requests without credentials (%d %%)", len(s.again), all, 100*len(s.again)/all)
}

// blamesVia tells that it fits IIS's way with requests that come through a
// proxy.
func (s *persistence) blamesVia() bool {
	if s.via != len(s.again) || !strings.EqualFold(s.scheme, "Negotiate") && !strings.EqualFold(s.scheme, "NTLM") {
		return false
	}
	for i := range s.again {
		if strings.Contains(header(s.again[i].x.ResponseHeader, "Server"), "Microsoft-IIS") || proxySupport(s.again[i].x) {
			return true
		}
	}
	return false
}

// proxySupport tells that the server says it signs in per session only
// (RFC 4559, section 6).
func proxySupport(x *flow.Exchange) bool {
	return says(x.ResponseHeader, "Proxy-Support", "Session-Based-Authentication")
}
