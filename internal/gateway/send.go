package gateway

import (
	"strconv"
	"strings"

	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// send writes the request head, and the body if it is here already; a longer
// body is sent by a pump while the response is awaited, so that an early
// response is not lost.
func (k *carriage) send() *origin.Failure {
	s, x, c := k.s, k.x, k.conn
	req := x.Request()
	k.r.phase.Store(phaseFirstByte)
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
		b = append(b, "Content-Length: "...)
		return append(strconv.AppendInt(b, req.Length, 10), "\r\n"...)
	}
	return b
}
