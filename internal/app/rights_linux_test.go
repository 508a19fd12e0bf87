package app_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// dropBindRight takes the right to open low ports from the thread of the test,
// which ends with it.
func dropBindRight(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil || strings.TrimSpace(string(raw)) != "1024" {
		t.Skip("every user may bind port 443 here, or it cannot be told")
	}
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	must(t, unix.Capget(&header, &data[0]))
	data[0].Effective &^= 1 << unix.CAP_NET_BIND_SERVICE
	must(t, unix.Capset(&header, &data[0]))
}
