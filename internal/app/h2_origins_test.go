package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

const toH2 = `
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes:
      - {path: /, to: "$ORIGIN", http: "$HTTP", host: app.internal, tls: {$TLS}, timeouts: {first_byte: 5s}}
`

// h2Peer is a program that serves HTTP/2; start gives its URL.
type h2Peer struct {
	name  string
	http  string // of the route; default auto
	start func(t *testing.T, dir string, ca *testnet.CA) (url string)
	post  string // what a POST of hello gets, empty: none is made
}

// h2Identity writes a certificate for app.internal.
func h2Identity(t *testing.T, dir string, ca *testnet.CA) (file, key string) {
	leaf := ca.Issue(t, testnet.Leaf{Subject: "app.internal", Names: []string{"app.internal"}})
	write(t, dir+"/cert.pem", string(leaf.CertPEM))
	write(t, dir+"/key.pem", string(leaf.KeyPEM))
	write(t, dir+"/www/a.txt", "from the origin\n")
	must(t, os.Chmod(dir+"/www/a.txt", 0o644))
	return dir + "/cert.pem", dir + "/key.pem"
}

// nodeOrigin echoes bodies over HTTP/2, with trailers.
const nodeOrigin = `
const http2 = require('http2'), fs = require('fs');
const [port, cert, key] = process.argv.slice(2);
const s = cert ? http2.createSecureServer({cert: fs.readFileSync(cert), key: fs.readFileSync(key), allowHTTP1: true}) : http2.createServer();
s.on('stream', (st, h) => {
  let got = '';
  st.on('data', (b) => got += b).on('end', () => {
    st.respond({':status': 200, 'x-version': '2'}, {waitForTrailers: true});
    st.on('wantTrailers', () => st.sendTrailers({'x-sum': '1'}));
    st.end(h[':path'] === '/a.txt' ? 'from the origin\n' : h[':method'] + ' ' + got);
  });
});
s.listen(port, '127.0.0.1');
`

func h2Peers() []h2Peer {
	node := func(secure bool) func(*testing.T, string, *testnet.CA) string {
		return func(t *testing.T, dir string, ca *testnet.CA) string {
			file, key := h2Identity(t, dir, ca)
			port := freePort(t)
			script := filepath.Join(dir, "origin.js")
			write(t, script, nodeOrigin)
			args, scheme := []string{script, port}, "http"
			if secure {
				args, scheme = append(args, file, key), "https"
			}
			launch(t, "127.0.0.1:"+port, program(t, "node"), args...)
			return scheme + "://127.0.0.1:" + port
		}
	}
	return []h2Peer{
		{name: "node", start: node(true), post: "POST hello"},
		{name: "node without TLS", http: "2", start: node(false), post: "POST hello"},
		{name: "nghttpd", start: func(t *testing.T, dir string, ca *testnet.CA) string {
			file, key := h2Identity(t, dir, ca)
			port := freePort(t)
			launch(t, "127.0.0.1:"+port, program(t, "nghttpd"), "-a", "127.0.0.1", "-d", dir+"/www", port, key, file)
			return "https://127.0.0.1:" + port
		}},
		{name: "nginx", start: func(t *testing.T, dir string, ca *testnet.CA) string {
			file, key := h2Identity(t, dir, ca)
			port := freePort(t)
			write(t, dir+"/nginx.conf", strings.NewReplacer("DIR", dir, "CERT", file, "KEY", key, "PORT", port).Replace(`
daemon off; user nobody nogroup; pid DIR/pid; error_log DIR/error.log; worker_processes 1;
events {}
http {
  access_log off; keepalive_requests 3; client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  server { listen 127.0.0.1:PORT ssl http2; ssl_certificate CERT; ssl_certificate_key KEY; root DIR/www; }
}`))
			launch(t, "127.0.0.1:"+port, program(t, "nginx"), "-e", dir+"/error.log", "-c", dir+"/nginx.conf")
			return "https://127.0.0.1:" + port
		}},
	}
}

// TestH2Origins asks programs that others have written, over one connection.
func TestH2Origins(t *testing.T) {
	for _, peer := range h2Peers() {
		t.Run(peer.name, func(t *testing.T) {
			dir, ca := publicDir(t), testnet.NewCA(t, "Origin CA")
			url := peer.start(t, dir, ca)
			tls := ""
			if strings.HasPrefix(url, "https") {
				tls = `name: app.internal, ca: "` + caFile(t, ca) + `"`
			}
			version := peer.http
			if version == "" {
				version = "auto"
			}
			text := strings.ReplaceAll(toH2, "tls: {$TLS}, ", map[bool]string{true: "tls: {" + tls + "}, "}[tls != ""])
			d := serve(t, text, "$ORIGIN", url, "$HTTP", version)
			for range 10 { // nginx ends a connection behind three requests: GOAWAY
				if out, code := d.curl("app.test", "127.0.0.2", d.url("app.test", "/a.txt")); code != 0 || out != "from the origin\n" {
					t.Fatalf("curl ended with %d: %s", code, out)
				}
			}
			if peer.post != "" {
				if out, code := d.curl("app.test", "127.0.0.2", "-d", "hello", d.url("app.test", "/echo")); code != 0 || out != peer.post {
					t.Errorf("curl ended with %d: %s", code, out)
				}
			}
			d.quiet()
			d.shut()
			for _, c := range d.Trace().Conns {
				for _, x := range c.Exchanges {
					if c.Self == flow.Client && (x.HTTP != "2" || x.Outcome != flow.Complete || x.Status != 200) {
						t.Errorf("recorded\n%s", c)
					}
				}
			}
		})
	}
}

// TestH2ApacheAsksLate: Apache answers HTTP_1_1_REQUIRED where it needs a
// certificate for a part of its site. The request goes over HTTP/1.1 then, where
// the renegotiation is answered, and so do all later ones.
func TestH2ApacheAsksLate(t *testing.T) {
	const modules = "/usr/lib/apache2/modules/"
	a := startApache(t, "TLSv1.2\nLoadModule http2_module "+modules+"mod_http2.so\nProtocols h2 http/1.1", "require")
	file, key := a.ca.Issue(t, testnet.Leaf{Subject: "door", Client: true}).Files(t)
	d := serve(t, toH2, "$ORIGIN", "https://"+a.addr, "$HTTP", "2",
		"$TLS", `name: app.internal, ca: "`+caFile(t, a.ca)+`", client_certificate: {file: "`+file+`", key: "`+key+`"}`)
	for _, ask := range []struct{ path, want string }{{"/", "open\n"}, {"/secure/", "secret\n"}, {"/secure/two.html", "second\n"}} {
		if out, code := d.curl("app.test", "127.0.0.2", d.url("app.test", ask.path)); code != 0 || out != ask.want {
			t.Fatalf("%s: curl ended with %d: %s", ask.path, code, out)
		}
	}
	d.quiet()
	d.shut()
	said := d.Trace().String()
	says(t, "record", said, "HTTP/1.1 from now on", "HTTP_1_1_REQUIRED", "renegotiated")
	if n := strings.Count(said, "HTTP_1_1_REQUIRED"); n > 4 {
		t.Errorf("HTTP/2 was tried again:\n%s", said)
	}
}
