//go:build !linux

package tap

// Poll reports whether the peer is known to be gone. Looking at the socket
// without reading is implemented for Linux only.
func (c *Conn) Poll() (gone bool) { return c.PeerGone() }
