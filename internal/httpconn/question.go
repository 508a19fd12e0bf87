package httpconn

import (
	"errors"
	"time"
)

// Asker is a connection that, before it sends a request, can see that the peer
// has said nothing unasked, and that waits for the answer: see tap.Conn.Ask.
type Asker interface {
	Ask(write func() error) error
}

// ErrNotSent is wrapped by the error of Send if nothing of the request was sent,
// since the connection is not fit for it: another can have it, whatever it asks.
var ErrNotSent = errors.New("request not sent")

// question is a request that is sent only if the origin has said nothing
// unasked.
type question struct {
	asker Asker // nil: requests are sent without a look
	wait  time.Duration

	head, body []byte
	limit      time.Duration
	write      func() error // writeQuestion, kept here so that asking allocates nothing
	written    bool         // write was called, so that the request began
	unsent     error        // of writing it

	bounded bool  // the wait for the answer is bounded already
	failed  error // what it gave instead of one
}

// Ask has the next request, all of which must be given to Send, be sent only if
// the origin has said nothing unasked; Send then also waits for the response,
// bounded by wait; 0 does not. a is below the connection's transport.
func (c *Client) Ask(a Asker, wait time.Duration) { c.question.asker, c.question.wait = a, wait }

// put asks the question. The error is of the request; what is wrong with the
// response is for ReadHead to tell.
func (c *Client) put(head, body []byte, limit time.Duration) error {
	q := &c.question
	a := q.asker
	q.asker, q.head, q.body, q.limit = nil, head, body, limit
	q.written, q.unsent = false, nil
	err := a.Ask(q.write)
	q.head, q.body = nil, nil
	switch {
	case !q.written:
		return errors.Join(ErrNotSent, err)
	case q.unsent != nil:
		return q.unsent
	}
	q.failed = err
	return nil
}

func (c *Client) writeQuestion() error {
	q, out := &c.question, c.out
	q.written = true
	c.begin(out, q.head[:len(q.head)-len(crlf)])
	q.unsent = c.send(q.head, q.body, true, q.limit)
	if q.bounded = q.unsent == nil && q.wait > 0; q.bounded {
		c.boundRead(c.now().Add(q.wait))
	}
	if out.Left != nil {
		out.Left()
	}
	return q.unsent
}
