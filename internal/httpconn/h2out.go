package httpconn

import (
	"runtime"
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// h2Out gathers the frames that leave on a connection of HTTP/2. Who adds some
// and finds nobody writing writes, also what others add meanwhile: many streams,
// one write. It belongs to the lock of its connection, with which all of its
// methods are called.
type h2Out struct {
	nc    Transport
	log   *flow.Log
	pool  *pool
	limit time.Duration // of a write; 0: none
	wrote func(error)   // takes the outcome of each write, with the lock held

	encoder httpwire.HPACKEncoder
	frames  *[]byte  // that nobody has taken to write; nil: none
	done    []h2Done // exchanges whose end is among them
	spare   []h2Done
	writing bool
	dead    error     // nothing can be sent any more
	settled sync.Cond // a write has ended; its L is the connection's lock
}

// h2Done is an exchange whose record is complete when its last frame is written.
type h2Done struct {
	id   flow.ExchangeID
	sent int64
}

const (
	// outSize is the buffer of what is to be sent.
	outSize = 64 << 10
	// outMost is how much of it bodies may fill; it makes two full TLS records.
	outMost = 32 << 10
	// h2Data is the longest DATA frame: with its header it fills a TLS record.
	h2Data = 16<<10 - httpwire.FrameHeadLength
	// h2Piece is the least room for which a body is cut.
	h2Piece = 1 << 10
)

// pending is where to append what is to be sent.
func (o *h2Out) pending() *[]byte {
	if o.frames == nil {
		o.frames = o.pool.get()
		*o.frames = (*o.frames)[:0]
	}
	return o.frames
}

// room is how many bytes of a body may be appended now.
func (o *h2Out) room() int {
	if o.frames == nil {
		return outMost - httpwire.FrameHeadLength
	}
	return outMost - httpwire.FrameHeadLength - len(*o.frames)
}

// full reports that bodies have to wait.
func (o *h2Out) full() bool { return o.room() < h2Piece }

// beginBlock gives where to append a field block, and where its frame begins.
func (o *h2Out) beginBlock() (b []byte, start int) {
	var head [httpwire.FrameHeadLength]byte
	b = *o.pending()
	return o.encoder.Begin(append(b, head[:]...)), len(b)
}

// endBlock makes HEADERS of a block that was appended to what beginBlock gave.
func (o *h2Out) endBlock(b []byte, start int, stream uint32, end bool, maxFrame int) {
	*o.frames = httpwire.EndBlock(b, start, stream, end, maxFrame)
}

// await waits until what is pending has gone down to most bytes, as far as
// somebody is writing.
func (o *h2Out) await(most int) {
	for o.writing && o.dead == nil && o.frames != nil && len(*o.frames) > most {
		o.settled.Wait()
	}
}

// finish sends what is pending and returns when all of it has left.
func (o *h2Out) finish() {
	o.flush(false)
	for o.writing && o.dead == nil {
		o.settled.Wait()
	}
}

// release gives the buffer back of what will never be sent.
func (o *h2Out) release() {
	o.pool.put(o.frames)
	o.frames = nil
}

// flush sees to it that what is pending is sent, by the one who calls or by the
// one who writes already. several tells that others may be about to add frames,
// which then leave in the same write.
func (o *h2Out) flush(several bool) {
	if o.writing || o.frames == nil || o.dead != nil {
		return
	}
	o.writing = true
	if several {
		o.settled.L.Unlock()
		runtime.Gosched()
		o.settled.L.Lock()
	}
	o.write()
}

// turns is how often one writes for others before it goes on with its own work.
const turns = 4

// write sends what is pending until there is nothing more. It is called by the
// one who set writing, and gives the lock up meanwhile.
func (o *h2Out) write() {
	for turn := 0; o.frames != nil && o.dead == nil; turn++ {
		if turn == turns {
			go o.writeOn()
			return
		}
		buf, done := o.frames, o.done
		o.frames, o.done = nil, o.spare[:0]
		// Under the lock, so that it is never later than the deadline by which an
		// end of the connection ends its writes.
		_ = o.nc.SetWriteDeadline(after(o.limit)) // fails only on a closed connection; the write says so
		o.settled.L.Unlock()
		_, err := o.nc.Write(*buf)
		o.pool.put(buf)
		o.recordDone(done, err)
		o.settled.L.Lock()
		o.spare = done
		if o.dead == nil { // else who ended the connection ended this write, too
			o.dead = err
			o.wrote(err)
		}
		o.settled.Broadcast()
	}
	o.writing = false
	o.settled.Broadcast()
}

func (o *h2Out) writeOn() {
	o.settled.L.Lock()
	defer o.settled.L.Unlock()
	o.write()
}

// recordDone completes the records of exchanges whose last frame was written.
func (o *h2Out) recordDone(done []h2Done, err error) {
	if o.log == nil || len(done) == 0 {
		return
	}
	now := time.Now()
	for _, d := range done {
		outcome := flow.Truncated
		if err == nil {
			outcome = flow.Complete
			o.log.Add(flow.Event{At: now, Exchange: d.id, Kind: flow.ResponseDone, From: flow.Server, Bytes: d.sent})
		}
		o.log.Add(flow.Event{At: now, Exchange: d.id, Kind: flow.ExchangeDone, Text: outcome})
	}
	o.log.Flush()
}
