package gateway

import (
	"fanlight/internal/httpconn"
	"fanlight/internal/origin"
)

// send writes the request head, and the body if it is here already; a longer
// body is sent by a pump while the response is awaited, so that an early
// response is not lost. again asks for another connection: nothing was sent on
// this one.
func (k *carriage) send() (f *origin.Failure, again bool) {
	s, leg := k.s, k.leg
	req := k.x.Request()
	k.r.phase.Store(phaseFirstByte)
	k.r.head = s.g.Buffers.Body()
	defer k.r.putHead()
	k.leaves(req)
	b := leg.Start((*k.r.head)[:0], &k.out)
	b = s.appendRequestFields(b, req, &k.route.request, &k.r.facts)
	b = leg.Head(b)
	if k.bound {
		k.authorization(req.Head)
	}
	if again, err := leg.Send(b, k.small, k.whole); err != nil {
		if again {
			return nil, true
		}
		// A response may have come before the end of the request.
		return k.early(err), false
	}
	if !k.whole {
		k.pump = startPump(k)
	}
	return nil, false
}

// leaves notes what the request is for the origin.
func (k *carriage) leaves(req *httpconn.Request) {
	host := k.host
	if k.route.request.dropName("Host") {
		host = "" // the site's rules say what it is, if anything
	}
	k.out = httpconn.Out{ID: k.out.ID, Parent: k.x.ID(), Method: req.Method, Scheme: k.o.Scheme(), Host: host, Target: k.r.target,
		Upgrade: upgradeOf(req), Length: req.Length, Declared: req.Head.Has("Content-Length"), Left: k.r.left}
	k.out.Trailers = k.leg.Shared() && req.Head.HasToken("TE", "trailers")
}

// early turns a failed write into a failure, unless the origin may have
// answered before it closed: then receive tells more.
func (k *carriage) early(err error) *origin.Failure {
	if k.leg.Reused() || origin.IsTimeout(err) {
		return k.leg.Fail(origin.PhaseSend, err)
	}
	k.unsent = err
	return nil
}
