package app

import (
	"net"
	"os"
	"time"
)

// notifySystemd tells the service manager of a state (sd_notify(3)), if there is
// one that wants to know.
func notifySystemd(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.DialTimeout("unixgram", path, time.Second)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(time.Second)) // nobody is served any worse without
	_, _ = c.Write([]byte(state))
}
