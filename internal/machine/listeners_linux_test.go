package machine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/flow"
)

// table is what a little-endian machine shows.
const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0200007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 1176 1 00000000f33a830a 100 0 0 10 0
   1: 020200C0:88A4 507100CB:01BB 06 00000000:00000000 03:0000176A 00000000     0        0 0 3 0000000030649702
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1177 1 0 100 0 0 10 0
   3: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1178 1 0 100 0 0 10 0
   4: 0000000000000000FFFF00000100007F:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1179 1 0 100 0 0 10 0
`

func TestParseListeners(t *testing.T) {
	got, err := parseListeners(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	want := []Holder{
		{Addr: netip.MustParseAddrPort("127.0.0.2:443"), UID: 33, Inode: 1176},
		{Addr: netip.MustParseAddrPort("0.0.0.0:80"), UID: 0, Inode: 1177},
		{Addr: netip.MustParseAddrPort("[::1]:443"), UID: 0, Inode: 1178},
		{Addr: netip.MustParseAddrPort("127.0.0.1:443"), UID: 0, Inode: 1179},
	}
	if diff := cmp.Diff(want, got, byString); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
}

func FuzzParseListeners(f *testing.F) {
	f.Add(table)
	f.Add("\n 0: 0200007F: 0 0A 0 0 0 0 0 0\n")
	f.Add("\n 0: :01BB 0 0A 0 0 0 0 0 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		ls, err := parseListeners(strings.NewReader(text))
		for _, h := range ls {
			if !h.Addr.IsValid() || err != nil {
				t.Errorf("got %v with %v", h, err)
			}
		}
	})
}

// find gives the listener on exactly addr.
func find(t *testing.T, addr string) Holder {
	t.Helper()
	ls, err := Listeners()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(ls, func(h Holder) bool { return h.Addr.String() == addr })
	if i < 0 {
		t.Fatalf("no listener on %s in %v", addr, ls)
	}
	return ls[i]
}

func TestListenersFindThisProcess(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		network, address string
		v6only           flow.Seen
	}{
		{"tcp4", "127.0.0.2:0", flow.NotObserved},
		{"tcp4", "0.0.0.0:0", flow.NotObserved},
		{"tcp6", "[::]:0", flow.Yes},
		{"tcp", "[::]:0", flow.No},
	} {
		ln, err := net.Listen(test.network, test.address)
		if err != nil && test.network != "tcp4" {
			t.Logf("no IPv6 here: %v", err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		h := find(t, ln.Addr().String())
		if h.PID != os.Getpid() || h.Program != filepath.Base(exe) || h.UID != os.Getuid() || h.V6Only != test.v6only {
			t.Errorf("%s %s: got %+v", test.network, test.address, h)
		}
		ln.Close()
	}
}

// TestSharedSocket leaves a listener to a child too: the elder process counts.
func TestSharedSocket(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "sleep", "60")
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer cmd.Wait()
	defer cancel()
	if h := find(t, ln.Addr().String()); h.PID != os.Getpid() {
		t.Errorf("got %v, want this process", h)
	}
	f.Close()
	ln.Close()
	if h := find(t, ln.Addr().String()); h.PID != cmd.Process.Pid || h.Program == "" {
		t.Errorf("got %v, want the child, %d", h, cmd.Process.Pid)
	}
}

func TestEldest(t *testing.T) {
	for _, test := range []struct {
		name string
		ps   []process
		want int
	}{
		{"master and workers", []process{{pid: 20, parent: 30}, {pid: 30, parent: 1}, {pid: 31, parent: 30}}, 30},
		{"systemd and its service", []process{{pid: 1}, {pid: 40, parent: 1}, {pid: 41, parent: 40}}, 40},
		{"systemd alone", []process{{pid: 1}}, 1},
	} {
		if got := eldest(test.ps); got.pid != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got.pid, test.want)
		}
	}
}

func TestProcessAlive(t *testing.T) {
	if id := processID(os.Getpid()); !processAlive(id) || processAlive(id+"1") {
		t.Errorf("%s: this process is not told from another", id)
	}
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	id := processID(cmd.Process.Pid)
	cmd.Wait()
	for _, gone := range []string{id, "", "@", "x@1", "-1@", "999999999@5", "../1@2"} {
		if processAlive(gone) {
			t.Errorf("%q is taken to be alive", gone)
		}
	}
}

func TestExplainOwnHolder(t *testing.T) {
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	on := ln.Addr().(*net.TCPAddr).AddrPort()
	want := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), on.Port())
	_, err = net.Listen("tcp4", want.String())
	e := ExplainBind(want, err)
	if e.Cause != InUse || len(e.Holders) != 1 || e.Holders[0].PID != os.Getpid() || e.Holders[0].Addr != on {
		t.Errorf("got %v, %+v", e, e.Holders)
	}
}

// TestExplainConnection has an outgoing connection on the port.
func TestExplainConnection(t *testing.T) {
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}}
	c, err := dialer.Dial("tcp4", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := c.LocalAddr().(*net.TCPAddr).AddrPort()
	_, err = net.Listen("tcp4", want.String())
	e := ExplainBind(want, err)
	if err == nil || e.Cause != InUse || !strings.Contains(e.Error(), "no listener on it is to be seen") || len(e.Fixes) == 0 {
		t.Errorf("%v explained as %v", err, e)
	}
}

// TestRealRefusals provokes the other refusals.
func TestRealRefusals(t *testing.T) {
	_, err := net.Listen("tcp4", "192.0.2.77:443")
	e := ExplainBind(netip.MustParseAddrPort("192.0.2.77:443"), err)
	if e.Cause != NotOnMachine || !strings.HasPrefix(e.Error(), "bind 192.0.2.77:443: this machine does not have the address; it has 127.0.0.1") {
		t.Errorf("got %v", e)
	}
	if event := e.Event("shop"); event.Attr(flow.KeyErrno) != "EADDRNOTAVAIL" {
		t.Errorf("event: %+v", event)
	}
	if first := readRights().firstFree; first <= 443 {
		t.Skipf("every user may bind port 443 here (from %d)", first)
	}
	err = listenWithoutRights(t, "127.0.0.2:443")
	e = ExplainBind(netip.MustParseAddrPort("127.0.0.2:443"), err)
	if e.Cause != NotPermitted || !strings.Contains(e.Error(), "bind 127.0.0.2:443: this user may not open port 443: ports below ") || len(e.Fixes) < 2 {
		t.Errorf("%v explained as %v", err, e)
	}
	if event := e.Event(""); event.Attr(flow.KeyErrno) != "EACCES" || !errors.Is(e, err) {
		t.Errorf("event: %+v", event)
	}
}
