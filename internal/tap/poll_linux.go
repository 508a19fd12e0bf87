package tap

import (
	"time"

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
	if c.raw == nil {
		return false
	}
	var events int16
	err := c.raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		if n, err := unix.Poll(fds, 0); err == nil && n > 0 {
			events = fds[0].Revents
		}
	})
	if err != nil || events == 0 {
		return err != nil
	}
	kind := flow.FIN
	if events&unix.POLLERR != 0 {
		kind = flow.RST
	}
	c.mu.Lock()
	known := c.peerEnded || c.closed
	c.peerEnded = true
	c.mu.Unlock()
	if !known {
		c.log.Add(flow.Event{At: time.Now(), Kind: kind, From: c.self.Other()})
	}
	return true
}
