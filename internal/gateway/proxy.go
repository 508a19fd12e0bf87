package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"fanlight/internal/authwire"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// carriage is one exchange on its way to an origin. Each session has one and
// uses it again, so that an exchange allocates none.
type carriage struct {
	s     *session
	x     httpconn.Exchange
	does  *Site
	route *Route
	o     *origin.Origin
	host  string // Host field for the origin
	small []byte // the whole request body, if it came with the head
	whole bool   // small is all of it
	conn  *origin.Conn
	id    flow.ExchangeID // of the origin exchange
	pump  *pump           // nil: the body is sent, or there is none

	headed atomic.Bool // the final response head has come
	unsent error       // of writing the request to a new connection
}

// proxy carries an exchange to an origin and back.
func (s *session) proxy(x httpconn.Exchange, does *Site, route *Route) {
	s.carriage = carriage{s: s, x: x, does: does, route: route, o: route.next()}
	k := &s.carriage
	k.host = hostFor(route, k.o, x.Request().Host)
	k.small, k.whole = x.Buffered()
	for fresh := false; ; fresh = true {
		f := k.attempt(fresh)
		if f == nil {
			return
		}
		if !k.mayRetry(f, fresh) {
			k.giveUp(f)
			return
		}
		s.g.Metrics.Retries.Add(1)
		x.Log().Add(flow.Event{At: time.Now(), Exchange: x.ID(), Kind: flow.Retry, Text: f.Error()})
	}
}

// mayRetry allows one more try of a request whose reused connection died
// before a byte of a response came: idempotent methods only (RFC 9110 section
// 9.2.2), with a body that can be sent again. A connection that belongs to the
// client is not replaced: the sign-in died with it.
func (k *carriage) mayRetry(f *origin.Failure, fresh bool) bool {
	if fresh || !f.Dead || !k.whole || k.conn.Pinned() || k.s.gone.Load() {
		return false
	}
	return idempotent(k.x.Request().Method)
}

func idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

func (k *carriage) giveUp(f *origin.Failure) {
	s := k.s
	switch {
	case s.gone.Load():
		s.g.Metrics.responded(0)
		k.x.Truncate("client gave up before the response")
	case f.Given:
		k.x.Truncate("ended from outside")
	case f.Dead && k.conn != nil && k.conn.Pinned() && !k.x.Responded():
		// As without a door: the client sees its connection end and signs in
		// again on a new one.
		k.x.Truncate("the origin closed the connection this client had signed in on")
	case f.Dead && !idempotent(k.x.Request().Method):
		s.fail(k.x, f.Status, f.Error()+"; "+k.x.Request().Method+" is not sent twice")
	default:
		s.fail(k.x, f.Status, f.Error())
	}
}

// attempt makes one try. A failure that was answered already, or that is the
// client's, is nil.
func (k *carriage) attempt(fresh bool) *origin.Failure {
	if f := k.connect(fresh); f != nil {
		return f
	}
	k.id = k.s.g.Recorder.NextExchange()
	k.s.leg.Store(uint64(k.id))
	k.s.waiting.Store(k.conn)
	defer k.s.waiting.Store(nil)
	if f := k.send(); f != nil {
		return k.settle(f)
	}
	return k.settle(k.receive())
}

// settle waits for the sender of the body, and for its word on whose fault a
// failure is.
func (k *carriage) settle(f *origin.Failure) *origin.Failure {
	p := k.pump
	if p == nil {
		return f
	}
	k.pump = nil
	p.interrupt() // does nothing after a whole exchange, whose pump has ended
	clientFault := p.wait()
	switch {
	case f == nil:
		return nil
	case clientFault == nil:
		return f
	case k.x.Responded():
		k.x.Truncate(clientFault.Cause)
	default:
		k.answerClientFault(clientFault)
	}
	return nil
}

func (k *carriage) answerClientFault(fault *httpconn.BodyFault) {
	if fault.Gone || fault.Status == 0 {
		k.s.g.Metrics.responded(0)
		k.x.Truncate(fault.Cause)
		return
	}
	k.x.CloseAfter(fault.Cause)
	k.s.fail(k.x, fault.Status, fault.Cause)
}

// connect finds the connection: the one this client signed in on, one of the
// pool, or a new one.
func (k *carriage) connect(fresh bool) *origin.Failure {
	host := k.x.Request().Host
	if c := k.s.pinned[k.o]; c != nil {
		k.conn = c
		return nil
	}
	if !fresh {
		if k.conn = k.o.Take(host); k.conn != nil {
			return nil
		}
	}
	return k.dial(host)
}

func (k *carriage) dial(host string) *origin.Failure {
	s := k.s
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.phase.Store(phaseConnect)
	s.dialing.Store(&cancel)
	c, err := k.o.Dial(ctx, host, k.x.Log().ID())
	s.dialing.Store(nil)
	if err == nil {
		s.g.Metrics.Origins.Add(1)
		k.conn = c
		return nil
	}
	k.conn = nil
	var f *origin.Failure
	if errors.As(err, &f) {
		return f
	}
	return &origin.Failure{Origin: k.o.Name, Phase: origin.PhaseConnect, Err: err, Status: 502}
}

// send writes the request head, and the body if it is here already; a longer
// body is sent by a pump while the response is awaited, so that an early
// response is not lost.
func (k *carriage) send() *origin.Failure {
	s, x, c := k.s, k.x, k.conn
	req := x.Request()
	s.phase.Store(phaseFirstByte)
	buf := s.g.Buffers.Body()
	defer s.g.Buffers.PutBody(buf)
	b := httpwire.AppendRequestLine((*buf)[:0], req.Method, originTarget(req))
	start := len(b)
	b = s.appendRequestFields(b, req, k.does, k.host)
	b = appendRequestFraming(b, req)
	fields := b[start:]
	c.BeginExchange()
	c.Begin(k.id, x.ID(), req.Method, req.Target, fields, c.Idle())
	k.authorization(req.Head)
	b = append(b, '\r', '\n')
	inline := k.whole && len(k.small) <= cap(b)-len(b)
	if inline {
		b = append(b, k.small...)
	}
	if err := c.Write(b, len(b)-start-len(fields)-2, k.o.Timeouts.Send); err != nil {
		// A response may have come before the end of the request.
		return k.early(err)
	}
	switch {
	case inline:
		c.Sent()
	case k.whole:
		if err := c.Write(k.small, len(k.small), k.o.Timeouts.Send); err != nil {
			return k.early(err)
		}
		c.Sent()
	default:
		c.NoReadLimit() // one of the exchange before must not end this one's body
		k.pump = startPump(k)
	}
	return nil
}

// early turns a failed write into a failure, unless the origin may have
// answered before it closed: then receive tells more.
func (k *carriage) early(err error) *origin.Failure {
	if k.conn.Served() > 1 || origin.IsTimeout(err) {
		return k.conn.Fail(k.id, origin.PhaseSend, err)
	}
	k.unsent = err
	return nil
}

// originTarget is the request target for an origin: origin-form, also when the
// client sent the absolute form.
func originTarget(req *httpconn.Request) string {
	t := req.Target
	if len(t) == 0 || t[0] == '/' || t[0] == '*' {
		return t
	}
	_, rest, _ := strings.Cut(t, "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		if rest[i] == '?' {
			return "/" + rest[i:]
		}
		return rest[i:]
	}
	return "/"
}

func appendRequestFraming(b []byte, req *httpconn.Request) []byte {
	switch {
	case req.Length < 0:
		return append(b, "Transfer-Encoding: chunked\r\n"...)
	case req.Length > 0 || req.Head.Has("Content-Length"):
		return fmt.Appendf(b, "Content-Length: %d\r\n", req.Length)
	}
	return b
}

// authorization ties the connection to the client when the request carries a
// token that authenticates connections, in whichever of several fields: nobody
// knows which one the origin takes.
func (k *carriage) authorization(h *httpwire.Head) {
	for i := range h.Fields {
		f := h.Fields[i]
		if !signsIn(h.Bytes(f.Name)) {
			continue
		}
		value := h.Bytes(f.Value)
		if !authwire.ConnectionBound(value) {
			continue
		}
		token := authwire.ParseAuthorization(value)
		k.token(flow.Client, token)
		k.s.tie(k.conn, token.Scheme)
	}
}

func signsIn(name []byte) bool {
	switch len(name) {
	case 13:
		return equalFold(name, "Authorization")
	case 19:
		return equalFold(name, "Proxy-Authorization")
	}
	return false
}

// challenge does the same for a response.
func (k *carriage) challenge(h *httpwire.Head) {
	if h.Status != 401 && h.Status != 407 && !h.Has("WWW-Authenticate") {
		return
	}
	for i := range h.Fields {
		f := h.Fields[i]
		name := h.Bytes(f.Name)
		if !equalFold(name, "WWW-Authenticate") && !equalFold(name, "Proxy-Authenticate") {
			continue
		}
		value := h.Bytes(f.Value)
		if !authwire.ConnectionBound(value) {
			continue
		}
		for _, token := range authwire.ParseChallenge(value) {
			if token.ConnectionBound {
				k.token(flow.Server, token)
				k.s.tie(k.conn, token.Scheme)
			}
		}
	}
}

// token records an authentication step on both legs, never the token.
func (k *carriage) token(from flow.Side, t authwire.Token) {
	step := ""
	if t.Step > 0 {
		step = fmt.Sprint(t.Step)
	}
	e := flow.Event{At: time.Now(), Kind: flow.AuthToken, From: from, Text: t.Scheme, Attrs: flow.Attrs("mech", t.Mech, flow.KeyStep, step)}
	e.Exchange = k.id
	k.conn.Log().Add(e)
	e.Exchange = k.x.ID()
	k.x.Log().Add(e)
}
