package gateway

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// pump sends a request body that did not come with its head, in a goroutine of
// its own, while the response is awaited.
type pump struct {
	k      *carriage
	ended  chan struct{}
	whole  atomic.Bool // everything was sent
	cut    atomic.Bool // we ended it
	fault  *httpconn.BodyFault
	failed error // of a write to the origin
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
	chunked := k.x.Request().Length < 0
	if len(k.small) > 0 {
		p.write(k.small, chunked)
	}
	for p.failed == nil && !k.whole {
		n, err := k.x.ReadBody((*buf)[headRoom : len(*buf)-2])
		if n > 0 {
			p.send(*buf, n, chunked)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.lost(err)
			return
		}
	}
	p.finish(chunked)
}

// headRoom is what a chunk's size line may take before the data, so that a
// chunk leaves in one write.
const headRoom = 16

func (p *pump) send(buf []byte, n int, chunked bool) {
	if !chunked {
		p.write(buf[headRoom:headRoom+n], false)
		return
	}
	var scratch [headRoom]byte
	head := httpwire.AppendChunkHead(scratch[:0], n)
	start := headRoom - len(head)
	copy(buf[start:], head)
	copy(buf[headRoom+n:], "\r\n")
	if p.failed == nil {
		p.failed = p.k.conn.Write(buf[start:headRoom+n+2], n, p.k.o.Timeouts.Send)
	}
}

func (p *pump) write(data []byte, chunked bool) {
	if p.failed != nil {
		return
	}
	if chunked {
		p.failed = p.k.conn.Write(httpwire.AppendChunk(nil, data), len(data), p.k.o.Timeouts.Send)
		return
	}
	p.failed = p.k.conn.Write(data, len(data), p.k.o.Timeouts.Send)
}

func (p *pump) finish(chunked bool) {
	k := p.k
	if p.failed == nil && chunked {
		last := append(k.s.appendTrailers([]byte("0\r\n"), k.x.Trailers()), "\r\n"...)
		p.failed = k.conn.Write(last, 0, k.o.Timeouts.Send)
	}
	wait := k.o.Timeouts.FirstByte
	if p.failed != nil {
		wait = earlyWait // the origin closed; an answer it gave is on its way
	} else {
		k.conn.Sent()
		p.whole.Store(true)
	}
	if wait > 0 && !k.headed.Load() {
		_ = k.conn.Transport().SetReadDeadline(time.Now().Add(wait)) // fails only when it is closed already
	}
}

// earlyWait is how long an origin that stopped reading may take to be heard.
const earlyWait = 2 * time.Second

// lost ends the origin's wait for a body that will not come.
func (p *pump) lost(err error) {
	if p.cut.Load() {
		return
	}
	if !errors.As(err, &p.fault) {
		p.fault = &httpconn.BodyFault{Cause: err.Error(), Gone: true}
	}
	p.k.conn.Interrupt("the client did not send the whole request body")
}

func (p *pump) done() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *pump) sentAll() bool { return p.whole.Load() }

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

// interrupt ends the pump's waits on both sides.
func (p *pump) interrupt() {
	if !p.done() {
		p.cut.Store(true)
		p.k.conn.Interrupt("the exchange ended before the end of the request")
		p.k.x.StopBody()
	}
}

// wait gives the client's fault, if it was one.
func (p *pump) wait() *httpconn.BodyFault {
	<-p.ended
	return p.fault
}

// firstByteLimit bounds the wait for a response head; while the body is still
// being sent the pump sets the limit when it has done its part.
func (k *carriage) firstByteLimit() time.Duration {
	if k.pump != nil && !k.pump.done() {
		return 0
	}
	return k.o.Timeouts.FirstByte
}
