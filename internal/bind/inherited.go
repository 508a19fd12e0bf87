package bind

import (
	"net/netip"
	"os"
)

// Inherited is a listening socket that another program, such as systemd, opened
// and holds together with this one.
type Inherited struct {
	Addr netip.AddrPort
	Name string // as the socket unit names it; may be empty
	file *os.File
	own  bool // the other program gives it up
	used bool // a listener has used it; guarded by Listeners.mu
}
