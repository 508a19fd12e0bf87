package gateway

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"fanlight/internal/httpconn"
)

// pump sends a request body that did not come with its head, in a goroutine of
// its own, while the response is awaited.
type pump struct {
	k      *carriage
	ended  chan struct{}
	cut    atomic.Bool // we ended it
	fault  *httpconn.BodyFault
	failed error // of a write to the origin
	taken  int64 // bytes of the body
}

func startPump(k *carriage) *pump {
	p := &pump{k: k, ended: make(chan struct{})}
	go p.run()
	return p
}

func (p *pump) run() {
	defer close(p.ended)
	k := p.k
	buf := k.s.g.Buffers.Body()
	defer k.s.g.Buffers.PutBody(buf)
	for p.failed == nil {
		n, err := k.x.ReadBody((*buf)[httpconn.BodyRoom : len(*buf)-httpconn.BodyTail])
		if n > 0 && p.tooLong(n) {
			return
		}
		if n > 0 {
			p.failed = k.leg.SendBody(*buf, n)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.lost(err)
			return
		}
	}
	if p.failed == nil {
		p.failed = k.leg.SendEnd(k.trailers())
	}
	if p.failed != nil {
		k.leg.Unsent()
	}
}

// tooLong ends a body that is longer than its route allows; its length was not
// known before.
func (p *pump) tooLong(n int) bool {
	r := p.k.r
	if p.taken += int64(n); r.bodyLimit == 0 || p.taken <= r.bodyLimit {
		return false
	}
	p.lost(&httpconn.BodyFault{Status: 413, Cause: r.bodyTooLong()})
	return true
}

// lost ends the origin's wait for a body that will not come.
func (p *pump) lost(err error) {
	if p.cut.Load() {
		return
	}
	if !errors.As(err, &p.fault) {
		p.fault = &httpconn.BodyFault{Cause: err.Error(), Gone: true}
	}
	p.k.leg.Interrupt("the client did not send the whole request body")
}

func (p *pump) done() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// settleWait is how long a request body may go on after its response is whole
// before the connection is given up.
const settleWait = time.Second

// settle lets the pump finish for a while, then interrupts it.
func (p *pump) settle() {
	t := newTimer(settleWait)
	defer t.Stop()
	select {
	case <-p.ended:
	case <-t.C:
		p.k.x.CloseAfter(answeredEarly)
		p.interrupt()
		<-p.ended
	}
}

const answeredEarly = "the origin answered before the end of the request"

// interrupt ends the pump's waits on both sides. A client whose request has come
// whole keeps its connection.
func (p *pump) interrupt() {
	if !p.done() {
		p.cut.Store(true)
		p.k.leg.Interrupt("the exchange ended before the end of the request")
		p.k.x.StopBody()
	}
}

// wait gives the client's fault, if it was one.
func (p *pump) wait() *httpconn.BodyFault {
	<-p.ended
	return p.fault
}
