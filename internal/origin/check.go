package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// Check asks the origin for path on a connection of its own, with the server
// name and the Host that a request for host would have, and gives the status of
// the answer. ctx bounds all of it. The connection's record says that it was a
// health check, and what came of it.
func (o *Origin) Check(ctx context.Context, host, path string) (status int, err error) {
	end, bounded := ctx.Deadline()
	if !bounded {
		return 0, errUnbounded
	}
	limit := time.Until(end).Round(time.Millisecond)
	c, err := o.dial(ctx, host, 0, Ends{}, o.MayShare())
	if err != nil {
		return 0, err
	}
	leg := c.alone()
	if leg == nil {
		c.Close(errNoStream.Error())
		return 0, errNoStream
	}
	stop := context.AfterFunc(ctx, func() { leg.Interrupt("the check has taken too long") })
	defer stop()
	if status, err = leg.ask(host, path); err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("wait for %s: no whole answer within %s (timeout: check)", o.Name, limit)
	}
	verdict := "health check: "
	if err != nil {
		verdict += err.Error()
	} else {
		verdict += "status " + strconv.Itoa(status)
	}
	c.Log().Add(flow.Event{At: time.Now(), Kind: flow.Decision, Text: verdict, Attrs: flow.Attrs(flow.KeyBy, "health")})
	c.Close("health check done")
	return status, err
}

var errUnbounded = errors.New("a check needs a deadline")

// ask sends a request and reads the response, of a long body only what shows
// that it flows. It takes until Interrupt.
func (l *Leg) ask(host, path string) (status int, err error) {
	o := l.conn.origin
	out := &httpconn.Out{ID: o.Recorder.NextExchange(), Method: "GET", Scheme: o.Scheme(), Host: host, Target: path}
	buf := o.Buffers.Body()
	defer o.Buffers.PutBody(buf)
	b := l.Start((*buf)[:0], out)
	b = httpwire.AppendField(b, "User-Agent", "fanlight-health")
	b = l.Head(b)
	if err := l.Outgoing.Send(b, nil, true, 0); err != nil {
		return 0, l.Fail(PhaseSend, err)
	}
	for status < 200 {
		h, err := l.Outgoing.ReadHead(0)
		if err != nil {
			return 0, l.Fail(PhaseFirstByte, err)
		}
		status = h.Status
	}
	if _, err := l.Outgoing.ReadBody(*buf, 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, l.Fail(PhaseBetween, err)
	}
	return status, nil
}

// Scheme is https or http, by the connection.
func (o *Origin) Scheme() string {
	if o.Secure {
		return "https"
	}
	return "http"
}
