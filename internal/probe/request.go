package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// answer is a response as it is told of.
type answer struct {
	status   int
	reason   string
	fields   []flow.Field
	bytes    int64
	cut      bool // the body was longer than is read
	reusable bool
	last     bool // the server said that it is the last on its connection
	late     string
}

const agent = "fanlight-probe"

// ask sends a GET on a connection and tells what came of it; nil: no response.
func (w *way) ask(ctx context.Context, c *origin.Conn, t *Target, name string) *answer {
	began := time.Now()
	id := w.rec.NextExchange()
	a, err := w.get(ctx, c, t, id)
	s := Step{Name: name, Conn: c.Log().ID(), Exchange: id}
	if err != nil {
		s.State, s.Result = Failed, w.exchangeFault(err)
		w.step(s, began)
		return nil
	}
	if c.AskedLate() {
		a.late = w.lateAnswer(c)
	}
	s.State, s.Result, s.Key, s.Fields = stateOf(a.status), a.String(), a.key(), a.fields
	w.step(s, began)
	return a
}

// get carries one exchange. An error is a *origin.Failure, which is recorded.
func (w *way) get(ctx context.Context, c *origin.Conn, t *Target, id flow.ExchangeID) (*answer, error) {
	defer context.AfterFunc(ctx, func() { c.Interrupt("probe: interrupted") })()
	c.BeginExchange()
	head := c.Start(nil, &httpconn.Out{ID: id, Method: "GET", Host: t.Authority(), Target: t.Path})
	head = httpwire.AppendField(head, "User-Agent", agent)
	head = c.Head(httpwire.AppendField(head, "Accept", "*/*"))
	if err := c.Send(head, nil, true, w.Timeout); err != nil {
		return nil, c.Fail(id, origin.PhaseSend, err)
	}
	a, err := w.head(c)
	if err != nil {
		return nil, c.Fail(id, origin.PhaseFirstByte, err)
	}
	if err := w.body(c, a); err != nil {
		return nil, c.Fail(id, origin.PhaseBetween, err)
	}
	a.reusable = c.End()
	return a, nil
}

// head reads the final head; one deadline bounds interim ones too.
func (w *way) head(c *origin.Conn) (*answer, error) {
	limit := w.Timeout
	for {
		h, err := c.ReadHead(limit)
		if err != nil {
			return nil, err
		}
		limit = 0
		if h.Status < 200 && h.Status != 101 {
			continue
		}
		return &answer{
			status: h.Status, reason: string(h.Bytes(h.Reason)), fields: flow.ParseFields(h.FieldLines()),
			last: !h.KeepAlive(),
		}, nil
	}
}

// body reads a body away. What is too long, or still coming after the time of
// a step, is cut: the connection is then a trial, as we end it.
func (w *way) body(c *origin.Conn, a *answer) error {
	buf := make([]byte, 32<<10)
	end := time.Now().Add(w.Timeout)
	for {
		n, err := c.ReadBody(buf, w.Timeout)
		a.bytes += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case a.bytes > maxBody || time.Now().After(end):
			a.cut = true
			w.out.trials[c.Log().ID()] = true
			return nil
		}
	}
}

func (w *way) exchangeFault(err error) string {
	var failure *origin.Failure
	if !errors.As(err, &failure) {
		return plain(err)
	}
	switch {
	case failure.Timeout && failure.Late:
		return fmt.Sprintf("no response within %s after the server asked for a renegotiation", w.Timeout)
	case failure.Timeout && failure.Phase == origin.PhaseFirstByte:
		return fmt.Sprintf("no response within %s", w.Timeout)
	case failure.Timeout:
		return fmt.Sprintf("not done within %s", w.Timeout)
	case failure.Dead:
		return "the server closed the kept connection as the request came"
	case failure.Reason != "":
		return strings.ReplaceAll(failure.Reason, "the peer", "the server")
	}
	return plain(failure)
}

func stateOf(status int) State {
	if status >= 500 {
		return Failed
	}
	if status >= 400 {
		return Told
	}
	return OK
}

func (a *answer) String() string {
	text := strconv.Itoa(a.status)
	if a.reason != "" {
		text += " " + a.reason
	}
	size := strconv.FormatInt(a.bytes, 10) + " bytes"
	if a.cut {
		size = "more than " + size + ", not read to the end"
	}
	text += ", " + size
	if server, ok := flow.Get(a.fields, "Server"); ok {
		text += ", Server: " + server
	}
	for _, name := range []string{"Location", "WWW-Authenticate"} {
		if v, ok := flow.Get(a.fields, name); ok {
			text += ", " + name + ": " + v
		}
	}
	return text
}

// key leaves out what is another each time.
func (a *answer) key() string {
	location, _ := flow.Get(a.fields, "Location")
	return strconv.Itoa(a.status) + " " + location
}

// again asks a second time on the same connection.
func (w *way) again(ctx context.Context, c *origin.Conn, t *Target, before *answer) {
	const name = "keep-alive"
	s := Step{Name: name, State: Told, Conn: c.Log().ID()}
	switch {
	case before.cut:
		s.State, s.Result = Skipped, "the first response was not read to its end"
	case before.last:
		s.Result = "no: the server said with its first response that it closes the connection"
	case !before.reusable:
		s.Result = "no: the end of the first response shows only by the end of the connection"
	case c.Gone():
		s.Result = "no: the server closed the connection after its first response without saying so"
	}
	if s.Result != "" {
		w.step(s, time.Time{})
		return
	}
	began := time.Now()
	s.Exchange = w.rec.NextExchange()
	a, err := w.get(ctx, c, t, s.Exchange)
	if err != nil {
		s.State, s.Result = Failed, w.exchangeFault(err)
		w.step(s, began)
		return
	}
	s.State, s.Result = OK, fmt.Sprintf("the same connection answered again: %d", a.status)
	w.step(s, began)
}
