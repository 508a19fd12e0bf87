package compare

import (
	"strconv"
	"strings"
)

// group is units of both sides that tried to do the same.
type group struct{ good, bad []*unit }

// leg is the one that all of a group are on, alone if they are on several.
func (g *group) leg() leg {
	for _, units := range [][]*unit{g.good, g.bad} {
		for _, u := range units {
			if u.leg != g.bad[0].leg {
				return alone
			}
		}
	}
	return g.bad[0].leg
}

// keyFunc names what a unit tried to do; empty: it takes no part.
type keyFunc func(*unit) string

// align pairs the bad units with good ones by the first of the keys that finds
// any. What is left over found none.
func align(good, bad []*unit, keys []keyFunc) (groups []*group, left []*unit) {
	left = bad
	for _, key := range keys {
		if len(left) == 0 {
			break
		}
		byKey := map[string]*group{}
		for _, u := range good {
			if k := key(u); k != "" {
				g := byKey[k]
				if g == nil {
					g = &group{}
					byKey[k] = g
				}
				g.good = append(g.good, u)
			}
		}
		var rest []*unit
		for _, u := range left {
			g := byKey[key(u)]
			if g == nil {
				rest = append(rest, u)
				continue
			}
			if len(g.bad) == 0 {
				groups = append(groups, g)
			}
			g.bad = append(g.bad, u)
		}
		left = rest
	}
	return groups, left
}

// exchangeKeys go from the same request on the same leg to one like it. The
// challenges of a sign-in are only compared with the like of them.
func exchangeKeys() []keyFunc {
	join := func(parts ...string) string { return strings.Join(parts, " ") }
	host := func(u *unit) string { return name(u.x.Host) }
	request := func(u *unit) string { return u.request }
	outside := func(key keyFunc) keyFunc {
		return func(u *unit) string {
			if u.step {
				return ""
			}
			return key(u)
		}
	}
	return []keyFunc{
		func(u *unit) string { return join(u.leg.String(), host(u), request(u), u.position.String()) },
		func(u *unit) string { return join(u.leg.String(), host(u), request(u), u.position.settled().String()) },
		func(u *unit) string { return join(host(u), request(u), u.position.settled().String()) },
		func(u *unit) string { return join(request(u), u.position.settled().String()) },
		outside(request),
		outside(func(u *unit) string { path, _, _ := strings.Cut(u.request, "?"); return path }),
	}
}

// connKeys go from the name to the port.
func connKeys() []keyFunc {
	return []keyFunc{
		func(u *unit) string {
			if n := connName(u); n != "" {
				return u.leg.String() + " " + n
			}
			return ""
		},
		connName,
		func(u *unit) string {
			if p := port(u); p != "" {
				return u.leg.String() + " " + p
			}
			return ""
		},
		port,
	}
}

// sameHost is all that an exchange has in common with one that asked for
// something else.
func sameHost(u *unit) string {
	if u.step || u.x.Host == "" {
		return ""
	}
	return name(u.x.Host) + " " + u.position.settled().String()
}

// anything aligns all with all: for sides that have nothing else in common.
func anything(*unit) string { return "anything" }

func port(u *unit) string {
	if !u.conn.Server.IsValid() {
		return ""
	}
	return strconv.Itoa(int(u.conn.Server.Port()))
}

// connName is the name that a client asked for.
func connName(u *unit) string {
	if t := u.conn.TLS; t != nil && t.SNI != "" {
		return name(t.SNI)
	}
	if len(u.conn.Exchanges) > 0 {
		return name(u.conn.Exchanges[0].Host)
	}
	if l := u.conn.Lookup; l != nil {
		return name(l.Name)
	}
	return ""
}

// name is a host without its port.
func name(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return strings.ToLower(host)
}

func (l leg) String() string { return [...]string{"alone", "front", "back"}[l%3] }
