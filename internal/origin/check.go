package origin

import (
	"context"
	"errors"
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
	c, err := o.Dial(ctx, host, 0)
	if err != nil {
		return 0, err
	}
	end, bounded := ctx.Deadline()
	if !bounded {
		return 0, errUnbounded
	}
	stop := context.AfterFunc(ctx, func() { c.Interrupt("the check has taken too long") })
	defer stop()
	status, err = c.ask(host, path, time.Until(end))
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
// that it flows.
func (c *Conn) ask(host, path string, limit time.Duration) (status int, err error) {
	leg := c.Leg()
	out := &httpconn.Out{ID: c.origin.Recorder.NextExchange(), Method: "GET", Scheme: c.origin.scheme(), Host: host, Target: path}
	buf := c.origin.Buffers.Body()
	defer c.origin.Buffers.PutBody(buf)
	b := leg.Outgoing.Start((*buf)[:0], out)
	b = httpwire.AppendField(b, "User-Agent", "fanlight-health")
	b = leg.Head(b)
	if err := leg.Outgoing.Send(b, nil, true, limit); err != nil {
		return 0, c.Fail(out.ID, PhaseSend, err)
	}
	for status < 200 {
		h, err := leg.Outgoing.ReadHead(limit)
		if err != nil {
			return 0, c.Fail(out.ID, PhaseFirstByte, err)
		}
		status = h.Status
	}
	if _, err := leg.Outgoing.ReadBody(*buf, limit); err != nil && !errors.Is(err, io.EOF) {
		return 0, c.Fail(out.ID, PhaseBetween, err)
	}
	return status, nil
}

func (o *Origin) scheme() string {
	if o.Secure {
		return "https"
	}
	return "http"
}
