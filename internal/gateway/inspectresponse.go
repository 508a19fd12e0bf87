package gateway

import (
	"bytes"
	"errors"
	"strconv"

	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/waf"
)

// Stages of the response to an exchange whose responses are judged.
const (
	unanswered = iota
	judging    // its head, and as much of its body as rules see, is held
	answered   // it passes as it comes
	replaced   // it was refused, and another given in its place
)

// answer is a response that is held.
type answer struct {
	status int
	reason string
	fields []byte
	length int64
	body   []byte
}

var errReplaced = errors.New("the WAF refused the response")

// Respond judges the head of a response. One whose body rules want to see is held
// until they have.
func (i *inspection) Respond(status int, reason string, fields []byte, length int64) error {
	if i.tx == nil {
		i.stage = answered
		return i.Exchange.Respond(status, reason, fields, length)
	}
	var head httpwire.Head
	_, err := head.ParseResponse(responseHead(status, reason, fields), httpwire.Limits{HeadBytes: 1 << 30, Fields: 1 << 20})
	if err != nil {
		i.failure = err
		return i.unjudgedResponse(func() error { return i.respond(status, reason, fields, length) })
	}
	holds := false
	by := i.guarded(func() *waf.Interruption {
		if by := i.tx.ResponseHeaders(&head); by != nil {
			return by
		}
		if holds = i.tx.WantsResponseBody() && i.mayHold(status, &head, length); !holds {
			return i.tx.ResponseBody(nil)
		}
		return nil
	})
	switch {
	case i.failure != nil:
		return i.unjudgedResponse(func() error { return i.respond(status, reason, fields, length) })
	case by != nil:
		return i.replace(by)
	case holds:
		i.stage = judging
		i.answer = answer{status: status, reason: reason, fields: bytes.Clone(fields), length: length}
		return nil
	}
	i.conclude()
	i.stage = answered
	return i.respond(status, reason, fields, length)
}

// respond lets a response go that was judged, and counts it.
func (i *inspection) respond(status int, reason string, fields []byte, length int64) error {
	i.r.s.g.Metrics.responded(status)
	return i.Exchange.Respond(status, reason, fields, length)
}

// responded counts an answer that goes to the client. One that is judged first
// may be replaced, and counts when it goes.
func (r *ride) responded(status int) {
	if i, judged := r.x.(*inspection); !judged || i.tx == nil {
		r.s.g.Metrics.responded(status)
	}
}

func responseHead(status int, reason string, fields []byte) []byte {
	b := append(append([]byte("HTTP/1.1 "+strconv.Itoa(status)+" "), reason...), "\r\n"...)
	return append(append(b, fields...), "\r\n"...)
}

// mayHold tells which bodies are not held: there is none, it is coded so that
// rules cannot read it, or it is a stream whose parts must not wait.
func (i *inspection) mayHold(status int, h *httpwire.Head, length int64) bool {
	kind, _, _ := bytes.Cut(h.Get("Content-Type"), []byte(";"))
	return status != 204 && status != 304 && length != 0 && i.r.facts.req.Method != "HEAD" &&
		!h.Has("Content-Encoding") && !equalFold(bytes.TrimSpace(kind), "text/event-stream")
}

func (i *inspection) Write(p []byte) (int, error) {
	switch i.stage {
	case judging:
	case replaced:
		return 0, errReplaced
	default:
		return i.Exchange.Write(p)
	}
	n := 0
	for n < len(p) && len(i.answer.body) < waf.ResponseLimit && i.room() {
		m := copy(i.answer.body[len(i.answer.body):cap(i.answer.body)], p[n:])
		i.answer.body = i.answer.body[:len(i.answer.body)+m]
		n += m
	}
	if n == len(p) {
		return n, nil
	}
	if err := i.judge(); err != nil {
		return n, err
	}
	m, err := i.Exchange.Write(p[n:])
	return n + m, err
}

// room tells whether more of the response can be held.
func (i *inspection) room() bool {
	body := i.answer.body
	if len(body) < cap(body) {
		return true
	}
	size := min(max(firstHeld, 2*cap(body)), waf.ResponseLimit)
	if !i.take(size - cap(body)) {
		return false
	}
	i.answer.body = append(make([]byte, 0, size), body...)
	return true
}

// judge has the rules see what is held of the response, and lets it go.
func (i *inspection) judge() error {
	by := i.inTurn(len(i.answer.body), func() *waf.Interruption { return i.tx.ResponseBody(i.answer.body) })
	switch {
	case i.failure != nil:
		return i.unjudgedResponse(i.letGo)
	case by != nil:
		return i.replace(by)
	}
	i.conclude()
	return i.letGo()
}

func (i *inspection) letGo() error {
	a := i.answer
	i.stage, i.answer = answered, answer{}
	if err := i.respond(a.status, a.reason, a.fields, a.length); err != nil {
		return err
	}
	if len(a.body) == 0 {
		return nil
	}
	_, err := i.Exchange.Write(a.body)
	return err
}

// replace answers in place of what was refused.
func (i *inspection) replace(by *waf.Interruption) error {
	v := i.conclude()
	i.stage, i.answer, i.r.x = replaced, answer{}, i.Exchange
	i.refuse(by, v)
	return errReplaced
}

// unjudgedResponse does what the policy says of a WAF that failed.
func (i *inspection) unjudgedResponse(pass func() error) error {
	if i.rule.passes() {
		i.failed()
		i.stage = answered
		return pass()
	}
	i.stage, i.answer, i.r.x = replaced, answer{}, i.Exchange
	i.failed()
	return errReplaced
}

// aside lets answers of our own pass unjudged.
func (i *inspection) aside() {
	if i.stage == unanswered {
		i.conclude()
		i.r.x = i.Exchange
	}
}

// Tunnel ends what the WAF looks at. A request that only asks for a tunnel and
// gets another answer is judged like any other, and so is the answer.
func (i *inspection) Tunnel(status int, fields []byte, protocol string) (httpconn.ClientTunnel, error) {
	i.conclude()
	i.stage = answered
	return i.Exchange.Tunnel(status, fields, protocol)
}

func (i *inspection) Responded() bool { return i.stage != unanswered || i.Exchange.Responded() }

func (i *inspection) Flush() error {
	if i.stage == judging || i.stage == replaced {
		return nil
	}
	return i.Exchange.Flush()
}

func (i *inspection) Finish(trailers []byte) error {
	if i.stage == judging {
		if err := i.judge(); err != nil {
			return err
		}
	}
	if i.stage == replaced {
		return nil // the other answer is whole
	}
	return i.Exchange.Finish(trailers)
}

// Truncate shows what is there of a response that the origin did not end.
func (i *inspection) Truncate(why string) {
	if i.stage == judging && i.judge() != nil || i.stage == replaced {
		return
	}
	i.Exchange.Truncate(why)
}
