//go:build linux

package bind

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test program stand for a door that systemd started: run
// again with FANLIGHT_TEST_DOOR set, it takes commands.
func TestMain(m *testing.M) {
	if os.Getenv("FANLIGHT_TEST_DOOR") != "" {
		door(os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// door answers every command with a line: start ADDR, stop ADDR, refuse, end.
func door(in io.Reader, out io.Writer) {
	getenv := func(key string) string {
		if key == "LISTEN_PID" && os.Getenv(key) == "self" {
			return strconv.Itoa(os.Getpid())
		}
		return os.Getenv(key)
	}
	inherited, err := FromSystemd(getenv)
	fmt.Fprintf(out, "adopted %d, %v\n", len(inherited), err)
	ls := New(Options{Inherited: inherited})
	refs := map[string]*Ref{}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		command, arg, _ := strings.Cut(lines.Text(), " ")
		switch command {
		case "start":
			ref, err := ls.Acquire(netip.MustParseAddrPort(arg), greet("inherited"))
			refs[arg] = ref
			fmt.Fprintln(out, "start:", err)
		case "stop":
			refs[arg].Release()
			fmt.Fprintln(out, "stopped")
		case "refuse":
			for _, in := range ls.RefuseUnused() {
				fmt.Fprint(out, in.Name, " ", in.Addr, " ")
			}
			fmt.Fprintln(out)
		case "end":
			ls.Close()
			fmt.Fprintln(out, "ended")
			return
		}
	}
}

// doorProcess is a running door.
type doorProcess struct {
	t  *testing.T
	in io.Writer
	b  *bufio.Reader
}

func startDoor(t *testing.T, cmd *exec.Cmd) *doorProcess {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Process.Kill(); cmd.Wait() })
	return &doorProcess{t, in, bufio.NewReader(out)}
}

func (d *doorProcess) expect(want string) {
	d.t.Helper()
	got, err := d.b.ReadString('\n')
	if got = strings.TrimSpace(got); got != want {
		d.t.Fatalf("the door said %q (%v), want %q", got, err, want)
	}
}

func (d *doorProcess) say(command, want string) {
	d.t.Helper()
	fmt.Fprintln(d.in, command)
	d.expect(want)
}

func thisProgram(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// socketFile opens a listener on a free port as systemd would, which names the
// port (the kernel keeps a port it chose itself only while the socket listens),
// and gives its file.
func socketFile(t *testing.T, ip string) (*os.File, netip.AddrPort) {
	t.Helper()
	ln, err := net.Listen("tcp4", at(ip, freePort(t)).String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, ln.Addr().(*net.TCPAddr).AddrPort()
}

func TestSocketActivation(t *testing.T) {
	first, used := socketFile(t, "127.0.0.2")
	second, unused := socketFile(t, "127.0.0.3")
	all, wildcard := socketFile(t, "0.0.0.0")
	early, err := net.Dial("tcp4", used.String())
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()

	cmd := exec.Command(thisProgram(t))
	cmd.Env = append(os.Environ(), "FANLIGHT_TEST_DOOR=1", "LISTEN_PID=self", "LISTEN_FDS=3", "LISTEN_FDNAMES=web:spare:all")
	cmd.ExtraFiles = []*os.File{first, second, all}
	d := startDoor(t, cmd)
	d.expect(fmt.Sprintf("adopted 2, adopt socket 5 (all) from systemd: it listens on %s; give ListenStream= an exact address", wildcard))

	d.say("start "+used.String(), "start: <nil>")
	early.SetDeadline(time.Now().Add(5 * time.Second))
	if word, err := io.ReadAll(early); string(word) != "inherited" {
		t.Errorf("the client that came before the door got %q, %v", word, err)
	}
	d.say("refuse", fmt.Sprintf("spare %s", unused))
	expect(t, unused, "refused")
	for range 3 {
		expect(t, used, "inherited")
		d.say("stop "+used.String(), "stopped")
		expect(t, used, "refused")
		d.say("start "+used.String(), "start: <nil>")
	}
	d.say("start "+unused.String(), "start: <nil>")
	expect(t, unused, "inherited")

	d.say("stop "+used.String(), "stopped")
	d.say("end", "ended")
	c, err := net.Dial("tcp4", used.String())
	if err != nil {
		t.Errorf("the socket was not left listening for systemd: %v", err)
	} else {
		c.Close()
	}
}

func TestActivationByRealSystemd(t *testing.T) {
	activate, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not installed")
	}
	addr := at("127.0.0.2", freePort(t))
	cmd := exec.Command(activate, "-l", addr.String(), "-E", "FANLIGHT_TEST_DOOR=1", "--fdname=web", thisProgram(t))
	d := startDoor(t, cmd)
	var c net.Conn
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err = net.Dial("tcp4", addr.String()); err == nil {
			defer c.Close()
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	d.expect("adopted 1, <nil>")
	d.say("start "+addr.String(), "start: <nil>")
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if word, err := io.ReadAll(c); string(word) != "inherited" {
		t.Errorf("got %q, %v", word, err)
	}
}

func TestNotForThisProcess(t *testing.T) {
	env := map[string]string{"LISTEN_PID": "1", "LISTEN_FDS": "1"}
	if got, err := FromSystemd(func(k string) string { return env[k] }); got != nil || err != nil {
		t.Errorf("sockets of another process: got %v, %v", got, err)
	}
	env = map[string]string{"LISTEN_PID": strconv.Itoa(os.Getpid()), "LISTEN_FDS": "9999"}
	if _, err := FromSystemd(func(k string) string { return env[k] }); err == nil || err.Error() != `adopt sockets from systemd: LISTEN_FDS is "9999"` {
		t.Errorf("too many sockets: got %v", err)
	}
}
