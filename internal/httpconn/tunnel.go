package httpconn

import (
	"errors"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

func (x *exchange) Tunnel(status int, fields []byte, protocol string) (ClientTunnel, error) {
	c := x.c
	if x.responded {
		return nil, errResponded
	}
	if !x.bodyDone.Load() {
		// What is left of the body would be taken for the tunnel's (RFC 9110
		// section 7.8).
		return nil, errors.New("open tunnel: the request body was not read to its end")
	}
	x.responded = true
	c.closeAfter.Store(true)
	now := time.Now()
	reason := httpwire.StatusText(status)
	c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.Response, From: flow.Server, Status: status, Text: reason, Header: fields})
	b := append(append(httpwire.AppendStatusLine(nil, status, reason), fields...), crlf...)
	if err := errors.Join(c.append(b), c.flush()); err != nil {
		return nil, err
	}
	c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.Tunnel, Text: protocol})
	c.log.Flush()                     // a tunnel may last for days
	_ = c.nc.SetDeadline(time.Time{}) // fails only on a closed connection; the next read says so
	x.finished = true
	x.tunnel = &tunnel{c: c}
	return x.tunnel, nil
}

// tunnel is the client's side of a tunnel: what was read ahead, then the
// connection. One goroutine may read while another writes.
type tunnel struct {
	c      *Conn
	closed atomic.Bool
}

func (t *tunnel) Read(p []byte) (int, error) {
	if c := t.c; c.r < c.w {
		n := copy(p, (*c.buf)[c.r:c.w])
		c.r += n
		return n, nil
	}
	return t.c.nc.Read(p)
}

func (t *tunnel) Write(p []byte) (int, error) { return t.c.nc.Write(p) }
func (t *tunnel) CloseWrite() error           { return t.c.nc.CloseWrite() }

// SetDeadline bounds reads and writes, that wait already too.
func (t *tunnel) SetDeadline(at time.Time) error { return t.c.nc.SetDeadline(at) }

// Close ends the exchange and the connection.
func (t *tunnel) Close() error {
	t.over()
	return t.c.nc.Close()
}

// over records the end of the exchange before that of the connection.
func (t *tunnel) over() {
	if t.closed.CompareAndSwap(false, true) {
		t.c.broken.Store(true)
		t.c.x.done(flow.Complete)
	}
}
