package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"fanlight/internal/testnet"
)

// realFaults are tried with the servers that people have.
func realFaults() []liveFault {
	return []liveFault{
		{rule: "plaintext-to-tls-port", fault: "the route speaks HTTP to the TLS port of nginx", inject: func(l *live) {
			l.serve(l.to("/", "http://"+l.nginx("", "ssl")))
			l.get("/")
		}},
		{rule: "plaintext-to-tls-port", fault: "the route speaks HTTP to the TLS port of Apache", inject: func(l *live) {
			l.serve(l.to("/", "http://"+startApache(l.t, "all", "none").addr))
			l.get("/")
		}},
		{rule: "plaintext-to-tls-port", fault: "the route speaks HTTP to the TLS port of Go", inject: func(l *live) {
			server := httptest.NewTLSServer(http.NotFoundHandler())
			l.t.Cleanup(server.Close)
			l.serve(l.to("/", strings.Replace(server.URL, "https:", "http:", 1)))
			l.get("/")
		}},
		{rule: "origin-closed-without-answer", fault: "the route speaks HTTP to the TLS port of HAProxy", inject: func(l *live) {
			l.serve(l.to("/", "http://"+l.haproxy("bind ADDR ssl crt DIR/both.pem")))
			l.get("/")
		}},
		{rule: "tls-to-plaintext-port", fault: "the route speaks TLS to a plain port of nginx", inject: func(l *live) {
			l.serve(l.to("/", "https://"+l.nginx("", ""), "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "tls-to-plaintext-port", fault: "the route speaks TLS to a plain port of HAProxy", inject: func(l *live) {
			l.serve(l.to("/", "https://"+l.haproxy("bind ADDR"), "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "client-certificate-not-sent", fault: "nginx wants a client certificate", inject: func(l *live) {
			l.serve(l.to("/", "https://"+l.nginx("ssl_verify_client on; ssl_client_certificate DIR/ca.pem;", "ssl"), "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "sni-unknown-alert", fault: "nginx rejects the handshake for that name", inject: func(l *live) {
			l.serve(l.to("/", "https://"+l.nginx("ssl_reject_handshake on;", "ssl"), "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "sni-unknown-alert", fault: "HAProxy with strict-sni has no such name", inject: func(l *live) {
			l.serve(l.to("/", "https://"+l.haproxy("bind ADDR ssl crt DIR/both.pem strict-sni"), "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "no-usable-origin", fault: "HAProxy behind has no server up", inject: func(l *live) {
			l.serve(l.to("/", "http://"+l.haproxy("bind ADDR")))
			l.get("/")
		}},
	}
}

// serverFiles makes a folder with a certificate for a server: DIR in
// configurations.
func (l *live) serverFiles() (dir string) {
	l.t.Helper()
	dir = publicDir(l.t)
	ca := testnet.NewCA(l.t, "Server CA")
	cert := ca.Issue(l.t, testnet.Leaf{})
	for name, text := range map[string][]byte{"ca.pem": ca.CertPEM, "cert.pem": cert.CertPEM, "key.pem": cert.KeyPEM, "both.pem": append(cert.CertPEM, cert.KeyPEM...)} {
		must(l.t, os.WriteFile(dir+"/"+name, text, 0o600))
	}
	return dir
}

// nginx starts nginx with lines of its one server, and what follows its listen
// address.
func (l *live) nginx(lines, listen string) (addr string) {
	l.t.Helper()
	dir, addr := l.serverFiles(), "127.0.0.1:"+freePort(l.t)
	if listen != "" {
		lines += " ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem;"
	}
	path := program(l.t, "nginx")
	write(l.t, dir+"/nginx.conf", strings.NewReplacer("LINES", lines, "ADDR", addr+" "+listen).Replace(strings.ReplaceAll(`daemon off; worker_processes 1; pid DIR/pid; error_log DIR/error.log;
events {}
http { access_log off; client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
server { listen ADDR; LINES return 200 "nginx\n"; } }`, "DIR", dir)))
	raw, err := os.ReadFile(dir + "/nginx.conf")
	must(l.t, err)
	write(l.t, dir+"/nginx.conf", strings.ReplaceAll(string(raw), "DIR", dir))
	launch(l.t, addr, path, "-p", dir, "-c", dir+"/nginx.conf", "-e", dir+"/error.log")
	return addr
}

// haproxy starts HAProxy with a bind line, and a server that is not there.
func (l *live) haproxy(bind string) (addr string) {
	l.t.Helper()
	dir, addr := l.serverFiles(), "127.0.0.1:"+freePort(l.t)
	path := program(l.t, "haproxy")
	write(l.t, dir+"/haproxy.cfg", strings.NewReplacer("ADDR", addr, "DIR", dir).Replace(fmt.Sprintf(`defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend in
  %s
  default_backend out
backend out
  server s1 127.0.0.1:%s disabled
`, bind, freePort(l.t))))
	launch(l.t, addr, path, "-db", "-f", dir+"/haproxy.cfg")
	return addr
}
