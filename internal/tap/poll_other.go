//go:build !linux

package tap

// Poll reports whether the peer is known to be gone. Looking at the socket
// without reading is implemented for Linux only.
func (c *Conn) Poll() (gone bool) { return c.PeerGone() }

// Quiet reports that the peer is not known to be gone.
func (c *Conn) Quiet() bool { return !c.PeerGone() }

type look struct{}
