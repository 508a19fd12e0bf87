package tap

import (
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
	if c.Poll() {
		return false
	}
	events, err := c.events(unix.POLLIN)
	return err == nil && events == 0
}

// events asks for the state of the socket; none for what is not a socket.
func (c *Conn) events(wanted int16) (events int16, err error) {
	if c.raw == nil {
		return 0, nil
	}
	err = c.raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: wanted}}
		if n, err := unix.Poll(fds, 0); err == nil && n > 0 {
			events = fds[0].Revents
		}
	})
	return events, err
}
