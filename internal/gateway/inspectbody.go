package gateway

import (
	"errors"
	"io"
	"strconv"

	"fanlight/internal/waf"
)

// readBody holds as much of the body as rules see. False: the exchange is
// answered.
func (i *inspection) readBody() bool {
	req := i.r.facts.req
	if req.Length == 0 {
		return true
	}
	if kind, looked := waf.LooksAt(req.Head.Get("Content-Type"), i.rule.Types); !looked {
		i.unlooked = kind
		return true
	}
	limit := i.rule.Policy.BodyLimit
	if req.Length > int64(limit) && !i.mayBeLonger("request body of "+strconv.FormatInt(req.Length, 10)+" bytes") {
		return false
	}
	if body, all := i.Exchange.Buffered(); all {
		i.held, i.borrowed, i.whole = body, true, true
		return true
	}
	return i.hold(limit + 1)
}

// hold reads up to most bytes, one more than rules see, so that a body is known
// to be longer.
func (i *inspection) hold(most int) bool {
	for len(i.held) < most && !i.whole {
		if len(i.held) == cap(i.held) && !i.grow(most) {
			return i.unjudged(503, byInspected, "the bodies that the WAF holds take more than the "+strconv.FormatInt(i.r.s.g.Inspected, 10)+" bytes of limits.inspected")
		}
		n, err := i.Exchange.ReadBody(i.held[len(i.held):min(cap(i.held), most)])
		i.held = i.held[:len(i.held)+n]
		switch {
		case errors.Is(err, io.EOF):
			i.whole = true
		case err != nil:
			i.r.clientFault(err)
			return false
		}
	}
	known := i.r.facts.req.Length > 0 // so that it was asked before
	return len(i.held) < most || known || i.mayBeLonger("request body")
}

// firstHeld is how much room a body gets at first: a client that announces a
// long one and sends none costs no more.
const firstHeld = 8 << 10

// grow doubles the room, if the door may hold so much.
func (i *inspection) grow(most int) bool {
	size := min(max(firstHeld, 2*cap(i.held)), most)
	if !i.take(size - cap(i.held)) {
		return false
	}
	i.held = append(make([]byte, 0, size), i.held...)
	return true
}

// take counts memory of what the door may hold in all.
func (i *inspection) take(bytes int) bool {
	g, more := i.r.s.g, int64(bytes)
	if now := g.held.Add(more); g.Inspected > 0 && now > g.Inspected {
		g.held.Add(-more)
		return false
	}
	i.taken += more
	return true
}

// mayBeLonger refuses a body that is longer than rules see, unless its beginning
// is enough. Who only watches tells that it would be refused.
func (i *inspection) mayBeLonger(body string) bool {
	p := &i.rule.Policy
	why := "the WAF refuses the request: " + body + " is longer than the " + strconv.Itoa(p.BodyLimit) + " bytes that it looks at on " + i.r.facts.route.title
	switch {
	case p.Partial:
		return true
	case p.Mode == waf.Watch:
		i.r.s.g.Metrics.Fired.add(byWAF + "-watch")
		i.decided("watch: "+why, byWAFBody)
		return true
	}
	i.r.x.CloseAfter("request body is longer than the WAF looks at")
	i.r.refuse(413, byWAFBody, why)
	return false
}
