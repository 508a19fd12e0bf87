package gateway

import (
	"net/netip"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/waf"
)

// Judged is a request in which a rule of the WAF matched. It is valid during the
// call that it is given to.
type Judged struct {
	At       time.Time
	Site     string
	Exchange flow.ExchangeID
	Client   netip.Addr
	Method   string
	Host     string
	Target   string // as received
	Decision string // block, watch or pass; unjudged: it was answered before its body was judged
	Policy   *waf.Policy
	Verdict  *waf.Verdict
}

// audit tells of a verdict whoever wants to know of each. It does so before the
// client has the whole answer.
func (i *inspection) audit(v *waf.Verdict) {
	if i.rule.Audit == nil || len(v.Matches) == 0 {
		return
	}
	req, decision := i.r.facts.req, "pass"
	switch {
	case v.Interrupted != nil && i.rule.Policy.Mode == waf.Block:
		decision = "block"
	case v.Interrupted != nil:
		decision = "watch"
	case i.answered:
		decision = "unjudged"
	}
	i.rule.Audit(&Judged{At: time.Now(), Site: i.r.facts.does.Name, Exchange: i.r.x.ID(), Client: i.r.client(),
		Method: req.Method, Host: req.Host, Target: req.Target, Decision: decision, Policy: &i.rule.Policy, Verdict: v})
}
