//go:build !linux

package machine

import (
	"fmt"
	"runtime"
)

func (e *BindError) explainRights() {
	e.detail = fmt.Sprintf("this user may not open port %d", e.Addr.Port())
	if runtime.GOOS == "darwin" {
		e.detail += ": ports below 1024 on an exact address need root"
		e.Fixes = append(e.Fixes, Fix{Text: "run as root, or let launchd open the address (Sockets in the property list)"})
	}
	e.Fixes = append(e.Fixes, Fix{Text: "bind a port from 1024"})
}
