package origin

import (
	"errors"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// Leg is one exchange with an origin: on an HTTP/1.1 connection that it has for
// itself meanwhile, or on a stream of an HTTP/2 connection that others share. It
// keeps the origin's timeouts, and says what a failure means. One goroutine
// uses it, except that SendBody and SendEnd may run while ReadHead and ReadBody
// do, and Interrupt with everything.
type Leg struct {
	httpconn.Outgoing
	conn   *Conn
	stream *httpconn.H2Stream // what Outgoing is on a connection that is shared, else nil
	id     flow.ExchangeID
	whole  atomic.Bool // the request was sent to its end
	headed atomic.Bool // the final head has come
	asked  bool        // ReadHead was called
}

// Origin is where it leads.
func (l *Leg) Origin() *Origin { return l.conn.origin }

// Shared reports whether the connection carries other exchanges meanwhile, by
// HTTP/2.
func (l *Leg) Shared() bool { return l.stream != nil }

// Conn is the connection that the exchange has for itself, and can be tied to
// a client by Pin; nil for one that others share.
func (l *Leg) Conn() *Conn {
	if l.stream != nil {
		return nil
	}
	return l.conn
}

// Pinned reports whether the connection belongs to one client.
func (l *Leg) Pinned() bool { return l.stream == nil && l.conn.pinned }

// Reused reports whether the connection had carried an exchange before.
func (l *Leg) Reused() bool {
	if l.stream != nil {
		return l.stream.Reused()
	}
	return l.conn.Served() > 1
}

// Start is that of Outgoing.
func (l *Leg) Start(b []byte, out *httpconn.Out) []byte {
	l.id, l.asked = out.ID, false
	l.whole.Store(false)
	l.headed.Store(false)
	if l.stream == nil {
		l.conn.BeginExchange()
	}
	return l.Outgoing.Start(b, out)
}

// Send is that of Outgoing. again tells that the connection had ended, or that
// the origin had said something unasked: nothing was sent, the connection is
// closed, and another can have the request. An HTTP/2 connection that ended
// before its first exchange is no reason to try the next, which may end as soon:
// ReadHead says why it ended.
func (l *Leg) Send(b, body []byte, whole bool) (again bool, err error) {
	c := l.conn
	err = l.Outgoing.Send(b, body, whole, c.origin.Timeouts.Send)
	if err == nil && whole {
		l.whole.Store(true)
	}
	if !errors.Is(err, httpconn.ErrNotSent) || c.stopped.Load() {
		return false, err
	}
	switch {
	case l.stream != nil && !l.stream.Reused():
		return false, err
	case l.stream != nil:
		l.stream.End()
		return true, err
	}
	why := spokeIdle
	if c.tap.PeerGone() {
		why = closedIdle
	}
	c.Close(why)
	return true, err
}

// SendBody is that of Outgoing.
func (l *Leg) SendBody(buf []byte, n int) error {
	return l.Outgoing.SendBody(buf, n, l.conn.origin.Timeouts.Send)
}

// earlyWait is how long an origin that stopped reading may take to be heard.
const earlyWait = 2 * time.Second

// SendEnd is that of Outgoing. The wait for the response begins with it.
func (l *Leg) SendEnd(trailers []byte) error {
	if l.stream != nil && l.conn.origin.noTrailers.Load() {
		trailers = nil
	}
	err := l.Outgoing.SendEnd(trailers, l.conn.origin.Timeouts.Send)
	if err == nil {
		l.whole.Store(true)
		l.await(l.conn.origin.Timeouts.FirstByte)
	}
	return err
}

// Unsent notes that the origin takes no more of the request: an answer it gave
// is on its way.
func (l *Leg) Unsent() { l.await(earlyWait) }

func (l *Leg) await(limit time.Duration) {
	if limit > 0 && !l.headed.Load() {
		l.AwaitHead(limit)
	}
}

// Whole reports whether the request was sent to its end.
func (l *Leg) Whole() bool { return l.whole.Load() }

// ReadHead is that of Outgoing. The limit of the wait counts once, from the end
// of the request: an interim response does not give the origin more time.
func (l *Leg) ReadHead() (*httpwire.Head, error) {
	limit := time.Duration(0)
	if !l.asked && l.whole.Load() {
		limit = l.conn.origin.Timeouts.FirstByte
	}
	l.asked = true
	h, err := l.Outgoing.ReadHead(limit)
	if err == nil && (h.Status >= 200 || h.Status == 101) {
		l.headed.Store(true)
	}
	return h, err
}

// ReadBody is that of Outgoing.
func (l *Leg) ReadBody(p []byte) (int, error) {
	return l.Outgoing.ReadBody(p, l.conn.origin.Timeouts.Between)
}

// Fail turns an error of the exchange into a Failure, records it and ends what
// carried it.
func (l *Leg) Fail(phase string, err error) *Failure {
	if l.stream != nil {
		return l.failStream(phase, err)
	}
	return l.conn.Fail(l.id, phase, err)
}

// Release ends an exchange whose response is whole. What carried it serves the
// next one, of this client if it is pinned, unless it cannot: then it is closed,
// and kept is false.
func (l *Leg) Release() (kept bool) {
	c := l.conn
	switch {
	case l.stream != nil:
		l.stream.End()
	case !c.End():
		c.Close("not reusable")
		return false
	case !c.pinned:
		c.origin.Put(c)
	}
	return true
}

// Abandon ends the exchange before its end.
func (l *Leg) Abandon(why string) {
	if l.stream != nil {
		l.stream.End()
		return
	}
	l.conn.Close(why)
}

// Interrupt ends waits of the exchange, now and later, from another goroutine.
// It is good for nothing but Fail and Abandon afterwards.
func (l *Leg) Interrupt(why string) {
	if l.stream != nil {
		l.stream.Interrupt()
		return
	}
	l.conn.Interrupt(why)
}
