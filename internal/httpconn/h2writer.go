package httpconn

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// h2Writer is what is to be sent, under the connection's mu.
type h2Writer struct {
	out     *[]byte  // frames that nobody has taken to write; nil: none
	done    []h2Done // exchanges whose end is among them
	spare   []h2Done
	writing bool
	waiting []*h2Stream // with bodies for which there is no room now, in the order they came
	roomy   sync.Cond   // a write has ended
	hpack   httpwire.HPACKEncoder
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
)

// pending is where to append what is to be sent.
func (c *h2Conn) pending() *[]byte {
	if c.out == nil {
		c.out = c.srv.Buffers.out.get()
		*c.out = (*c.out)[:0]
	}
	return c.out
}

// room is how many bytes of a body may be appended now.
func (c *h2Conn) room() int {
	if c.out == nil {
		return outMost - httpwire.FrameHeadLength
	}
	return outMost - httpwire.FrameHeadLength - len(*c.out)
}

func (c *h2Conn) releaseOut() {
	c.srv.Buffers.out.put(c.out)
	c.out = nil
}

// flush sees to it that what is pending is sent, by the one who calls or by the
// one who writes already. Before writing it lets others who are ready add what
// they have: many small responses leave in one write.
func (c *h2Conn) flush() {
	if c.writing || c.out == nil || c.dead != nil {
		return
	}
	c.writing = true
	if c.running > 1 {
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	c.write()
}

// turns is how often one writes for others before it goes on with its own work.
const turns = 4

// write sends what is pending until there is nothing more. It is called by the
// one who set writing, and gives mu up meanwhile.
func (c *h2Conn) write() {
	for turn := 0; c.out != nil && c.dead == nil; turn++ {
		if turn == turns {
			go c.writeOn()
			return
		}
		buf, done := c.out, c.done
		c.out, c.done = nil, c.spare[:0]
		c.mu.Unlock()
		err := c.transmit(*buf)
		c.srv.Buffers.out.put(buf)
		c.recordDone(done, err)
		c.mu.Lock()
		c.spare = done
		if err != nil && c.dead == nil {
			c.dead = err
			c.interruptReader()
			for _, s := range c.open {
				s.wake()
			}
		}
		c.wakeSender()
		c.roomy.Broadcast()
	}
	c.writing = false
	c.roomy.Broadcast()
	if c.dead != nil {
		c.idle.Broadcast()
	}
}

func (c *h2Conn) writeOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write()
}

func (c *h2Conn) transmit(p []byte) error {
	_ = c.nc.SetWriteDeadline(after(c.srv.Limits.Write)) // fails only on a closed connection; the write says so
	_, err := c.nc.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.nc.SetWhy("timeout: write to client")
		c.srv.timedOut(c.log, 0, "write", c.srv.Limits.Write)
	}
	return err
}

// recordDone completes the records of exchanges whose last frame was written.
func (c *h2Conn) recordDone(done []h2Done, err error) {
	if c.log == nil || len(done) == 0 {
		return
	}
	now := time.Now()
	for _, d := range done {
		outcome := flow.Truncated
		if err == nil {
			outcome = flow.Complete
			c.log.Add(flow.Event{At: now, Exchange: d.id, Kind: flow.ResponseDone, From: flow.Server, Bytes: d.sent})
		}
		c.log.Add(flow.Event{At: now, Exchange: d.id, Kind: flow.ExchangeDone, Text: outcome})
	}
	c.log.Flush()
}

// wakeSender lets one of those who wait for room go on: the most urgent of those
// who could (RFC 9218, section 10), who wakes the next when it has sent a piece.
func (c *h2Conn) wakeSender() {
	if len(c.waiting) == 0 || c.send.Room() == 0 || c.room() < h2Piece {
		return
	}
	best := -1
	for i, s := range c.waiting {
		if s.send.Room() > 0 && (best < 0 || s.urgency < c.waiting[best].urgency) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	s := c.waiting[best]
	c.waiting = append(c.waiting[:best], c.waiting[best+1:]...)
	s.queued = false
	s.writable.Signal()
}

// h2Piece is the least room for which a body is cut.
const h2Piece = 1 << 10

// unqueue takes a stream off those that wait for room.
func (c *h2Conn) unqueue(s *h2Stream) {
	if !s.queued {
		return
	}
	for i, w := range c.waiting {
		if w == s {
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			break
		}
	}
	s.queued = false
}
