package origin

import (
	"errors"
	"io"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// phasePing names the wait of a whole HTTP/2 connection for a sign of life.
const phasePing = "ping"

// failStream is Fail for a stream: the others of its connection go on, unless
// the connection itself has ended.
func (l *Leg) failStream(phase string, err error) *Failure {
	o := l.conn.origin
	f := &Failure{Origin: o.Name, Phase: phase, Err: err, Status: 502}
	var end *httpconn.StreamEnd
	var silent *httpconn.Silent
	var stuck *httpconn.StuckWrite
	var breach *httpconn.H2Breach
	answered := l.Answered()
	switch {
	case errors.Is(err, httpconn.ErrInterrupted):
		f.Err, f.Given = errInterrupted, true
	case errors.As(err, &stuck):
		l.late(f, PhaseSend, o.Timeouts.Send)
	case errors.As(err, &silent):
		l.late(f, phasePing, silent.Limit)
		f.Reason = silent.Error()
	case errors.As(err, &end):
		f.Reason, f.Unprocessed = end.Error(), end.Unprocessed
		if end.WantsHTTP1() {
			l.wants1(f, "it answered HTTP_1_1_REQUIRED")
		}
		if end.Connection && l.stream.DislikesTrailers() {
			l.withoutTrailers()
		}
		f.Dead = end.Internal() && !end.Unprocessed && l.Reused() && !answered
		if o.HTTP == Auto && l.stream.DislikesCancels() {
			l.wants1(f, "it ended a connection of HTTP/2 by an error of its own after a stream on it was cancelled, with the streams of other clients")
		}
	case IsTimeout(err):
		l.late(f, phase, o.limit(phase))
	case errors.As(err, &breach) && breach.Name == httpwire.H2PrefaceMissing:
		f.Reason = "what the origin says first is not HTTP/2"
		f.Fix = "set `http: \"1.1\"` on this route"
	case phase == PhaseFirstByte && errors.Is(err, httpwire.ErrHeadTooLarge):
		o.headTooLarge(f)
	case errors.Is(err, httpconn.ErrBadResponse):
	case errors.Is(err, errRenegotiation2):
		f.Reason = "the origin asked for a renegotiation (mostly to get a client certificate), which HTTP/2 does not allow"
		l.wants1(f, "it asked for a renegotiation")
	case phase == PhaseFirstByte && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		f.Reason = "the origin closed without a response"
		f.Dead = l.Reused() && !answered
	default:
		f.Dead = l.Reused() && !answered
		l.conn.judge(f, err)
	}
	l.stream.End()
	return f
}

// late notes that a deadline fired.
func (l *Leg) late(f *Failure, phase string, limit time.Duration) {
	f.Timeout, f.Status, f.Phase, f.Limit = true, 504, phase, limit
	l.conn.origin.recordTimeout(l.Log(), l.id, phase, limit)
}

// wants1 notes that the origin is spoken to in HTTP/1.1 from now on.
func (l *Leg) wants1(f *Failure, why string) {
	f.WantsHTTP1 = true
	l.OnlyHTTP1(why)
}

// withoutTrailers has the origin get no trailers of requests from now on, and
// records it: they would end the exchanges of other clients again (RFC 9110,
// section 6.5.1, allows to discard them).
func (l *Leg) withoutTrailers() {
	o := l.conn.origin
	if o.noTrailers.Swap(true) {
		return
	}
	l.Log().Add(flow.Event{At: time.Now(), Exchange: l.id, Kind: flow.Decision, Attrs: flow.Attrs(flow.KeyBy, "origin"),
		Text: "no trailers of requests from now on to " + o.Name + ": it ended a connection of HTTP/2 on which some came"})
}

// OnlyHTTP1 has the origin spoken to in HTTP/1.1 from now on, and records it.
func (l *Leg) OnlyHTTP1(why string) {
	o := l.conn.origin
	o.OnlyHTTP1(why)
	l.Log().Add(flow.Event{At: time.Now(), Exchange: l.id, Kind: flow.Decision, Text: "HTTP/1.1 from now on with " + o.Name + ": " + why,
		Attrs: flow.Attrs(flow.KeyBy, "origin")})
}
