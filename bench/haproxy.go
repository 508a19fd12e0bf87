package main

import "fmt"

// startHAProxy runs HAProxy with one thread and shared connections to the
// origin.
func startHAProxy(b *bench, program string, r route) (*process, error) {
	tls := ""
	if r.scheme == "https" {
		tls = fmt.Sprintf("ssl verify required ca-file %s sni str(%s) verifyhost %s", r.cert.file, benchName, benchName)
	}
	http2 := ""
	if r.http2 {
		http2 = "h2,"
	}
	conf, err := b.write(r.name+".cfg", `
global
  nbthread 1
  maxconn %[6]d
  ssl-default-bind-ciphersuites %[5]s
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend door
  bind %[1]s ssl crt %[2]s alpn %[7]shttp/1.1
  default_backend origin
backend origin
  server origin %[3]s %[4]s pool-max-conn %[8]d
`, r.listen, r.cert.bundle, r.origin, tls, cipher, r.most(), http2, r.keeps())
	if err != nil {
		return nil, err
	}
	return b.start(r.name, serverCPU, nil, program, "-db", "-f", conf)
}
