package tap

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"fanlight/internal/flow"
)

// Poll looks, without reading, whether the peer has ended its direction or
// reset, and records what it sees. It reports the peer gone. A TLS peer's
// close_notify may still be unread before the FIN; POLLRDHUP sees past it.
func (c *Conn) Poll() (gone bool) {
	if c.PeerGone() {
		return true
	}
	events, err := c.events(unix.POLLRDHUP)
	if err != nil || events == 0 {
		return err != nil
	}
	kind := flow.FIN
	if events&unix.POLLERR != 0 {
		kind = flow.RST
	}
	c.peerEnds(kind)
	return true
}

// Quiet reports, without reading, that the peer is there and that nothing it
// sent is unread in the system's buffer: what a server says on an idle
// connection must not be taken for the response to the next request.
func (c *Conn) Quiet() bool {
	if c.PeerGone() {
		return false
	}
	events, err := c.events(unix.POLLIN | unix.POLLRDHUP)
	if events != 0 {
		c.Poll() // records the end, if it is one
	}
	return err == nil && events == 0
}

// events asks for the state of the socket; none for what is not a socket.
func (c *Conn) events(wanted int16) (events int16, err error) {
	if c.raw == nil {
		return 0, nil
	}
	return c.look.events(c.raw, wanted)
}

// look is what a question about a socket needs, kept so that asking allocates
// nothing.
type look struct {
	mu  sync.Mutex
	fds [1]unix.PollFd
	ask func(fd uintptr)
}

func (l *look) events(raw syscall.RawConn, wanted int16) (events int16, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ask == nil {
		l.ask = l.poll
	}
	l.fds[0] = unix.PollFd{Events: wanted}
	err = raw.Control(l.ask)
	return l.fds[0].Revents, err
}

func (l *look) poll(fd uintptr) {
	l.fds[0].Fd = int32(fd)
	if _, err := unix.Poll(l.fds[:], 0); err != nil {
		l.fds[0].Revents = 0 // nothing was learned
	}
}
