package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// checkOfferLost reports refusals that a gateway passed on without the offer to
// sign in, which the origin had made.
func checkOfferLost(p *explain.Pass) {
	for _, c := range p.Conns() {
		var f *explain.Finding
		for _, x := range c.Exchanges {
			made := lostOffer(p, x)
			if made == nil {
				continue
			}
			behind := p.Conn(made.Conn)
			if f == nil {
				f = &explain.Finding{
					Confidence: explain.Proof,
					Cause: fmt.Sprintf("%s refused %s and offered to sign in. The gateway passed the refusal on without the offer (WWW-Authenticate): no client can sign in.",
						peer(behind), asked(x)),
					Evidence: []explain.Evidence{explain.At(behind, findOf(behind, made, flow.Response), "answered 401, WWW-Authenticate: "+scheme(made)),
						explain.At(c, findOf(c, x, flow.Response), "answered 401 without it")},
				}
			}
			p.Blame(f, c, x)
			p.Blame(f, behind, made)
		}
		if f != nil {
			p.ReportAs(explain.Error, *f)
		}
	}
}

// lostOffer is the origin's answer to x if it offered to sign in and the
// client's did not; else nil.
func lostOffer(p *explain.Pass, x *flow.Exchange) *flow.Exchange {
	if x.Status != 401 || len(x.ResponseHeader) == 0 || scheme(x) != "" {
		return nil
	}
	y := lastTry(p, x)
	if y == nil || y.Status != 401 || scheme(y) == "" || guessed(y) {
		return nil
	}
	return y
}

// scheme is the first that a refusal offers, never what comes behind it, which
// may be a token.
func scheme(x *flow.Exchange) string {
	name, _, _ := strings.Cut(header(x.ResponseHeader, "WWW-Authenticate"), " ")
	return name
}
