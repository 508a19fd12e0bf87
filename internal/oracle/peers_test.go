package oracle

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// blob is n bytes that do not compress; the same ones for the same seed.
func blob(seed uint64, n int) []byte {
	r, b := rand.New(rand.NewPCG(seed, 1)), make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// text is n bytes of lines that compress.
func text(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "line %d of a text that compresses well\n", i)
	}
	return b[:n]
}

// identity is what a server shows.
type identity struct {
	cert      *testnet.Cert
	pem, key  string // files
	caFile    string
	clientPEM string // certificate and key of a client
	clientKey string
}

// authority issues the certificates of all cases; keys cost time.
type authority struct {
	once        sync.Once
	ca          *testnet.CA
	rsa, ecdsa  *testnet.Cert
	old, client *testnet.Cert
}

var shared authority

func (a *authority) make(t testing.TB) {
	a.ca = testnet.NewCA(t, "Oracle CA")
	a.rsa = a.ca.Issue(t, testnet.Leaf{RSA: true, Names: []string{host}})
	a.ecdsa = a.ca.Issue(t, testnet.Leaf{Names: []string{host}})
	a.old = a.ca.Issue(t, testnet.Leaf{Names: []string{host}}.Expired())
	a.client = a.ca.Issue(t, testnet.Leaf{Client: true, Subject: "visitor", RSA: true})
}

// certKind says what certificate a server shows.
type certKind int

const (
	rsaCert certKind = iota
	ecdsaCert
	expiredCert
)

// identity writes the certificate of a server, and one of a client.
func (b *bench) identity(kind certKind) identity {
	b.t.Helper()
	shared.once.Do(func() { shared.make(b.t) })
	cert := [...]*testnet.Cert{shared.rsa, shared.ecdsa, shared.old}[kind]
	if b.cert != nil {
		cert = b.cert
	}
	return identity{
		cert: cert, pem: b.write("cert.pem", cert.CertPEM), key: b.write("key.pem", cert.KeyPEM),
		caFile:    b.write("ca.pem", shared.ca.CertPEM),
		clientPEM: b.write("client.pem", shared.client.CertPEM), clientKey: b.write("client.key", shared.client.KeyPEM),
	}
}

// nginx starts nginx with files below www and more directives of its server.
func (b *bench) nginx(files map[string][]byte, listen, directives string) {
	b.t.Helper()
	path := program(b.t, "nginx")
	b.identity(rsaCert)
	for name, content := range files {
		b.write("www/"+name, content)
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	conf := strings.NewReplacer("DIR", b.dir, "ADDR", b.addr.String(), "LISTEN", listen, "USER", user, "MORE", directives).Replace(`
daemon off; worker_processes 1; USER pid DIR/pid; error_log DIR/error.log;
events {}
http {
  access_log off; default_type application/octet-stream; types { text/plain txt; text/html html shtml; text/css css; }
  client_body_temp_path DIR/tb; proxy_temp_path DIR/tp; fastcgi_temp_path DIR/tf; uwsgi_temp_path DIR/tu; scgi_temp_path DIR/ts;
  client_max_body_size 0;
  server {
    listen ADDR LISTEN;
    ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem;
    root DIR/www;
    location /put/ { dav_methods PUT; create_full_put_path on; }
    MORE
  }
}`)
	b.launch(path, "-p", b.dir, "-c", b.write("nginx.conf", []byte(conf)), "-e", b.dir+"/error.log")
}

// apache starts Apache with TLS and more directives.
func (b *bench) apache(files map[string][]byte, directives string) identity {
	b.t.Helper()
	path := program(b.t, "apache2")
	const modules = "/usr/lib/apache2/modules"
	if _, err := os.Stat(modules + "/mod_ssl.so"); err != nil {
		b.t.Skip("apache2 is not installed with its modules")
	}
	id := b.identity(rsaCert)
	for name, content := range files {
		b.write("www/"+name, content)
	}
	conf := strings.NewReplacer("DIR", b.dir, "MODULES", modules, "ADDR", b.addr.String(), "HOST", host, "MORE", directives).Replace(`
ServerRoot DIR
ServerName HOST
PidFile DIR/pid
ErrorLog DIR/error.log
Mutex posixsem
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule dir_module MODULES/mod_dir.so
LoadModule ssl_module MODULES/mod_ssl.so
LoadModule headers_module MODULES/mod_headers.so
LoadModule http2_module MODULES/mod_http2.so
LoadModule socache_shmcb_module MODULES/mod_socache_shmcb.so
User nobody
Group nogroup
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
Listen ADDR
DocumentRoot DIR/www
SSLEngine on
SSLCertificateFile DIR/cert.pem
SSLCertificateKeyFile DIR/key.pem
SSLCACertificateFile DIR/ca.pem
MORE
`)
	b.launch(path, "-f", b.write("httpd.conf", []byte(conf)), "-D", "FOREGROUND")
	return id
}

// opensslServer starts openssl s_server, which answers GET /NAME with the file
// NAME, head included, and closes.
func (b *bench) opensslServer(cert certKind, content []byte, args ...string) identity {
	b.t.Helper()
	path := program(b.t, "openssl")
	id := b.identity(cert)
	head := fmt.Sprintf("HTTP/1.1 200 Fine\r\nServer: s_server\r\nX-Twice: a\r\nx-twice:  b \r\nContent-Length: %d\r\n\r\n", len(content))
	b.write("answer", append([]byte(head), content...))
	b.launch(path, append([]string{
		"s_server", "-accept", b.addr.String(), "-cert", id.pem, "-key", id.key, "-HTTP", "-quiet",
	}, args...)...)
	return id
}

// gnutlsServer starts gnutls-serv, which answers with a page of its own.
func (b *bench) gnutlsServer(priority string) {
	b.t.Helper()
	path := program(b.t, "gnutls-serv")
	b.listenAnywhere()
	// GnuTLS holds RSA key exchange to the usage that the certificate names.
	b.client(program(b.t, "openssl"), nil, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "gnutls.key", "-out", "gnutls.pem",
		"-subj", "/CN="+host, "-addext", "keyUsage=digitalSignature,keyEncipherment")
	b.launch(path, "--http", "--quiet", "--port", b.port(), "--priority", priority, "--x509certfile", "gnutls.pem", "--x509keyfile", "gnutls.key")
}

// goServer serves with crypto/tls and net/http. config may be nil: plain.
func (b *bench) goServer(handler http.Handler, config *tls.Config, http2 bool) {
	b.t.Helper()
	l, err := net.Listen("tcp", b.addr.String())
	must(b.t, err)
	s := &http.Server{Handler: handler, ReadHeaderTimeout: patience, Protocols: &http.Protocols{}, ErrorLog: discard()}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(http2)
	s.Protocols.SetUnencryptedHTTP2(http2 && config == nil)
	b.t.Cleanup(func() { s.Close() })
	if config == nil {
		go func() { _ = s.Serve(l) }()
		return
	}
	s.TLSConfig = config
	go func() { _ = s.ServeTLS(l, "", "") }()
}

// rawServer runs serve for each connection that comes.
func (b *bench) rawServer(serve func(c *net.TCPConn)) {
	b.t.Helper()
	l, err := net.Listen("tcp", b.addr.String())
	must(b.t, err)
	b.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			go serve(c.(*net.TCPConn))
		}
	}()
}

// url is an address at the server of the case.
func (b *bench) url(path string) string { return "https://" + host + ":" + b.port() + path }

// curl runs curl, which need not succeed.
func (b *bench) curl(args ...string) string {
	b.t.Helper()
	all := append([]string{"-q", "-sS", "-k", "--noproxy", "*", "--max-time", "20",
		"--resolve", host + ":" + b.port() + ":" + b.at().Addr().String()}, args...)
	return b.client(program(b.t, "curl"), nil, all...)
}

// client runs a client that writes its secrets to the key log, and gives what it prints.
func (b *bench) client(path string, input io.Reader, args ...string) string {
	b.t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Dir = b.dir
	cmd.Env = append(append(withoutKeyLog(cmd.Environ()), b.env...), "SSLKEYLOGFILE="+b.keys, "HOME="+b.dir)
	cmd.Stdin = input
	cmd.WaitDelay = time.Second
	out := &buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	must(b.t, cmd.Start())
	stop := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	if err := cmd.Wait(); err != nil {
		b.t.Logf("%s: %v: %s", path, err, tail(out.String()))
	}
	return out.String()
}

func tail(s string) string { return s[max(0, len(s)-400):] }

// keyLog opens the key log for a server or client in this process.
func (b *bench) keyLog() *os.File {
	b.t.Helper()
	f, err := os.OpenFile(b.keys, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(b.t, err)
	b.t.Cleanup(func() { f.Close() })
	return f
}

// transport is what a Go client needs to reach the server of the case; config
// is nil without TLS.
func (b *bench) transport(config *tls.Config, http2 bool) *http.Transport {
	tr := &http.Transport{TLSClientConfig: config, DisableCompression: true, Protocols: &http.Protocols{}}
	if config != nil {
		config.InsecureSkipVerify = true
	}
	tr.Protocols.SetHTTP1(!http2)
	tr.Protocols.SetHTTP2(http2)
	tr.Protocols.SetUnencryptedHTTP2(http2 && config == nil)
	tr.DialContext = toServer(b)
	return tr
}
