package bind

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/machine"
)

// startNginx runs nginx with one listen line and a worker, and gives its pid.
func startNginx(t *testing.T, listen string, up string) int {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	dir := t.TempDir()
	conf := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen %[2]s; } }`, dir, listen)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-p", dir, "-c", file, "-e", filepath.Join(dir, "error.log"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp4", up); err == nil {
			c.Close()
			return cmd.Process.Pid
		}
	}
	t.Fatal("nginx did not start")
	return 0
}

func TestRefusalNamesNginx(t *testing.T) {
	port := freePort(t)
	pid := startNginx(t, fmt.Sprintf("0.0.0.0:%d", port), at("127.0.0.1", port).String())
	ls := New(Options{})
	defer ls.Close()
	want := at("127.0.0.2", port)
	_, err := ls.Acquire(want, greet(""))
	message := fmt.Sprintf("bind %s: held by nginx (pid %d) on 0.0.0.0:%d, which takes this port on every address", want, pid, port)
	if err == nil || err.Error() != message {
		t.Fatalf("got %v, want %s", err, message)
	}
	var refused *machine.BindError
	if !errors.As(err, &refused) || len(refused.Fixes) != 1 {
		t.Fatalf("got %#v, want one fix", err)
	}
	fix := machine.Fix{Program: "nginx",
		Text:    "give every listen line of nginx for this port an address, and restart nginx (a reload keeps the old socket)",
		Command: fmt.Sprintf("listen 127.0.0.1:%d ssl;", port)}
	if refused.Fixes[0] != fix {
		t.Errorf("got fix %v, want %v", refused.Fixes[0], fix)
	}
	event := refused.Event("shop")
	for key, value := range map[string]string{flow.KeySite: "shop", flow.KeyHolder: "nginx", flow.KeyPID: fmt.Sprint(pid),
		flow.KeyOn: fmt.Sprintf("0.0.0.0:%d", port), flow.KeyErrno: "EADDRINUSE"} {
		if got := event.Attr(key); got != value {
			t.Errorf("event: %s is %q, want %q", key, got, value)
		}
	}
}

func TestNarrowedNginxLivesBesideUs(t *testing.T) {
	port := freePort(t)
	startNginx(t, fmt.Sprintf("127.0.0.1:%d", port), at("127.0.0.1", port).String())
	ls := New(Options{})
	defer ls.Close()
	acquire(t, ls, at("127.0.0.2", port), greet("ours"))
	expect(t, at("127.0.0.2", port), "ours")
}
