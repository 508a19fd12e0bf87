package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"fanlight/internal/httpconn"
	"fanlight/internal/waf"
)

// Protection is what the WAF does on a route.
type Protection struct {
	Engine waf.Engine
	Policy waf.Policy    // of the engine
	Types  []string      // media types of request bodies to look at, beside those that are always looked at; in lower case
	Pass   bool          // what the WAF fails at passes unseen
	Audit  func(*Judged) // is told of each request in which a rule matched, concurrently; nil: nobody is
}

// passes reports whether what the WAF cannot judge goes on; who only watches
// refuses nothing.
func (p *Protection) passes() bool { return p.Pass || p.Policy.Mode == waf.Watch }

// inspection stands between an exchange and what answers it: it has the WAF
// judge the request, and gives the part of its body that was held for that on,
// byte for byte.
type inspection struct {
	httpconn.Exchange
	r    *ride
	rule *Protection
	ask  waf.Request     // kept here so that asking allocates nothing
	tx   waf.Transaction // nil: the verdict is known, or the WAF failed

	held     []byte // the beginning of the body
	sees     int    // how many bytes of it rules see
	borrowed bool   // held is the connection's
	whole    bool   // held is all of it
	given    int    // of held
	taken    int64  // of what the door may hold in all
	kept     int    // of that, what the WAF itself keeps
	answered bool   // before the body was judged, so that nobody knows what the rules would have said
	unlooked string // why the body was not looked at, empty if it was, or if there is none

	stage  int // of the response
	answer answer

	failure error // of the WAF
}

// inspect asks the WAF; where it says no, the exchange is answered.
func (r *ride) inspect(rule *Protection) bool {
	if rule == nil {
		return true
	}
	if r.inspection == nil {
		r.inspection = &inspection{}
	}
	i := r.inspection
	*i = inspection{Exchange: r.x, r: r, rule: rule}
	if !i.request() {
		return false
	}
	r.x = i
	return true
}

// request judges the head before the body is asked for, and then the body.
func (i *inspection) request() bool {
	by := i.inTurn(len(i.r.facts.req.Head.Buf), func() *waf.Interruption {
		i.tx = i.rule.Engine.Begin(i.subject())
		return i.tx.Headers()
	})
	if by == nil && i.failure == nil {
		if !i.readBody() {
			i.answered = true
			i.conclude()
			return false
		}
		by = i.body()
	}
	goesOn := by == nil && i.rule.Policy.Responses // with the response
	if goesOn && i.failure == nil && !i.rests() {
		goesOn = i.heldTooMuch()
		i.conclude()
		return goesOn
	}
	if i.failure != nil {
		return i.failed()
	}
	if goesOn {
		return true
	}
	v := i.conclude()
	switch {
	case i.failure != nil:
		return i.failed()
	case by == nil:
		return true
	}
	i.refuse(by, v)
	return false
}

func (i *inspection) body() *waf.Interruption {
	if i.failure != nil { // while it waited for the body
		return nil
	}
	seen := i.seen()
	return i.inTurn(len(seen), func() *waf.Interruption { return i.tx.Body(seen, i.unseen()) })
}

// subject is the request as the client sent it.
func (i *inspection) subject() *waf.Request {
	s, req := i.r.s, i.r.facts.req
	protocol := "HTTP/1.1"
	switch {
	case i.Multiplexed():
		protocol = "HTTP/2.0"
	case req.Head.Minor == 0:
		protocol = "HTTP/1.0"
	case req.Head.Minor > 1:
		protocol = "HTTP/1." + strconv.Itoa(req.Head.Minor)
	}
	i.ask = waf.Request{Client: netip.AddrPortFrom(i.r.client(), s.remote.Port()), Server: s.local,
		Method: req.Method, Target: req.Target, Protocol: protocol, Host: req.Host, Head: req.Head}
	return &i.ask
}

// guarded calls the engine, which may fail in any way: a fault in it must not
// become an answer that nobody gave.
func (i *inspection) guarded(ask func() *waf.Interruption) *waf.Interruption {
	defer func() {
		if v := recover(); v != nil {
			i.tx = nil // nobody knows what state it is in
			if err, is := v.(error); is {
				i.failure = err
			} else {
				i.failure = fmt.Errorf("panic: %v", v)
			}
		}
	}()
	return ask()
}

// conclude ends the transaction and records what came of it.
func (i *inspection) conclude() (v *waf.Verdict) {
	if i.tx == nil {
		return nil
	}
	i.guarded(func() *waf.Interruption {
		v = i.tx.End()
		return nil
	})
	i.tx = nil
	if v != nil {
		i.record(v)
	}
	return v
}

// failed does what the policy says of an engine that failed.
func (i *inspection) failed() (passes bool) {
	return i.unjudged(500, byWAFFailure, "the WAF failed: "+i.failure.Error())
}

// unjudged is for an exchange that the WAF cannot judge.
func (i *inspection) unjudged(status int, by, cause string) (passes bool) {
	if !i.rule.passes() {
		i.r.refuse(status, by, cause)
		return false
	}
	i.r.s.g.Metrics.Fired.add(by)
	i.decided("pass: "+cause, by)
	return true
}

// seen is what rules see of the body.
func (i *inspection) seen() []byte { return i.held[:i.sees] }

// unseen is how many bytes they do not, -1 if that is not known.
func (i *inspection) unseen() int64 {
	switch n := int64(len(i.seen())); {
	case i.unlooked != "":
		return i.r.facts.req.Length
	case i.whole:
		return int64(len(i.held)) - n
	case i.r.facts.req.Length > 0:
		return i.r.facts.req.Length - n
	case i.r.facts.req.Length < 0:
		return -1
	}
	return 0
}

// Buffered gives the body if all of it was held. One whose length was not known
// keeps its framing, and one with trailers keeps them.
func (i *inspection) Buffered() (body []byte, all bool) {
	switch {
	case i.held == nil:
		return i.Exchange.Buffered()
	case !i.whole || i.given > 0 || i.r.facts.req.Length < 0 || len(i.Trailers()) > 0:
		return nil, false
	}
	i.given = len(i.held)
	return i.held, true
}

func (i *inspection) ReadBody(p []byte) (int, error) {
	if i.given < len(i.held) {
		n := copy(p, i.held[i.given:])
		i.given += n
		return n, nil
	}
	if i.whole && i.held != nil {
		return 0, io.EOF
	}
	return i.Exchange.ReadBody(p)
}

// release gives back what was held.
func (i *inspection) release() {
	if i == nil || i.r == nil {
		return
	}
	if i.tx != nil { // the exchange ended before its response
		i.conclude()
	}
	i.r.s.g.held.Add(-i.taken)
	*i = inspection{}
}

// clientFault answers a body that cannot be carried on, by the client's fault.
func (r *ride) clientFault(err error) {
	var fault *httpconn.BodyFault
	if !errors.As(err, &fault) {
		fault = &httpconn.BodyFault{Cause: err.Error(), Gone: true}
	}
	if fault.Gone || fault.Status == 0 {
		r.s.g.Metrics.responded(0)
		r.x.Truncate(fault.Cause)
		return
	}
	r.x.CloseAfter(fault.Cause)
	if fault.Status == 413 {
		r.refuseBody(fault.Cause)
		return
	}
	r.fail(fault.Status, fault.Cause)
}
