package oracle

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// nginxHTTP starts nginx with what stands in its http block, in which ADDR is
// the address, IP without its port, and DIR the folder.
func (b *bench) nginxHTTP(block string, args ...string) {
	b.t.Helper()
	path := program(b.t, "nginx")
	b.write("www/page.txt", text(300))
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	conf := user + ` daemon off; worker_processes 1; pid DIR/pid; error_log DIR/error.log;
events {}
http {
  access_log off; default_type text/plain; ssl_protocols TLSv1.2 TLSv1.3;
  client_body_temp_path DIR/tb; proxy_temp_path DIR/tp; fastcgi_temp_path DIR/tf; uwsgi_temp_path DIR/tu; scgi_temp_path DIR/ts;
  ` + block + `
}`
	b.launch(path, "-p", b.dir, "-c", b.write("nginx.conf", []byte(b.inDir(conf))), "-e", b.dir+"/error.log")
}

// attempt is visit where the handshake may fail.
func (b *bench) attempt(config *tls.Config) *visitor {
	b.t.Helper()
	tcp, err := net.DialTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, net.TCPAddrFromAddrPort(b.addr))
	must(b.t, err)
	_ = tcp.SetDeadline(time.Now().Add(patience))
	config = config.Clone()
	config.ServerName, config.InsecureSkipVerify, config.KeyLogWriter = host, true, b.keyLog()
	c := tls.Client(tcp, config)
	if err := c.Handshake(); err != nil {
		b.t.Log(err)
	}
	return &visitor{c, b, bufio.NewReader(c), tcp}
}

// trusting is what Go's client knows of authorities.
func (b *bench) trusting(file string) *x509.CertPool {
	b.t.Helper()
	raw, err := os.ReadFile(b.dir + "/" + file)
	must(b.t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(raw)
	return pool
}

// gnutlsWith starts gnutls-serv with a certificate of the case's own.
func (b *bench) gnutlsWith(priority, cert string, args ...string) {
	b.t.Helper()
	path := program(b.t, "gnutls-serv")
	b.listenAnywhere()
	b.launch(path, append([]string{"--http", "--quiet", "--port", b.port(), "--priority", priority,
		"--x509certfile", cert + ".pem", "--x509keyfile", keyOf(cert) + ".key"}, args...)...)
}

// inDir puts in the folder for DIR, the address for ADDR and its IP address for IP.
func (b *bench) inDir(conf string) string {
	return strings.NewReplacer("DIR", b.dir, "ADDR", b.addr.String(), "IP", b.addr.Addr().String()).Replace(conf)
}

// reload makes nginx read its configuration again, and waits until it has.
func (b *bench) reload() {
	b.t.Helper()
	workers := func() string { return b.workers() }
	before := workers()
	b.shell("kill -HUP $(cat " + b.dir + "/pid)")
	b.until("nginx to reload", func() bool { now := workers(); return now != before && !strings.Contains(now, " ") })
	time.Sleep(50 * time.Millisecond)
}

// workers are the process ids of nginx's or Apache's children.
func (b *bench) workers() string {
	b.t.Helper()
	out, err := exec.Command("sh", "-c", "pgrep -P $(cat "+b.dir+"/pid)").Output()
	must(b.t, err)
	return strings.Join(strings.Fields(string(out)), " ")
}

// rewrite changes a file of the case.
func (b *bench) rewrite(name, from, to string) {
	b.t.Helper()
	raw, err := os.ReadFile(b.dir + "/" + name)
	must(b.t, err)
	b.write(name, []byte(strings.Replace(string(raw), from, to, 1)))
}

// opensslAs runs openssl s_client as openssl does, with another server name;
// empty: it names none.
func (b *bench) opensslAs(name string, input []string, args ...string) {
	b.t.Helper()
	r, w, err := os.Pipe() // of a pipe of its own no one waits for the end
	must(b.t, err)
	defer r.Close()
	defer w.Close()
	go func() {
		for _, text := range input {
			time.Sleep(200 * time.Millisecond)
			_, _ = io.WriteString(w, text)
		}
	}()
	who := []string{"-servername", name}
	if name == "" {
		who = []string{"-noservername"}
	}
	b.client(program(b.t, "openssl"), r, append(append([]string{"s_client", "-connect", b.addr.String(), "-keylogfile", b.keys}, who...), args...)...)
}
