package httpconn

import (
	"cmp"
	"errors"
	"os"
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// Watcher is a Handler that wants to know when the client has given up an
// exchange: by a reset, or by the end of its connection. Gone is called by the
// goroutine that reads the connection and must not wait.
type Watcher interface {
	Gone(x Exchange)
}

// h2Conn is one client connection of HTTP/2 (RFC 9113). One goroutine reads;
// each request has one of its own, which calls the Handler.
type h2Conn struct {
	srv     *Server
	nc      Transport
	log     *flow.Log
	scheme  string
	handler Handler
	watcher Watcher // nil: nobody wants to know
	closing func() bool
	limits  H2Limits
	head    httpwire.Limits
	tick    time.Duration // how often limits are looked at

	h2Reader

	mu      sync.Mutex
	open    []*h2Stream // in no order
	closed  []h2Closed  // those that ended last, in a ring
	nClosed int
	highest uint32           // stream that the client opened
	running int              // handlers
	parked  []chan *h2Stream // goroutines that wait for a stream
	flood   h2Flood
	drain   h2Drain
	drained time.Time // when the first GOAWAY was sent

	send       httpwire.SendWindow
	recv       httpwire.ReceiveWindow
	peerWindow uint32 // first window of a stream
	out        h2Out
	waiting    []*h2Stream // with bodies for which there is no room now, in the order they came
}

// h2Closed is a stream that ended not long ago.
type h2Closed struct {
	id   uint32
	ours bool // we reset it: what comes for it was under way
}

// h2Drain says how far a graceful end has come (RFC 9113, section 6.8).
type h2Drain uint8

const (
	h2Open    h2Drain = iota
	h2Warned          // GOAWAY told that the end is near, a PING asked whether it was read
	h2Leaving         // GOAWAY told the last stream
)

// serveH2 carries a connection that agreed on HTTP/2 until it ends.
func (s *Server) serveH2(nc Transport, log *flow.Log, scheme string, h Handler, closing func() bool) {
	c := &h2Conn{srv: s, nc: nc, log: log, scheme: scheme, handler: h, closing: closing, limits: s.Limits.H2.orDefaults(),
		head: httpwire.Limits{HeadBytes: s.Limits.HeadBytes, TargetBytes: s.Limits.TargetBytes, Fields: s.Limits.HeadFields}}
	c.watcher, _ = h.(Watcher)
	c.out = h2Out{nc: nc, log: log, pool: &s.Buffers.out, limit: s.Limits.Write, wrote: c.wrote}
	c.out.settled.L = &c.mu
	c.tick = h2Tick(&s.Limits)
	c.fields = httpwire.NewHPACKDecoder(h2Table)
	c.send, c.peerWindow = httpwire.NewSendWindow(httpwire.DefaultWindow), httpwire.DefaultWindow
	c.recv = httpwire.NewReceiveWindow(uint32(c.limits.BodyAll))
	c.serve()
	c.end()
}

// h2Table is the dynamic table for what clients send, that of the RFC.
const h2Table = 4096

// h2Tick is a fraction of the shortest limit that streams have.
func h2Tick(l *Limits) time.Duration {
	tick := 5 * time.Second
	for _, d := range []time.Duration{l.BodyTimeout, l.Write, l.HeadTimeout} {
		if d > 0 {
			tick = min(tick, d/4)
		}
	}
	return max(tick, 50*time.Millisecond)
}

func (c *h2Conn) serve() {
	c.mu.Lock()
	c.greet()
	c.mu.Unlock()
	if !c.readPreface() {
		return
	}
	for c.serveNext() {
	}
}

// greet appends our SETTINGS, which need not wait for the client's preface
// (RFC 9113, section 3.4).
func (c *h2Conn) greet() {
	out := c.out.pending()
	*out = httpwire.AppendSettings(*out,
		httpwire.H2Setting{ID: httpwire.SettingMaxStreams, Value: uint32(c.limits.Streams)},
		httpwire.H2Setting{ID: httpwire.SettingInitialWindow, Value: uint32(c.limits.Body)},
		httpwire.H2Setting{ID: httpwire.SettingMaxHeaderList, Value: uint32(c.headBytes())},
		httpwire.H2Setting{ID: httpwire.SettingConnectProtocol, Value: 1},
		httpwire.H2Setting{ID: httpwire.SettingNoPriorities, Value: 1})
	if more := c.limits.BodyAll - httpwire.DefaultWindow; more > 0 {
		*out = httpwire.AppendWindow(*out, 0, uint32(more))
	}
}

// headBytes is the limit of a decoded field block.
func (c *h2Conn) headBytes() int { return cmp.Or(c.head.HeadBytes, 64<<10) }

// serveNext handles the frames that are here and waits for more; false at the
// end of the connection.
func (c *h2Conn) serveNext() bool {
	for {
		f, n, err := c.frames.Read((*c.buf)[c.r:c.w])
		if err == nil && n == 0 {
			break
		}
		if err == nil {
			err = c.frame(&f)
		}
		switch {
		case err == nil:
		case err.Stream != 0:
			c.refuseStream(err)
		case err.Code == httpwire.CodeEnhanceYourCalm:
			c.refuseFlood(err.Name)
			return false
		default:
			c.refuseConn(err)
			return false
		}
		if !c.frames.InBlock() {
			c.since = time.Time{}
		}
		c.r += n
		c.offset += int64(n)
		if !c.calm() {
			return false
		}
	}
	return c.settleOutput() && c.fill()
}

// settleOutput sends what is pending before the reader waits, and waits while a
// client that asks much reads little.
func (c *h2Conn) settleOutput() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
	c.out.await(outMost)
	return c.out.dead == nil
}

// flush sends what is pending; mu is held, and given up meanwhile.
func (c *h2Conn) flush() { c.out.flush(c.running > 1) }

// wrote takes the outcome of a write; mu is held.
func (c *h2Conn) wrote(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.nc.SetWhy("timeout: write to client")
		c.srv.timedOut(c.log, 0, "write", c.srv.Limits.Write)
	}
	if err != nil {
		c.interruptReader()
		for _, s := range c.open {
			s.wake()
		}
	}
	c.wakeSender()
}

// end ends what is still under way and closes.
func (c *h2Conn) end() {
	c.mu.Lock()
	if c.out.dead == nil {
		c.out.dead = errH2Ended
	}
	gone := c.loseAll()
	c.dismiss()
	c.mu.Unlock()
	// What handlers still write ends now. The close is recorded behind what becomes
	// of their exchanges: nothing is read of a connection that is over.
	_ = c.nc.SetDeadline(time.Unix(1, 0)) // fails only when it is closed already
	for _, s := range gone {
		c.tellGone(s)
	}
	c.mu.Lock()
	for c.running > 0 || c.out.writing {
		c.out.settled.Wait()
	}
	done := c.out.done
	c.out.done = nil
	c.out.release()
	c.mu.Unlock()
	c.out.recordDone(done, errH2Ended)
	c.releaseIn()
	_ = c.nc.Close() // the connection is over either way
	c.log.Flush()
}

var errH2Ended = errors.New("the connection has ended")

// loseAll takes all streams for given up by the client.
func (c *h2Conn) loseAll() (gone []*h2Stream) {
	for _, s := range c.open {
		s.lost = true
		s.wake()
		gone = append(gone, s)
	}
	c.open = c.open[:0]
	c.out.settled.Broadcast()
	return gone
}

func (c *h2Conn) tellGone(s *h2Stream) {
	if c.watcher != nil {
		c.watcher.Gone(s)
	}
}

// find gives an open stream, nil if there is none.
func (c *h2Conn) find(id uint32) *h2Stream {
	for _, s := range c.open {
		if s.id == id {
			return s
		}
	}
	return nil
}

// forget takes a stream off the open ones.
func (c *h2Conn) forget(s *h2Stream, ours bool) {
	for i, o := range c.open {
		if o == s {
			last := len(c.open) - 1
			c.open[i], c.open[last] = c.open[last], nil
			c.open = c.open[:last]
			c.remember(s.id, ours)
			break
		}
	}
	if len(c.open) == 0 && c.drain != h2Open {
		c.interruptReader()
	}
}

// remember takes note that a stream has ended: of twice as many as may be open,
// for which frames may be under way when all of them are reset.
func (c *h2Conn) remember(id uint32, ours bool) {
	if most := max(64, 2*c.limits.Streams); len(c.closed) < most {
		c.closed = append(c.closed, h2Closed{id, ours})
	} else {
		c.closed[c.nClosed%most] = h2Closed{id, ours}
	}
	c.nClosed++
}

// wasClosed tells of a stream that is not open what is known of it.
func (c *h2Conn) wasClosed(id uint32) (known, ours bool) {
	for _, s := range c.closed {
		if s.id == id {
			return true, s.ours
		}
	}
	return false, false
}

func (c *h2Conn) interruptReader() {
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // fails only when it is closed already
}

// look does what is due: limits of streams, a graceful end.
func (c *h2Conn) look(now time.Time) {
	c.looked = now
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.open) - 1; i >= 0; i-- {
		c.open[i].look(now)
	}
	if len(c.open) == 0 {
		c.dismiss()
	}
	if c.closing() && c.drain == h2Open {
		c.warn(now)
	}
	if c.drain == h2Warned && now.Sub(c.drained) >= h2Notice {
		c.leave()
	}
	c.flush()
}

// h2Notice is how long a client may take to tell that it has read the warning.
const h2Notice = time.Second

var h2DrainPing = [8]byte{'l', 'e', 'a', 'v', 'i', 'n', 'g', '?'}

// warn begins a graceful end: requests that are on their way are still taken.
func (c *h2Conn) warn(now time.Time) {
	c.drain, c.drained = h2Warned, now
	c.goAway(now, httpwire.MaxWindow, httpwire.CodeNone, siteStopped)
	out := c.out.pending()
	*out = httpwire.AppendPing(*out, h2DrainPing, false)
}

// leave tells the last stream.
func (c *h2Conn) leave() {
	c.drain = h2Leaving
	c.goAway(time.Now(), c.highest, httpwire.CodeNone, siteStopped)
}

func (c *h2Conn) goAway(now time.Time, last, code uint32, why string) {
	out := c.out.pending()
	*out = httpwire.AppendGoAway(*out, last, code, why)
	c.log.Add(flow.Event{At: now, Kind: flow.GoAway, From: flow.Server, Text: httpwire.H2ErrorName(code),
		Attrs: flow.Attrs(flow.KeyStream, number(last), flow.KeyReason, why)})
}

func (c *h2Conn) linger() {
	c.log.Flush()
	if c.nc.CloseWrite() != nil {
		return
	}
	readAway(c.nc, c.srv.Buffers)
}

// readEnded takes the end of reading; true: it was only a deadline.
func (c *h2Conn) readEnded(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	if why := readFault(err); why != "" {
		c.nc.SetWhy(why)
	}
	return false
}
