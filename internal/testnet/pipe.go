package testnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBuffer is how much a direction holds before Write waits.
const pipeBuffer = 64 << 10

// Pipe makes the two ends of a connection in memory. It behaves as a TCP
// connection where net.Pipe does not: writes are buffered (64 KiB a direction)
// and do not wait for a reader; the ends have TCP addresses; CloseWrite closes
// one direction; SetLinger(0) before Close sends a reset, and so does closing
// with unread data, as Linux does; reading after a reset gives ECONNRESET,
// writing EPIPE. Bytes that arrived before a reset can still be read. All
// waiting is on condition variables and timers, so the ends work within a
// testing/synctest bubble; both must be used in the bubble that made them.
func Pipe() (client, server *PipeConn) {
	p := &pipe{}
	p.wake.L = &p.mu
	here := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 51000}
	there := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443}
	client = &PipeConn{pipe: p, local: here, remote: there, linger: -1}
	server = &PipeConn{pipe: p, local: there, remote: here, linger: -1}
	client.peer, server.peer = server, client
	return client, server
}

type pipe struct {
	mu   sync.Mutex
	wake sync.Cond
}

// PipeConn is one end of a Pipe, safe for use by several goroutines.
type PipeConn struct {
	pipe          *pipe
	peer          *PipeConn
	local, remote net.Addr

	// All below is guarded by pipe.mu.
	received         []byte
	linger           int
	closed           bool // by this end
	finSent          bool
	reset            bool // this end was reset by the other
	reading, writing deadline
}

// Read implements net.Conn.
func (c *PipeConn) Read(p []byte) (int, error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fault("read", net.ErrClosed)
		case c.reading.passed():
			return 0, c.fault("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case len(c.received) > 0:
			n := copy(p, c.received)
			c.received = c.received[n:]
			c.pipe.wake.Broadcast()
			return n, nil
		case c.reset:
			return 0, c.fault("read", syscall.ECONNRESET)
		case c.peer.finSent:
			return 0, io.EOF
		}
		c.pipe.wake.Wait()
	}
}

// Write implements net.Conn. The first write to an end that has closed seems to
// succeed and provokes a reset, as on a network.
func (c *PipeConn) Write(p []byte) (n int, err error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	for {
		switch {
		case c.closed:
			return n, c.fault("write", net.ErrClosed)
		case c.reset || c.finSent:
			return n, c.fault("write", syscall.EPIPE)
		case c.writing.passed():
			return n, c.fault("write", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return n, nil
		case c.peer.closed:
			c.reset = true
			c.pipe.wake.Broadcast()
			return n + len(p), nil
		}
		if room := pipeBuffer - len(c.peer.received); room > 0 {
			part := p[:min(room, len(p))]
			c.peer.received = append(c.peer.received, part...)
			p, n = p[len(part):], n+len(part)
			c.pipe.wake.Broadcast()
			continue
		}
		c.pipe.wake.Wait()
	}
}

// Close ends both directions: with a reset after SetLinger(0) or if received
// data was not read, else with an orderly end.
func (c *PipeConn) Close() error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return c.fault("close", net.ErrClosed)
	}
	c.closed = true
	if c.linger == 0 || len(c.received) > 0 {
		c.peer.reset = true
	} else {
		c.finSent = true
	}
	c.received = nil
	c.reading.stop()
	c.writing.stop()
	c.pipe.wake.Broadcast()
	return nil
}

// CloseWrite ends the direction to the other end, which reads io.EOF.
func (c *PipeConn) CloseWrite() error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return c.fault("close", net.ErrClosed)
	}
	c.finSent = true
	c.pipe.wake.Broadcast()
	return nil
}

// SetLinger acts as net.TCPConn's: 0 makes Close send a reset.
func (c *PipeConn) SetLinger(seconds int) error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	c.linger = seconds
	return nil
}

func (c *PipeConn) LocalAddr() net.Addr  { return c.local }
func (c *PipeConn) RemoteAddr() net.Addr { return c.remote }

func (c *PipeConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *PipeConn) SetReadDeadline(t time.Time) error  { return c.setDeadline(&c.reading, t) }
func (c *PipeConn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writing, t) }

func (c *PipeConn) setDeadline(d *deadline, t time.Time) error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return c.fault("set", net.ErrClosed)
	}
	d.set(t, c.pipe)
	c.pipe.wake.Broadcast()
	return nil
}

func (c *PipeConn) fault(op string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// deadline wakes who waits once it has passed.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) set(t time.Time, p *pipe) {
	d.stop()
	d.at = t
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.wake.Broadcast()
		})
	}
}
