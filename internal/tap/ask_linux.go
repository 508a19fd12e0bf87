package tap

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrUnasked is what Read gives if the peer spoke, or ended, before it was
// asked.
var ErrUnasked = errors.New("the peer spoke or ended before it was asked")

// question is what a server is asked on a connection that was idle. What it
// said unasked must not be taken for the answer, and the look for it is the read
// that the wait for the answer begins with in any case: with the runtime's poller
// a connection is waited for only after a read that found nothing.
type question struct {
	write func() error // nil: nothing is to be asked, or it was
	p     []byte
	n     int
	err   error
	step  func(fd uintptr) (done bool) // kept here so that asking allocates nothing
}

// CanAsk reports whether Ask works on this connection.
func (c *Conn) CanAsk() bool { return c.raw != nil }

// Ask has the next Read see that nothing the peer sent is unread, call write,
// which asks by Write, and wait for the answer. Read gives ErrUnasked, and
// does not call write, if there was something, and the error of write if it
// has one. For the one who reads; nil takes the question back.
func (c *Conn) Ask(write func() error) { c.question.write = write }

// answer is the Read that asks.
func (c *Conn) answer(p []byte) (int, error) {
	q := &c.question
	if q.step == nil {
		q.step = c.step
	}
	q.p, q.n, q.err = p, 0, nil
	for {
		err := c.raw.Read(q.step)
		if err == nil {
			break
		}
		if !c.reading.early(err, c.Conn.SetReadDeadline) {
			q.write, q.p = nil, nil
			return 0, err
		}
	}
	q.p = nil
	return q.n, q.err
}

// step is called when there may be something to read, and first of all.
func (c *Conn) step(fd uintptr) (done bool) {
	q := &c.question
	n, err := readNow(int(fd), q.p)
	nothing := err == syscall.EAGAIN
	switch {
	case nothing && q.write == nil:
		return false
	case nothing:
		write := q.write
		q.write = nil
		q.err = write()
		return q.err != nil
	case q.write != nil:
		q.write, q.err = nil, ErrUnasked
		c.unasked(n, err)
	case err != nil:
		q.err = &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", err)}
	case n == 0:
		q.err = io.EOF
	default:
		q.n = n
	}
	return true
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
