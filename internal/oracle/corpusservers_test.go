package oracle

import (
	"crypto/x509"
	"os"
	"strings"
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
  access_log off; default_type text/plain;
  client_body_temp_path DIR/tb; proxy_temp_path DIR/tp; fastcgi_temp_path DIR/tf; uwsgi_temp_path DIR/tu; scgi_temp_path DIR/ts;
  ` + block + `
}`
	conf = strings.NewReplacer("DIR", b.dir, "ADDR", b.addr.String(), "IP", b.addr.Addr().String()).Replace(conf)
	b.launch(path, "-p", b.dir, "-c", b.write("nginx.conf", []byte(conf)), "-e", b.dir+"/error.log")
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
