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
	buffers   sync.Pool
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
type Log struct {
	rec     *Recorder
	id      ConnID
	mu      sync.Mutex
	buf     *[]byte
	notable bool
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
	if l.buf == nil {
		l.buf = l.rec.buffer()
	}
	*l.buf = Batch(*l.buf).Append(&e)
	l.notable = l.notable || e.Kind.Notable() || e.Status >= 400
	full := len(*l.buf) >= maxPending
	l.mu.Unlock()
	if full {
		l.Flush()
	}
}

// Flush hands what was added to the sink. Called at the end of each exchange,
// when the connection closes, and by the sweeper for exchanges that hang.
func (l *Log) Flush() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf == nil {
		return
	}
	l.rec.sink.Take(l.id, l.notable, *l.buf)
	l.rec.release(l.buf)
	l.buf, l.notable = nil, false
}

func (r *Recorder) buffer() *[]byte {
	if b, ok := r.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 2048)
	return &b
}

func (r *Recorder) release(b *[]byte) {
	if cap(*b) > 4*maxPending {
		return
	}
	*b = (*b)[:0]
	r.buffers.Put(b)
}
