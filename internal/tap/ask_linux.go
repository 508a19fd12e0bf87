package tap

import (
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrUnasked is what Ask gives if the peer spoke, or ended, before it was
// asked.
var ErrUnasked = errors.New("the peer spoke or ended before it was asked")

// question is what a server is asked on a connection that was idle. What it
// said unasked must not be taken for the answer, and the look for it is the read
// that the wait for the answer begins with in any case: with the runtime's poller
// a connection is waited for only after a read that found nothing.
type question struct {
	write func() error // nil: it was asked
	err   error
	step  func(fd uintptr) (done bool) // kept here so that asking allocates nothing
}

// CanAsk reports whether Ask works on this connection.
func (c *Conn) CanAsk() bool { return c.raw != nil }

// Ask sees that nothing the peer sent is unread, calls write, which asks by
// Write, and waits until there is an answer, or an end, for Read to give: no
// buffer is needed meanwhile. If there was something before, it gives
// ErrUnasked, and does not call write; if write fails, its error. Another error
// is that of a read deadline or of a closed connection. For the one who reads.
func (c *Conn) Ask(write func() error) error {
	q := &c.question
	if q.step == nil {
		q.step = c.step
	}
	q.write, q.err = write, nil
	defer func() { q.write = nil }()
	switch err := c.raw.Read(q.step); {
	case err == nil:
		return q.err
	case !c.reading.early(err, c.Conn.SetReadDeadline):
		return err
	case q.write != nil: // a timer that was not meant fired before
		return c.Ask(write)
	}
	return c.AwaitInput()
}

// step is called first of all, and when there is something to read.
func (c *Conn) step(fd uintptr) (done bool) {
	q := &c.question
	if q.write == nil {
		return true
	}
	var unasked [1]byte
	n, err := readNow(int(fd), unasked[:])
	if err != syscall.EAGAIN {
		q.err = ErrUnasked
		c.unasked(n, err)
		return true
	}
	q.err = q.write()
	q.write = nil
	return q.err != nil
}

// readNow does not wait.
func readNow(fd int, p []byte) (n int, err error) {
	for {
		if n, err = syscall.Read(fd, p); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// unasked records what a read found that nothing had been asked for: the end, or
// words with an end behind them perhaps.
func (c *Conn) unasked(n int, err error) {
	switch {
	case err != nil:
		c.ended(err)
	case n == 0:
		c.ended(io.EOF)
	default:
		c.received.Add(int64(n))
		c.Poll()
	}
}

// CanAwait reports whether AwaitInput works on this connection.
func (c *Conn) CanAwait() bool { return c.raw != nil }

// AwaitInput waits until there is something to read, or the end, without reading
// it; the error is that of a read deadline or of a closed connection. For the
// one who reads, who may do so in a goroutine with a small stack.
func (c *Conn) AwaitInput() error {
	for {
		err := c.raw.Read(awaited)
		if err == nil || !c.reading.early(err, c.Conn.SetReadDeadline) {
			return err
		}
	}
}

// awaited reports whether a read would not wait.
func awaited(fd uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n > 0
}
