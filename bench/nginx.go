package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// startNginx runs nginx with one worker and kept connections to the origin.
func startNginx(b *bench, program string, r route) (*process, error) {
	return nginxServer(b, program, r.name, serverCPU, r.most(), nginxProxy(r, ""))
}

// nginxProxy is the route, with further lines for the server.
func nginxProxy(r route, more string) string {
	http2 := ""
	if r.http2 {
		http2 = " http2"
	}
	return fmt.Sprintf(`
  upstream origin { server %[2]s; keepalive %[8]d; keepalive_requests 1000000000; keepalive_time 1d; }
  server {
    listen %[1]s ssl%[7]s;
    %[4]s
    %[9]s
    location / {
      proxy_pass %[3]s://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_ssl_trusted_certificate %[5]s;
      proxy_ssl_name %[6]s;
      proxy_ssl_verify on;
    }
  }`, r.listen, r.origin, r.scheme, nginxTLS(r.cert), r.cert.file, benchName, http2, r.keeps(), more)
}

// startOrigin runs an origin that answers every request from memory, on the
// load's core. nginx, because it takes the least of that core.
func startOrigin(b *bench, scheme string, cert certificate) (address string, err error) {
	return originWith(b, scheme, cert, "")
}

// originWith has locations of its own beside.
func originWith(b *bench, scheme string, cert certificate, more string) (address string, err error) {
	program, _, err := installed("nginx", "-v")(b)
	if err != nil {
		return "", err
	}
	if address, err = freeAddress(); err != nil {
		return "", err
	}
	listen, tls := address, ""
	if scheme == "https" {
		listen, tls = address+" ssl", nginxTLS(cert)
	}
	p, err := nginxServer(b, program, "origin", loadCPU, originConns, fmt.Sprintf(`
  server {
    listen %s;
    %s
    default_type text/plain;
    %s
    location / { return 200 "%s"; }
  }`, listen, tls, more, strings.Repeat("x", bodySize)))
	if err != nil {
		return "", err
	}
	return address, waitFor(b.ctx, p, scheme+"://"+address+"/", cert)
}

func nginxTLS(cert certificate) string {
	return fmt.Sprintf("ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate %s; ssl_certificate_key %s; ssl_conf_command Ciphersuites %s;", cert.file, cert.key, cipher)
}

// originConns is more than any peer opens.
const originConns = 4096

// nginxServer runs nginx with one worker, for so many connections, around the
// given servers.
func nginxServer(b *bench, program, name, cpu string, conns int, servers string) (*process, error) {
	return nginxModular(b, program, name, cpu, conns, "", servers)
}

// nginxModular has lines in front of all others, where modules are loaded.
func nginxModular(b *bench, program, name, cpu string, conns int, modules, servers string) (*process, error) {
	home := filepath.Join(b.dir, name)
	if err := os.Mkdir(home, 0o755); err != nil {
		return nil, err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	conf, err := b.write(name+".conf", `%[5]s
daemon off;
worker_processes 1;
%[1]s
pid %[2]s/pid;
error_log stderr error;
events { worker_connections %[4]d; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_time 1d;
  client_body_temp_path %[2]s/1;
  proxy_temp_path %[2]s/2;
  fastcgi_temp_path %[2]s/3;
  uwsgi_temp_path %[2]s/4;
  scgi_temp_path %[2]s/5;
%[3]s
}
`, user, home, servers, conns, modules)
	if err != nil {
		return nil, err
	}
	return b.start(name, cpu, nil, program, "-p", home, "-e", "stderr", "-c", conf)
}
