package flow

import (
	"sync"
	"sync/atomic"
	"time"
)

// Sink takes the events of connections. Take must not block, must not wait for
// I/O, and must copy what it keeps: the batch is reused when Take returns. It
// is called concurrently. notable tells that the batch holds an event that may
// be worth an explanation.
type Sink interface {
	Take(conn ConnID, notable bool, events Batch)
}

// Recorder opens logs and gives out ids, unique in this process. The methods of
// a nil *Recorder work and record nothing, so that a door without recording
// runs the same code.
type Recorder struct {
	sink      Sink
	conns     atomic.Uint64
	exchanges atomic.Uint64
	buffers   buffers // that are written to
	parked    buffers // as long as what is in them
}

// NewRecorder makes a recorder that hands its batches to sink.
func NewRecorder(sink Sink) *Recorder {
	return &Recorder{sink: sink}
}

// Continue has ids given out after these, the last that were given before. It
// is called before any is given out.
func (r *Recorder) Continue(conn ConnID, exchange ExchangeID) {
	r.conns.Store(uint64(conn))
	r.exchanges.Store(uint64(exchange))
}

// Given are the last ids that were given out.
func (r *Recorder) Given() (ConnID, ExchangeID) {
	if r == nil {
		return 0, 0
	}
	return ConnID(r.conns.Load()), ExchangeID(r.exchanges.Load())
}

// Open starts the record of a connection with its Open event.
func (r *Recorder) Open(at time.Time, o Opening) *Log {
	if r == nil {
		return nil
	}
	l := &Log{rec: r, id: ConnID(r.conns.Add(1))}
	l.Add(Event{At: at, Kind: Open, Open: &o})
	return l
}

// NextExchange gives a new exchange id, 0 without recording.
func (r *Recorder) NextExchange() ExchangeID {
	if r == nil {
		return 0
	}
	return ExchangeID(r.exchanges.Add(1))
}

// Fact records an event about the machine, not tied to a connection.
func (r *Recorder) Fact(e Event) {
	if r == nil {
		return
	}
	e.Conn = 0
	r.sink.Take(0, true, Batch(nil).Append(&e))
}

// Log is the record of one connection: an append-only buffer that is handed to
// the sink at the end of each exchange. Its methods may be called concurrently
// and on a nil *Log, which records nothing.
//
// It is one line of a processor's cache: on a busy door its connection has left
// the caches between two events, and each further line is one more to wait for.
type Log struct {
	rec     *Recorder
	id      ConnID
	mu      sync.Mutex
	notable bool
	parked  bool // buf is of the parked ones
	buf     []byte
	home    *[]byte // in which buf goes back to the recorder; nil: there is no buf
}

// maxPending bounds what a connection may hold back; a long exchange with many
// events is handed over in parts.
const maxPending = 64 << 10

// ID is the connection's id, 0 without recording.
func (l *Log) ID() ConnID {
	if l == nil {
		return 0
	}
	return l.id
}

// Add appends an event, copying everything it points at. Conn is filled in.
func (l *Log) Add(e Event) {
	if l == nil {
		return
	}
	e.Conn = l.id
	l.mu.Lock()
	if l.home == nil || l.parked {
		l.open()
	}
	l.buf = Batch(l.buf).Append(&e)
	l.notable = l.notable || e.Notable() || e.Status >= 400
	if len(l.buf) >= maxPending {
		l.handOver()
	}
	l.mu.Unlock()
}

// Park says that nothing will be added for a while, as while a peer is waited
// for. What there is moves out of the buffer, into which others write meanwhile:
// one that was written to a moment ago is in the caches, and one that waited for
// an origin beside a thousand others is not.
func (l *Log) Park() {
	if l == nil {
		return
	}
	l.mu.Lock()
	if l.home != nil && !l.parked {
		l.move(l.rec.parked.get(0), &l.rec.buffers)
		l.parked = true
	}
	l.mu.Unlock()
}

// open has a buffer ready for what comes, behind what was parked; mu is held.
func (l *Log) open() {
	l.move(l.rec.buffers.get(bufferSize), &l.rec.parked)
	l.parked = false
}

// move puts what there is into another buffer and gives the one it was in back;
// mu is held.
func (l *Log) move(to *[]byte, from *buffers) {
	b := append(*to, l.buf...)
	if l.home != nil {
		from.put(l.home, l.buf)
	}
	l.home, l.buf = to, b
}

// Flush hands what was added to the sink. Called at the end of each exchange,
// when the connection closes, and by the sweeper for exchanges that hang.
func (l *Log) Flush() {
	if l == nil {
		return
	}
	l.mu.Lock()
	if l.home != nil {
		l.handOver()
	}
	l.mu.Unlock()
}

// handOver gives the sink what there is; mu is held.
func (l *Log) handOver() {
	l.rec.sink.Take(l.id, l.notable, l.buf)
	if l.parked {
		l.rec.parked.put(l.home, l.buf)
	} else {
		l.rec.buffers.put(l.home, l.buf)
	}
	l.buf, l.home, l.notable, l.parked = nil, nil, false, false
}

// bufferSize is what most exchanges need, and no power of two: buffers that
// begin at the same places of their pages would crowd each other out of caches.
const bufferSize = 1152

// buffers are kept to be used again, empty.
type buffers struct{ pool sync.Pool }

func (b *buffers) get(size int) *[]byte {
	if one, ok := b.pool.Get().(*[]byte); ok {
		return one
	}
	one := make([]byte, 0, size)
	return &one
}

// put gives a buffer back that may have grown since get.
func (b *buffers) put(one *[]byte, grown []byte) {
	if cap(grown) > 4*maxPending {
		return
	}
	*one = grown[:0]
	b.pool.Put(one)
}
