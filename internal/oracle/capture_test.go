package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

const (
	patience = 60 * time.Second // with a program that should be quick
	host     = "app.test"       // the name of every server
	sentinel = "the end of the capture"
)

// addresses counts the loopback addresses given out.
var addresses atomic.Uint32

// bench is the place of one case: an address of its own, files, and a capture
// of what happens at that address.
type bench struct {
	t        testing.TB
	dir      string
	addr     netip.AddrPort   // of the server
	also     []netip.AddrPort // further servers that are captured
	beside   string           // a further address that is captured, as tcpdump names it
	env      []string         // of the servers and clients that are started from here on
	within   []string         // the command line that servers are started by
	file     string           // the capture
	keys     string           // the key log that clients (or the server) write
	cert     *testnet.Cert    // what servers show in place of the one they are asked to; nil: that
	udp      bool             // datagrams to the servers are captured as well
	wire     *wire            // that leads to the servers; nil: the loopback interface
	dns      bool             // what is asked of name servers is captured as well
	switches string           // nsswitch.conf of these; empty: the usual one
	hosts    string           // the hosts file of the clients that asked the bench's name server

	tcpdump *exec.Cmd
	stderr  *buffer
}

func newBench(t testing.TB) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "fanlight-oracle-")
	must(t, err)
	t.Cleanup(func() {
		if keep := os.Getenv("ORACLE_KEEP"); keep != "" && t.Failed() {
			must(t, os.CopyFS(filepath.Join(keep, t.Name()), os.DirFS(dir)))
		}
		os.RemoveAll(dir)
	})
	must(t, os.Chmod(dir, 0o755)) // servers read as other users
	n := addresses.Add(1) + uint32(os.Getpid())*64
	ip := netip.AddrFrom4([4]byte{127, byte(64 + n>>16&63), byte(n >> 8), byte(2 + n%250)})
	return &bench{
		t: t, dir: dir, addr: netip.AddrPortFrom(ip, 8443),
		file: dir + "/capture.pcap", keys: dir + "/keys.log",
	}
}

// at is where clients find the server.
func (b *bench) at() netip.AddrPort {
	if b.wire != nil {
		return netip.AddrPortFrom(b.wire.far, b.addr.Port())
	}
	return b.addr
}

func (b *bench) port() string { return strconv.Itoa(int(b.addr.Port())) }

// listenAnywhere takes a port that nobody has on any address, for a server that
// cannot be told an address.
func (b *bench) listenAnywhere() {
	b.t.Helper()
	l, err := net.Listen("tcp", ":0")
	must(b.t, err)
	defer l.Close()
	b.addr = netip.AddrPortFrom(b.addr.Addr(), uint16(l.Addr().(*net.TCPAddr).Port))
}

// start begins the capture; packets are captured once it returns.
func (b *bench) start() {
	b.t.Helper()
	path := program(b.t, "tcpdump")
	if os.Geteuid() != 0 {
		b.t.Skip("packets are captured by root only")
	}
	b.stderr = &buffer{}
	proto := "tcp "
	if b.udp {
		proto = ""
	}
	ports := proto + "port " + b.port()
	for _, a := range b.also {
		ports += fmt.Sprintf(" or %sport %d", proto, a.Port())
	}
	hosts := "host " + b.addr.Addr().String()
	for _, a := range b.also {
		hosts += " or host " + a.Addr().String()
	}
	if b.beside != "" {
		hosts += " or host " + b.beside
	}
	device, filter := "lo", fmt.Sprintf("(%s) and (%s or udp port 9)", hosts, ports)
	if b.wire != nil {
		device, filter = b.wire.name, b.wire.seen()
	}
	if b.dns {
		filter += " or port 53"
	}
	b.tcpdump = exec.Command(path, "-Z", "root", "-i", device, "-U", "-B", "16384", "-w", b.file, filter)
	b.tcpdump.Stderr = b.stderr
	must(b.t, b.tcpdump.Start())
	b.t.Cleanup(func() {
		if b.tcpdump.ProcessState == nil {
			_ = b.tcpdump.Process.Kill()
			_ = b.tcpdump.Wait()
		}
	})
	b.until("tcpdump to listen", func() bool { return strings.Contains(b.stderr.String(), "listening on") })
}

// stop ends the capture when every connection has ended and all is in the file.
func (b *bench) stop() {
	b.t.Helper()
	b.until("the connections to end", func() bool { return !busy(b.t, b.addr) })
	b.end()
}

// end ends the capture when all is in the file.
func (b *bench) end() {
	b.t.Helper()
	c, err := net.Dial("udp", netip.AddrPortFrom(b.at().Addr(), 9).String())
	must(b.t, err)
	_, err = c.Write([]byte(sentinel))
	must(b.t, err)
	c.Close()
	b.until("the last packet to be written", func() bool { return endsWith(b.file, sentinel) })
	must(b.t, b.tcpdump.Process.Signal(syscall.SIGINT))
	must(b.t, b.tcpdump.Wait())
	if !strings.Contains(b.stderr.String(), "\n0 packets dropped by kernel") {
		b.t.Fatalf("packets are missing in the capture:\n%s", b.stderr)
	}
}

// capture runs what happens between start and stop.
func (b *bench) capture(happen func()) {
	b.t.Helper()
	b.start()
	happen()
	b.stop()
}

func (b *bench) until(what string, done func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// write puts a file into the folder of the case.
func (b *bench) write(name string, content []byte) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	must(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(b.t, os.WriteFile(path, content, 0o644))
	return path
}

// launch starts a server and waits until it listens, without connecting to it:
// that would be a connection in the capture.
func (b *bench) launch(path string, args ...string) {
	b.t.Helper()
	line := slices.Concat(b.within, []string{path}, args)
	cmd, out := exec.Command(line[0], line[1:]...), &buffer{}
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, b.dir
	cmd.Env = append(withoutKeyLog(cmd.Environ()), b.env...)
	cmd.WaitDelay = time.Second
	must(b.t, cmd.Start())
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	b.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
		}
	})
	b.until(filepath.Base(path)+" to listen", func() bool {
		select {
		case <-gone:
			b.t.Fatalf("%s ended:\n%s", path, out)
		default:
		}
		return listening(b.t, b.addr)
	})
}

// Socket states of /proc/net/tcp.
const (
	timeWait = "06"
	closed   = "07"
	listen   = "0A"
)

func listening(t testing.TB, addr netip.AddrPort) bool {
	for _, a := range []netip.AddrPort{addr, netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())} {
		if slices.Contains(sockets(t, a), listen) {
			return true
		}
	}
	return false
}

// busy says that a connection to addr is not over on both sides.
func busy(t testing.TB, addr netip.AddrPort) bool {
	for _, state := range sockets(t, addr) {
		if state != listen && state != timeWait && state != closed {
			return true
		}
	}
	return false
}

// sockets gives the states of the sockets that have addr at either end.
func sockets(t testing.TB, addr netip.AddrPort) (states []string) {
	t.Helper()
	raw, err := os.ReadFile("/proc/net/tcp")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("packets are captured on Linux alone")
	}
	must(t, err)
	a := addr.Addr().As4()
	want := fmt.Sprintf("%02X%02X%02X%02X:%04X", a[3], a[2], a[1], a[0], addr.Port())
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) > 3 && (f[1] == want || f[2] == want) {
			states = append(states, f[3])
		}
	}
	return states
}

func endsWith(file, text string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	end := make([]byte, len(text))
	_, err = f.Seek(-int64(len(end)), io.SeekEnd)
	if err == nil {
		_, err = io.ReadFull(f, end)
	}
	return err == nil && string(end) == text
}

// withoutKeyLog is an environment in which no program logs secrets.
func withoutKeyLog(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "SSLKEYLOGFILE=") })
}

// buffer may be read while a process writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
