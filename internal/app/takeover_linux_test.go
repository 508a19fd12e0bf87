package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/app"
)

// doorProcess is a door that runs as users run it.
type doorProcess struct {
	*many
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	said *said
}

// said keeps what processes print; they share a file, as it outlives the first.
type said struct{ path string }

// news is what they print but for the sites and addresses that they begin with.
func (s *said) news(t *testing.T) string {
	var out []string
	for line := range strings.Lines(read(t, s.path)) {
		if !strings.HasPrefix(line, "serving ") && !strings.HasPrefix(line, "  ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// startProcess starts a door with many sites as a process of its own.
func startProcess(t *testing.T) *doorProcess {
	t.Helper()
	d := &doorProcess{many: &many{addrs: map[string]string{}}, t: t, dir: t.TempDir()}
	must(t, os.MkdirAll(filepath.Join(d.dir, "www"), 0o755))
	write(t, filepath.Join(d.dir, "www", "file.txt"), fileText)
	socket := filepath.Join(d.dir, "control.sock")
	write(t, d.config(), d.configuration(t, socket, startManyOrigin(t)))
	d.said = &said{filepath.Join(d.dir, "stderr")}
	d.cmd = d.start(d.config())
	d.ctl = app.NewClient(socket)
	d.await(d.cmd.Process.Pid)
	d.roots = x509.NewCertPool()
	if !d.roots.AppendCertsFromPEM([]byte(read(t, filepath.Join(d.dir, "fanlight-data", "ca", "root.pem")))) {
		t.Fatal("the local CA's root is no certificate")
	}
	until(t, "the last of the sites", func() bool { return d.try("s19-09.test") == nil })
	return d
}

func (d *doorProcess) config() string { return filepath.Join(d.dir, "fanlight.yaml") }

func (d *doorProcess) start(args ...string) *exec.Cmd {
	d.t.Helper()
	out, err := os.OpenFile(d.said.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(d.t, err)
	defer out.Close()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asDoor+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = out
	must(d.t, cmd.Start())
	var ended sync.WaitGroup
	ended.Go(func() { _ = cmd.Wait() })
	d.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Process.Signal(syscall.SIGTERM) // at once
		ended.Wait()
		if d.t.Failed() {
			d.t.Log(d.said.news(d.t))
		}
	})
	return cmd
}

// serving is the process that answers on the control socket.
func (d *doorProcess) serving() (pid int) {
	var health []struct{ PID int }
	if d.ctl.Get(d.t.Context(), "/api/health", &health) == nil && len(health) == 1 {
		pid = health[0].PID
	}
	return pid
}

func (d *doorProcess) await(pid int) {
	d.t.Helper()
	until(d.t, fmt.Sprintf("process %d to serve", pid), func() bool { return d.serving() == pid })
}

// Ten programs take over from one another, one of them started by hand, while
// clients come and stay: no request fails, no WebSocket is closed, and what was
// stopped stays stopped.
func TestTakeOvers(t *testing.T) {
	d := startProcess(t)
	d.change(t, sharedVictim, "stop")
	load := d.startLoad(t)
	pids := []int{d.serving()}
	for round := range 10 {
		before := load.counts()
		pids = append(pids, d.takeOver(round))
		if err := d.try(sharedVictim); !isUnrecognizedName(err) {
			t.Errorf("round %d: a client of the stopped site: %v", round, err)
		}
		until(t, "load after a take-over", func() bool {
			now := load.counts()
			return now.requests > before.requests+20 && now.conns > before.conns && now.echoes > before.echoes+manySockets
		})
	}
	counts := load.counts()
	t.Logf("10 take-overs: %d requests, %d connections, %d echoes, 0 failed", counts.requests, counts.conns, counts.echoes)
	load.stop(t)
	for _, pid := range pids[:len(pids)-1] {
		until(t, fmt.Sprintf("process %d to end with its last connection", pid), func() bool { return !running(pid) })
	}
}

// takeOver has the next process take over, in turn by a command, by a signal and
// by hand, and gives its pid.
func (d *doorProcess) takeOver(round int) (pid int) {
	d.t.Helper()
	before := d.serving()
	switch round % 3 {
	case 0:
		var done []struct{ PID, Before int }
		must(d.t, d.ctl.Change(d.t.Context(), http.MethodPost, "/api/upgrade", nil, &done))
		if len(done) != 1 || done[0].Before != before || done[0].PID == before {
			d.t.Fatalf("round %d: upgrade of %d gives %+v", round, before, done)
		}
		d.t.Cleanup(func() { _ = syscall.Kill(done[0].PID, syscall.SIGKILL) })
	case 1:
		must(d.t, syscall.Kill(before, syscall.SIGUSR2))
	case 2:
		d.start(d.config(), "--take-over")
	}
	until(d.t, "another process to serve", func() bool { pid = d.serving(); return pid != 0 && pid != before })
	d.t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGTERM) })
	return pid
}

func running(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(raw, []byte(") Z "))
}

// A program that cannot go on as well as the one that serves does not get to
// serve, and nothing happens to clients.
func TestFailedTakeOvers(t *testing.T) {
	d := startProcess(t)
	load := d.startLoad(t)
	pid := d.serving()
	text := read(t, d.config())
	for _, test := range []struct{ name, change, with, says string }{
		{"broken file", "sites:\n", "sites: [\n", "before it asked to take over"},
		{"a site that would fail", "routes:\n", "rutes:\n", "would fail"},
		{"an address that cannot be had", `alone.test"]`, `alone.test", "192.0.2.1:443 alone.test"]`, "would fail"},
	} {
		write(t, d.config(), strings.Replace(text, test.change, test.with, 1))
		err := d.ctl.Change(t.Context(), http.MethodPost, "/api/upgrade", nil, nil)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: upgrade gives %v", test.name, err)
		}
		if now := d.serving(); now != pid {
			t.Fatalf("%s: process %d serves, want %d", test.name, now, pid)
		}
		if err := d.try(aloneVictim); err != nil {
			t.Errorf("%s: a client of a site with an address of its own: %v", test.name, err)
		}
	}
	write(t, d.config(), text)
	until(t, "load after failed take-overs", func() bool { return load.counts().requests > 100 })
	d.takeOver(0)
	time.Sleep(50 * time.Millisecond) // some more load
	load.stop(t)
}

// A hundred reloads, each of which opens, closes or changes a site, or brings a
// fault, while clients use the others: none of them notices.
func TestReloads(t *testing.T) {
	d := startProcess(t)
	load := d.startLoad(t)
	text := read(t, d.config())
	victim := "  " + strings.TrimSuffix(sharedVictim, ".test") + ":\n"
	i := strings.Index(text, victim)
	j := i + strings.Index(text[i:], "\n  s07-04:") + 1
	versions := []struct{ text, says string }{
		{text[:i] + text[j:], `"opened":0`},
		{text, `"opened":1,"closed":0`},
		{strings.Replace(text, victim, victim+"    request_headers: {set: {X-Round: one}}\n", 1), `"changed":1,"unchanged":200`},
		{strings.Replace(text, victim, victim+"    rutes: []\n", 1), `"unchanged":200,"faulty":1`},
		{text + "  late:\n    bind: [\"127.0.1.101:" + d.port() + " late.test\"]\n    routes: [{path: /, files: ./www}]\n", `"opened":1`},
	}
	began := time.Now()
	for round := range 100 {
		v := versions[round%len(versions)]
		write(t, d.config(), v.text)
		var items []json.RawMessage
		must(t, d.ctl.Change(t.Context(), http.MethodPost, "/api/reload", nil, &items))
		if sum := string(items[len(items)-1]); !strings.Contains(sum, v.says) {
			// A site that has just gone is waited for, and cannot come back yet.
			if !strings.Contains(sum, `"faulty":1`) {
				t.Fatalf("round %d: %s, want %s", round, sum, v.says)
			}
		}
		time.Sleep(20 * time.Millisecond) // for load between two reloads
	}
	counts := load.counts()
	t.Logf("100 reloads in %s: %d requests, %d connections, %d echoes, 0 failed", time.Since(began).Round(time.Millisecond), counts.requests, counts.conns, counts.echoes)
	load.stop(t)
	if counts.requests < 200 || counts.echoes < manySockets {
		t.Error("this was no load")
	}
}

func (d *doorProcess) port() string {
	_, port, _ := strings.Cut(d.addrs[aloneVictim], ":")
	return port
}

// Clients of HTTP/2 are warned in time: no request of theirs fails either.
func TestTakeOversOverHTTP2(t *testing.T) {
	d := startProcess(t)
	host := d.others[0]
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: d.roots, ServerName: host},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", d.addrs[host])
		}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: wait}
	post := func() error { // which the client does not send twice by itself
		res, err := client.Post("https://"+host+"/page", "text/plain", strings.NewReader("x"))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return err
		}
		if res.ProtoMajor != 2 || res.StatusCode != 200 {
			return fmt.Errorf("%s %s", res.Proto, res.Status)
		}
		return nil
	}
	var ended atomic.Bool
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for !ended.Load() {
				if err := post(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 3 {
		d.takeOver(0)
		time.Sleep(100 * time.Millisecond) // some more load
	}
	ended.Store(true)
	clients.Wait()
}
