package probe

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// server is a program that serves until the test ends.
type server struct {
	dir  string
	port string
	ca   *testnet.CA
}

// start writes a configuration and starts a program with it. In the
// configuration and the arguments DIR and PORT are replaced.
func start(t *testing.T, program, conf string, args ...string) *server {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	s := prepare(t)
	r := strings.NewReplacer("DIR", s.dir, "PORT", s.port)
	s.write(t, "conf", r.Replace(conf))
	for i := range args {
		args[i] = r.Replace(args[i])
	}
	var out bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-gone
	})
	s.await(t, gone, &out)
	return s
}

// prepare makes a folder with a certificate for localhost, readable for the
// server's own user.
func prepare(t *testing.T) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "fanlight-probe-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := &server{dir: dir, port: port, ca: testnet.NewCA(t, "Peer CA")}
	leaf := s.ca.Issue(t, testnet.Leaf{Names: []string{"localhost"}})
	other := s.ca.Issue(t, testnet.Leaf{Names: []string{"other.test"}})
	for name, text := range map[string][]byte{
		"cert.pem": leaf.CertPEM, "key.pem": leaf.KeyPEM, "ca.pem": s.ca.CertPEM, "both.pem": append(leaf.CertPEM, leaf.KeyPEM...),
		"other.pem": other.CertPEM, "other.key": other.KeyPEM, "www/index.html": []byte("open\n"), "www/secure/index.html": []byte("secret\n"),
	} {
		s.write(t, name, string(text))
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s *server) await(t *testing.T, gone chan struct{}, out *bytes.Buffer) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-gone:
			t.Fatalf("the server ended:\n%s", out)
		default:
		}
		if c, err := net.Dial("tcp", "127.0.0.1:"+s.port); err == nil {
			c.Close()
			return
		}
	}
	t.Fatal("the server does not listen")
}

func (s *server) url(path string) string { return fmt.Sprintf("https://localhost:%s%s", s.port, path) }

// TestNginx: HTTP/2, and another certificate without SNI.
func TestNginx(t *testing.T) {
	s := start(t, "nginx", `daemon off; worker_processes 1; pid DIR/pid; error_log DIR/error.log;
events {}
http { access_log off; client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
ssl_protocols TLSv1.2 TLSv1.3;
server { listen 127.0.0.1:PORT ssl http2 default_server; server_name other.test; ssl_certificate DIR/other.pem; ssl_certificate_key DIR/other.key; return 421; }
server { listen 127.0.0.1:PORT ssl http2; server_name localhost; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; return 200 "nginx\n"; } }
`, "-p", "DIR", "-c", "DIR/conf", "-e", "DIR/error.log")
	r := tried(t, s.url("/"), s.ca.Pool(), nil)
	wants(t, r, "direct certificate ok for localhost", "direct http/1.1 ok 200 OK, 6 bytes, Server: nginx", "direct keep-alive ok", "direct tls 1.1 told no",
		"direct no sni told accepted, another certificate: for other.test", "direct alpn told offered h2 and http/1.1: the server chose h2",
		"direct http/2 ok 200, 6 bytes, Server: nginx", "direct renegotiation told TLS 1.2: the server did not ask")
	for _, step := range r.Steps {
		if step.Name != "http/2" {
			continue
		}
		x := r.Trace.Exchange(step.Exchange)
		if x == nil || x.HTTP != "2" || x.Stream != 1 || x.Status != 200 || x.ResponseBodyBytes != 6 || x.Outcome != "complete" || x.Host != "localhost:"+s.port {
			t.Errorf("HTTP/2 exchange %+v", x)
		}
	}
}

// TestApache: a certificate asked for after the request: by renegotiation in
// TLS 1.2, and in TLS 1.3 by what this client never offers.
func TestApache(t *testing.T) {
	const modules = "/usr/lib/apache2/modules"
	if _, err := os.Stat(modules + "/mod_ssl.so"); err != nil {
		t.Skip("apache2 is not installed with its modules")
	}
	s := start(t, "apache2", strings.ReplaceAll(`
ServerRoot DIR
ServerName localhost
PidFile DIR/pid
ErrorLog DIR/error.log
Mutex posixsem
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule dir_module MODULES/mod_dir.so
LoadModule ssl_module MODULES/mod_ssl.so
User nobody
Group nogroup
Listen 127.0.0.1:PORT
DocumentRoot DIR/www
SSLEngine on
SSLCertificateFile DIR/cert.pem
SSLCertificateKeyFile DIR/key.pem
SSLCACertificateFile DIR/ca.pem
<Location /secure>
  SSLVerifyClient require
</Location>
`, "MODULES", modules), "-f", "DIR/conf", "-D", "FOREGROUND")
	client := s.ca.Issue(t, testnet.Leaf{Subject: "me", Client: true}).TLS()
	r := tried(t, s.url("/secure/"), s.ca.Pool(), func(o *Options) { o.Certificate = &client })
	wants(t, r, "direct http/1.1 told 403", "direct renegotiation told TLS 1.2: the server asked for it after the request, and got it; asked for a client certificate")
	if all := lines(r); !strings.Contains(all, "got CN=me; then it answered 200 OK") {
		t.Error(all)
	}
	without := tried(t, s.url("/secure/"), s.ca.Pool(), nil)
	if all := lines(without); !strings.Contains(all, "none was sent") {
		t.Error(all)
	}
	wants(t, tried(t, s.url("/"), s.ca.Pool(), nil), "direct renegotiation told TLS 1.2: the server did not ask for it", "direct http/1.1 ok 200")
}

// TestHAProxy: a handshake without a known name is refused, and the door in
// front of the server answers 503.
func TestHAProxy(t *testing.T) {
	s := start(t, "haproxy", `global
  stats timeout 10s
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 5s
  retries 0
frontend f
  bind 127.0.0.1:PORT ssl crt DIR/both.pem strict-sni alpn h2,http/1.1
  default_backend none
backend none
  server dead 127.0.0.1:1
`, "-f", "DIR/conf", "-db")
	r := tried(t, s.url("/"), s.ca.Pool(), nil)
	wants(t, r, "direct tls ok", "direct certificate ok", "direct http/1.1 failed 503 Service Unavailable", "direct no sni told refused: ",
		"direct alpn told offered h2 and http/1.1: the server chose h2", "direct http/2 failed 503")
}
