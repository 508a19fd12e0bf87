// Package httpconn is the live HTTP/1.1 and HTTP/2 connection machines, server
// and client side, over any Transport; it emits exchange events.
//
// With HTTP/1.1 one goroutine carries a connection: it reads, parses in place,
// hands the exchange to a Handler and writes. Nothing here allocates for an
// ordinary small exchange. With HTTP/2 one goroutine reads, one carries each
// exchange, and who has something to send sends what others have as well.
// Handlers see Exchange, which has the habits of neither.
package httpconn

import (
	"net"
	"sync"
	"time"
)

// Transport carries an HTTP connection: TCP, or TLS over it.
type Transport interface {
	net.Conn
	CloseWrite() error // ends our direction
	Abort() error      // closes with a reset
	SetWhy(why string) // keeps the reason of the close for the record
}

// Limits protect the server side. A zero time means no limit, a zero size
// httpwire's.
type Limits struct {
	HeadBytes   int
	TargetBytes int
	HeadFields  int
	HeadTimeout time.Duration // for the whole head, from its first byte; for the first of a connection from its beginning
	BodyTimeout time.Duration // between two reads of a body
	BodyRate    int64         // bytes a second that a body must reach, beyond its first BodyTimeout of waiting; 0: none
	IdleTimeout time.Duration // between two requests
	Write       time.Duration // between two writes
	H2          H2Limits
}

const (
	headBuffer = 8 << 10  // read buffer of a connection that is not idle; grows to Limits.HeadBytes
	bodyBuffer = 32 << 10 // buffer for carrying bodies
	sendBuffer = 16 << 10 // write buffer: a head and a small body leave in one write
)

// pool keeps buffers of one size.
type pool struct {
	size int
	p    sync.Pool
}

func (p *pool) get() *[]byte {
	if b, ok := p.p.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, p.size)
	return &b
}

func (p *pool) put(b *[]byte) {
	if b != nil && cap(*b) == p.size {
		*b = (*b)[:p.size]
		p.p.Put(b)
	}
}

// Buffers are shared by the connections of a process so that idle connections
// hold none.
type Buffers struct {
	head, body, send, out pool
	streams               sync.Pool
}

// NewBuffers makes an empty set of pools.
func NewBuffers() *Buffers {
	return &Buffers{head: pool{size: headBuffer}, body: pool{size: bodyBuffer}, send: pool{size: sendBuffer}, out: pool{size: outSize}}
}

// Body borrows a buffer for carrying a body; give it back with PutBody.
func (b *Buffers) Body() *[]byte { return b.body.get() }

// Large borrows a buffer for carrying a body that is long: what it holds leaves
// in one write, also as TLS records. Give it back with PutLarge.
func (b *Buffers) Large() *[]byte { return b.out.get() }

// LargePiece is how much of a large buffer to fill: the rest is for what TLS
// adds.
const LargePiece = outSize - 256

// PutLarge gives a buffer back.
func (b *Buffers) PutLarge(buf *[]byte) { b.out.put(buf) }

// PutBody gives a buffer back.
func (b *Buffers) PutBody(buf *[]byte) { b.body.put(buf) }
