package compare

import (
	"strings"

	"fanlight/internal/flow"
)

// position is where an exchange stands in a sign-in.
type position uint8

const (
	unsigned     position = iota // nothing was shown yet
	opening                      // a first token, to be challenged
	carriesToken                 // credentials or the last token
	signedIn                     // on a connection that is signed in
)

func (p position) String() string {
	return [...]string{"without credentials", "with a first token", "with credentials", "on a signed-in connection"}[p%4]
}

// settled is the position without the way by which it was reached.
func (p position) settled() position {
	if p == signedIn {
		return carriesToken
	}
	return p
}

// signInOf gives the position of each exchange of c.
func signInOf(c *flow.Conn) []position {
	steps := map[flow.ExchangeID]string{}
	for i := range c.Events {
		if e := &c.Events[i]; e.Kind == flow.AuthToken && e.From == flow.Client {
			steps[e.Exchange] = e.Attr(flow.KeyStep)
		}
	}
	out, signed := make([]position, len(c.Exchanges)), false
	for i, x := range c.Exchanges {
		credentials, sent := flow.Get(x.RequestHeader, "Authorization")
		step, token := steps[x.ID]
		switch {
		case !sent && !token:
			if signed {
				out[i] = signedIn
			}
		case step == "1" || step == "init" && x.Status == 401, step == "" && tied(credentials) && x.Status == 401:
			out[i] = opening
		default:
			out[i] = carriesToken
			signed = signed || x.Status != 0 && x.Status != 401 && (token || tied(credentials))
		}
	}
	return out
}

// tied tells a scheme that signs in a connection (RFC 4559 section 6, MS-NTHT)
// from one whose credentials come with each request.
func tied(credentials string) bool {
	scheme, _, _ := strings.Cut(credentials, " ")
	return strings.EqualFold(scheme, "NTLM") || strings.EqualFold(scheme, "Negotiate")
}
