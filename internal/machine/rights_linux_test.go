package machine

import (
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// listenWithoutRights listens on a thread that gave up its capabilities and
// that ends with it.
func listenWithoutRights(t *testing.T, address string) error {
	t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is not used again
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			result <- err
			return
		}
		ln, err := net.Listen("tcp4", address)
		if err == nil {
			ln.Close()
		}
		result <- err
	}()
	return <-result
}

func TestRightsFixes(t *testing.T) {
	want := netip.MustParseAddrPort("127.0.0.2:443")
	for _, test := range []struct {
		name     string
		rights   rights
		commands []string
	}{
		{"everything works", rights{firstFree: 1024, systemd: true, exe: "/opt/my door/fanlight"}, []string{
			"AmbientCapabilities=CAP_NET_BIND_SERVICE", "ListenStream=127.0.0.2:443",
			"sudo setcap cap_net_bind_service=+ep '/opt/my door/fanlight'", "sudo sysctl net.ipv4.ip_unprivileged_port_start=443", ""}},
		{"a container", rights{firstFree: 1024}, []string{"sudo sysctl net.ipv4.ip_unprivileged_port_start=443", ""}},
		{"not for want of a right", rights{firstFree: 0, systemd: true}, []string{"sudo semanage port -a -t http_port_t -p tcp 443"}},
		{"not known", rights{firstFree: -1, exe: "/bin/fanlight"}, []string{"sudo setcap cap_net_bind_service=+ep /bin/fanlight", ""}},
	} {
		var got []string
		for _, f := range test.rights.fixes(want) {
			got = append(got, f.Command)
		}
		if diff := cmp.Diff(test.commands, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
