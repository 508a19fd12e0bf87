package oracle

import (
	"net/http"
	"os"
	"strings"
	"time"
)

// third is a second() with a folder of its own, for a third server.
func (b *bench) third() *bench {
	b.t.Helper()
	s := b.second()
	s.dir = b.dir + "/third"
	must(b.t, os.MkdirAll(s.dir, 0o755))
	return s
}

// nginxOf starts nginx with directives of its own on every level. ADDR is the
// address, DIR the folder, SELF the address without the port.
func (b *bench) nginxOf(events, http, server string) {
	b.t.Helper()
	path := program(b.t, "nginx")
	b.identity(rsaCert)
	must(b.t, os.MkdirAll(b.dir+"/www", 0o755))
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	conf := strings.NewReplacer("DIR", b.dir, "ADDR", b.addr.String(), "SELF", b.addr.Addr().String()).Replace(
		"daemon off; worker_processes 1; " + user + " pid DIR/pid; error_log DIR/error.log;\nevents { " + events + " }\nhttp {\n" +
			" access_log off; default_type text/plain; root DIR/www;\n" +
			" client_body_temp_path DIR/tb; proxy_temp_path DIR/tp; fastcgi_temp_path DIR/tf; uwsgi_temp_path DIR/tu; scgi_temp_path DIR/ts;\n" +
			" ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; proxy_bind SELF;\n" + http + "\n server {\n" + server + "\n }\n}\n")
	b.launch(path, "-p", b.dir, "-c", b.write("nginx.conf", []byte(conf)), "-e", b.dir+"/error.log")
}

// to is a location of nginx that passes everything on to back.
func to(back *bench, directives string) string {
	return "location / { proxy_pass http://" + back.addr.String() + "; " + directives + " }"
}

// apacheTo are directives of Apache that pass everything on to back.
func apacheTo(back *bench, parameters string) string {
	const load = "LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\nLoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\n"
	return load + "ProxyPass / http://" + back.addr.String() + "/ " + parameters + "\nProxySourceAddress " + back.addr.Addr().String() + "\n"
}

// apacheBalancer is apacheTo by way of a balancer that takes no member in error.
func apacheBalancer(back *bench) string {
	load := ""
	for _, name := range []string{"proxy_balancer", "lbmethod_byrequests", "slotmem_shm"} {
		load += "LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n"
	}
	front, _, _ := strings.Cut(apacheTo(back, ""), "ProxyPass")
	return front + load + "<Proxy balancer://app>\nBalancerMember http://" + back.addr.String() + " retry=60\nProxySet forcerecovery=Off\n</Proxy>\nProxyPass / balancer://app/\n" +
		"ProxySourceAddress " + back.addr.Addr().String() + "\nDefaultRuntimeDir " + back.dir + "\n"
}

// plain is the address of the server without TLS.
func (b *bench) plain(path string) string { return "http://" + b.addr.String() + path }

// node runs a script in which HOST, PORT and IP are those of the server.
func (b *bench) node(script string, flags ...string) {
	b.t.Helper()
	script = strings.NewReplacer("HOST", host, "PORT", b.port(), "IP", b.addr.Addr().String()).Replace(script)
	b.client(program(b.t, "node"), nil, append(flags, "--tls-keylog="+b.keys, b.write("client.js", []byte(script)))...)
}

// browse loads a page with Chromium.
func (b *bench) browse(url string, args ...string) {
	b.t.Helper()
	b.client(program(b.t, "chromium"), nil, append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + b.dir + "/profile",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
		"--ignore-certificate-errors", "--host-resolver-rules=MAP " + host + " " + b.addr.Addr().String() + ",MAP * ~NOTFOUND,EXCLUDE " + b.addr.Addr().String(),
		"--timeout=15000", "--dump-dom", url}, args...)...)
}

// piecewise sends its body in so many pieces with a pause between them.
func piecewise(kind string, pieces, size int, pause time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		for n := range pieces {
			if n > 0 {
				time.Sleep(pause)
			}
			writef(w, "data: %d %s\n\n", n, text(size))
			if http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	})
}

// nodeServer runs a server that listens on IP and PORT.
func (b *bench) nodeServer(script string) {
	b.t.Helper()
	path := program(b.t, "node")
	script = strings.NewReplacer("PORT", b.port(), "IP", b.addr.Addr().String()).Replace(script)
	b.launch(path, b.write("server.js", []byte(script)))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// pythonUpload sends 60 KB in pieces, and then reads, as Python's http.client does.
func (b *bench) pythonUpload(connection string) {
	b.t.Helper()
	b.client(program(b.t, "python3"), nil, "-c", `
import http.client, ssl, time
def body():
    for n in range(20):
        yield b"x" * 3000
        time.sleep(0.02)
c = http.client.`+connection+`
c.request("POST", "/up", body=body(), headers={"Host": "`+host+`", "Content-Length": "60000"})
print(c.getresponse().status)
`)
}
