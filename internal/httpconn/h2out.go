package httpconn

import (
	"runtime"
	"sync"
	"time"
)

// h2Out gathers the frames that leave on a connection. Who adds some and finds
// nobody writing writes, also what others add meanwhile: many streams, one
// write. It belongs to the lock of its connection.
type h2Out struct {
	buf     []byte // frames that wait
	spare   []byte
	writing bool
	limit   time.Duration // of a write, 0: none
	err     error         // nothing leaves any more
}

// h2OutMost is how many bytes may wait to be written before bodies wait too.
const h2OutMost = 64 << 10

// full reports that bodies have to wait.
func (o *h2Out) full() bool { return len(o.buf) >= h2OutMost }

// flush writes what waits, unless somebody else does. It is called with mu
// held, and gives it up while it writes; wrote is called with it held after
// each write. several tells that others may be about to add frames, which then
// leave in the same write.
func (o *h2Out) flush(nc Transport, mu *sync.Mutex, several bool, wrote func(error)) {
	if o.writing || o.err != nil {
		return
	}
	o.writing = true
	if several {
		mu.Unlock()
		runtime.Gosched()
		mu.Lock()
	}
	o.write(nc, mu, wrote)
}

// write is flush for the one who set writing. After some turns another goroutine
// goes on, so that nobody writes for others for ever.
func (o *h2Out) write(nc Transport, mu *sync.Mutex, wrote func(error)) {
	for turn := 0; len(o.buf) > 0 && o.err == nil; turn++ {
		if turn == turns {
			go func() {
				mu.Lock()
				defer mu.Unlock()
				o.write(nc, mu, wrote)
			}()
			return
		}
		b := o.buf
		o.buf, o.spare = o.spare[:0], nil
		mu.Unlock()
		_ = nc.SetWriteDeadline(after(o.limit)) // fails only on a closed connection; the write says so
		_, err := nc.Write(b)
		mu.Lock()
		if cap(b) <= 2*h2OutMost {
			o.spare = b
		}
		wrote(err)
	}
	o.writing = false
}
