package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// program finds a program that a test needs, also where only root's PATH leads.
func program(t testing.TB, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skip(name + " is not installed")
	return ""
}

// process is a peer in a process of its own.
type process struct {
	pid int
	out *buffer
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

// launch starts a program, waits until it listens on addr, and ends it with the
// test.
func launch(t testing.TB, addr string, path string, args ...string) *process {
	t.Helper()
	p := &process{out: &buffer{}}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.Dir = "/"
	cmd.WaitDelay = 5 * time.Second
	must(t, cmd.Start())
	p.pid = cmd.Process.Pid
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(wait):
			_ = cmd.Process.Kill()
		}
	})
	until(t, filepath.Base(path)+" to listen", func() bool {
		select {
		case <-gone:
			t.Fatalf("%s ended:\n%s", path, p.out)
		default:
		}
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return p
}

// publicDir is a temporary folder that the user of a server may read.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fanlight-peer-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// apache is Apache with mod_ssl.
type apache struct {
	addr string
	ca   *testnet.CA
	dir  string
}

// startApache starts Apache with TLS. Below /secure it wants a client
// certificate of its CA: with TLS 1.2 by a renegotiation.
func startApache(t testing.TB, protocol, verify string) *apache {
	t.Helper()
	path := program(t, "apache2")
	const modules = "/usr/lib/apache2/modules"
	if _, err := os.Stat(modules + "/mod_ssl.so"); err != nil {
		t.Skip("apache2 is not installed with its modules")
	}
	a := &apache{addr: "127.0.0.1:" + freePort(t), ca: testnet.NewCA(t, "Origin CA"), dir: publicDir(t)}
	leaf := a.ca.Issue(t, testnet.Leaf{Subject: "app.internal", Names: []string{"app.internal"}})
	write(t, a.dir+"/cert.pem", string(leaf.CertPEM))
	write(t, a.dir+"/key.pem", string(leaf.KeyPEM))
	write(t, a.dir+"/ca.pem", string(a.ca.CertPEM))
	for name, text := range map[string]string{"index.html": "open\n", "secure/index.html": "secret\n", "secure/two.html": "second\n"} {
		write(t, a.dir+"/www/"+name, text)
		must(t, os.Chmod(a.dir+"/www/"+name, 0o644))
	}
	conf := strings.NewReplacer("DIR", a.dir, "MODULES", modules, "ADDR", a.addr, "PROTOCOL", protocol, "VERIFY", verify).Replace(`
ServerRoot DIR
ServerName app.internal
ServerTokens Prod
PidFile DIR/pid
ErrorLog DIR/error.log
Mutex posixsem
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule dir_module MODULES/mod_dir.so
LoadModule ssl_module MODULES/mod_ssl.so
LoadModule headers_module MODULES/mod_headers.so
User nobody
Group nogroup
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
Listen ADDR
KeepAliveTimeout 60
DocumentRoot DIR/www
FileETag None
SSLEngine on
SSLProtocol PROTOCOL
SSLCertificateFile DIR/cert.pem
SSLCertificateKeyFile DIR/key.pem
SSLCACertificateFile DIR/ca.pem
SSLSessionTickets off
<Location /secure>
  SSLVerifyClient VERIFY
  SSLVerifyDepth 2
  Header set X-Client-Subject "expr=%{SSL_CLIENT_S_DN}"
</Location>
`)
	write(t, a.dir+"/httpd.conf", conf)
	launch(t, a.addr, path, "-f", a.dir+"/httpd.conf", "-D", "FOREGROUND")
	return a
}

// startNginx starts nginx with listen lines of one server.
func startNginx(t testing.TB, up string, listen ...string) *process {
	t.Helper()
	path := program(t, "nginx")
	dir := t.TempDir()
	write(t, dir+"/nginx.conf", fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen %[2]s; return 200 "nginx\n"; } }`, dir, strings.Join(listen, "; listen ")))
	return launch(t, up, path, "-p", dir, "-c", dir+"/nginx.conf", "-e", dir+"/error.log")
}

// curl runs curl against the door, which it trusts; name leads to addr. It
// gives what was printed, and curl's exit code.
func (d *door) curl(name, addr string, args ...string) (out string, code int) {
	d.t.Helper()
	path := program(d.t, "curl")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	all := append([]string{"-q", "-sS", "--noproxy", "*", "--max-time", "20", "--http1.1", "--cacert", d.rootFile(),
		"--resolve", name + ":" + d.port + ":" + addr}, args...)
	cmd := exec.CommandContext(ctx, path, all...)
	raw, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		d.t.Fatalf("run curl: %v", err)
	}
	return string(raw), cmd.ProcessState.ExitCode()
}

// url is an address at the door.
func (d *door) url(name, path string) string { return "https://" + name + ":" + d.port + path }
