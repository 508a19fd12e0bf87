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
	p := &i.rule.Policy
	most := p.LongestBody(req.Head)
	if req.Length > int64(most) {
		if !i.mayBeLonger("request body of " + strconv.FormatInt(req.Length, 10) + " bytes is longer than the " + i.longest(most)) {
			return false
		}
		most = p.BodyLimit
	}
	if body, all := i.Exchange.Buffered(); all {
		i.held, i.borrowed, i.whole = body, true, true
	} else if !i.rests() {
		return i.heldTooMuch()
	} else if !i.hold(most + 1) {
		return false
	}
	i.sees = p.Sees(req.Head, i.held)
	if i.whole && i.sees < len(i.held) && len(i.held) <= most {
		return i.mayBeLonger("request body has more beside its files than the " + strconv.Itoa(p.BodyLimit) + " bytes that it looks at")
	}
	return true
}

// longest tells how long a body may be.
func (i *inspection) longest(most int) string {
	if most > i.rule.Policy.BodyLimit {
		return strconv.Itoa(most) + " bytes that it takes with files"
	}
	return strconv.Itoa(most) + " bytes that it looks at"
}

// hold reads up to most bytes, one more than are taken, so that a body is known
// to be longer.
func (i *inspection) hold(most int) bool {
	for len(i.held) < most && !i.whole {
		if len(i.held) == cap(i.held) && !i.grow(most) {
			return i.heldTooMuch()
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
	return len(i.held) < most || known || i.mayBeLonger("request body is longer than the "+i.longest(most-1))
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

// take counts memory of what the door may hold in all. Nobody gets more than is
// left for others: a few long uploads that come slowly must not keep short
// requests from being judged.
func (i *inspection) take(bytes int) bool {
	g, more := i.r.s.g, int64(bytes)
	if now := g.held.Add(more); g.Inspected > 0 && now+i.taken+more > g.Inspected {
		g.held.Add(-more)
		return false
	}
	i.taken += more
	return true
}

// mayBeLonger refuses a body that is longer than the WAF takes, unless its
// beginning is enough. Who only watches tells that it would be refused.
func (i *inspection) mayBeLonger(why string) bool {
	p := &i.rule.Policy
	why = refuses(p) + "the request: " + why + " on " + i.r.facts.route.title
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
