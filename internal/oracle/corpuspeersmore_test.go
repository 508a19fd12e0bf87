package oracle

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"time"
)

// oldAndPlainFaults are old servers, wrong ports and connections that end
// without a farewell.
func oldAndPlainFaults() []corpusCase {
	const unsafe = "NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION"
	old := func(client func(b *bench)) func(b *bench) {
		return func(b *bench) { b.gnutlsServer(unsafe); b.captureFor(func() { client(b) }) }
	}
	page := map[string][]byte{"page.txt": text(300)}
	plainly := func(b *bench) { // without TLS, then with it
		b.curl("--http1.1", "http://"+host+":"+b.port()+"/page.txt")
		b.curl("--http1.1", b.url("/page.txt"))
	}
	return []corpusCase{
		{"sick/legacy-renegotiation-refused-curl", label("gnutls-serv without RFC 5746 (%DISABLE_SAFE_RENEGOTIATION); curl with OpenSSL 3; TLS 1.2", "find legacy-renegotiation-refused conn c1"),
			old(func(b *bench) { b.curl("--http1.1", b.url("/")) })},
		{"sick/legacy-renegotiation-refused-nginx", label("nginx with OpenSSL 3 as a gateway in front of gnutls-serv without RFC 5746 answers 502; TLS 1.2", "find legacy-renegotiation-refused conn c2"), func(b *bench) {
			back := b.second()
			back.gnutlsServer(unsafe)
			b.also[0] = back.addr
			b.nginx(nil, "ssl", "location / { proxy_pass https://"+back.addr.String()+"; proxy_ssl_server_name on; proxy_ssl_name app.test; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"healthy/legacy-renegotiation-taken", "", old(func(b *bench) { b.tryGo(&tls.Config{InsecureSkipVerify: true}) })},
		{"sick/plaintext-to-tls-port-nginx", label("curl speaks HTTP to a port where nginx speaks TLS and gets 400, then TLS", "find plaintext-to-tls-port conn c1 exchange x1"), func(b *bench) {
			b.nginx(page, "ssl", "")
			b.captureFor(func() { plainly(b) })
		}},
		{"sick/plaintext-to-tls-port-haproxy", label("curl speaks HTTP to a port where HAProxy speaks TLS, which closes, then TLS", "find plaintext-to-tls-port conn c1"), func(b *bench) {
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem\n http-request return status 200\n")
			b.captureFor(func() { plainly(b) })
		}},
		{"sick/plaintext-to-tls-port-go", label("curl speaks HTTP to a port where Go speaks TLS and gets 400, then TLS", "find plaintext-to-tls-port conn c1 exchange x1"), func(b *bench) {
			b.goServer(echo(nil), &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}}, false)
			b.captureFor(func() { plainly(b) })
		}},
		{"sick/plaintext-to-tls-port-gateway", label("nginx as a gateway speaks http:// to a port where Apache speaks TLS and passes its 400 on; another client speaks TLS to it", "find plaintext-to-tls-port conn c2"), func(b *bench) {
			back := b.second()
			back.apache(page, "")
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")); back.curl("--http1.1", back.url("/page.txt")) })
		}},
		{"sick/close-without-notify-killed", label("nginx passes a body without a length to a client of HTTP/1.0; its worker is killed in the middle (kill -9); TLS 1.2", "find close-without-notify conn c1 exchange x1"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.goServer(dripping(5, 300*time.Millisecond), nil, false)
			b.nginx(nil, "ssl", "ssl_protocols TLSv1.2; location / { proxy_pass http://"+back.addr.String()+"; proxy_buffering off; }")
			b.captureFor(func() {
				go func() {
					time.Sleep(800 * time.Millisecond)
					_ = exec.Command("sh", "-c", "kill -9 "+b.workers()).Run()
				}()
				b.curl("--http1.0", b.url("/log"))
			})
		}},
		{"sick/close-without-notify-python", label("a server with Python's http.server and ssl, which closes the socket and no more; TLS 1.3", "find close-without-notify conn c1 exchange x1"), func(b *bench) {
			b.pythonServer()
			b.captureFor(func() { b.curl("--http1.0", b.url("/page")) })
		}},
		{"healthy/close-with-notify", "", func(b *bench) { // a body without a length, ended as it should be
			back := b.second()
			b.also = nil
			back.goServer(dripping(3, 100*time.Millisecond), nil, false)
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_buffering off; }")
			b.captureFor(func() { b.curl("--http1.0", b.url("/log")); b.curl("--http1.0", "--tls-max", "1.2", b.url("/log")) })
		}},
		{"healthy/close-without-notify-after-all-came", "", func(b *bench) { // the length says so
			b.pythonServer()
			b.captureFor(func() { b.curl("--http1.0", b.url("/counted")) })
		}},
	}
}

// dripping sends n lines, one after each pause, without a length.
func dripping(n int, pause time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range n {
			_, _ = w.Write(text(100))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(pause)
		}
	})
}

// pythonServer starts Python's own server over TLS: /counted has a length.
func (b *bench) pythonServer() {
	b.t.Helper()
	path := program(b.t, "python3")
	b.identity(rsaCert)
	b.launch(path, b.write("serve.py", []byte(`
import http.server, ssl
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"a line\n" * 50
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        if self.path == "/counted":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
s = http.server.HTTPServer(("`+b.addr.Addr().String()+`", `+b.port()+`), Page)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain("cert.pem", "key.pem")
s.socket = c.wrap_socket(s.socket, server_side=True)
s.serve_forever()
`)))
}

// both13 are the versions that nginx 1.22 does not take without being told.
const both13 = "ssl_protocols TLSv1.2 TLSv1.3;"

// middleboxFaults are boxes on the way that meddle with TLS.
func middleboxFaults() []corpusCase {
	return []corpusCase{
		{"sick/tls13-intolerance-reset", label("a box on the way resets connections whose ClientHello offers TLS 1.3; curl, then curl --tls-max 1.2; nginx", "find tls13-intolerance", "synthetic the box is a relay"), func(b *bench) {
			server := b.behind(func(record []byte) []byte {
				if offers13(record) {
					return nil
				}
				return record
			})
			server.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", both13)
			b.captureFor(func() {
				b.curl("--http1.1", b.url("/page.txt"))
				b.curl("--http1.1", "--tls-max", "1.2", b.url("/page.txt"))
			})
		}},
		{"sick/tls13-intolerance-downgrade", label("a box on the way takes the offer of TLS 1.3 out of the ClientHello; nginx marks its random, curl gives up", "find tls13-intolerance conn c1", "synthetic the box is a relay"), func(b *bench) {
			server := b.behind(without13)
			server.nginx(nil, "ssl", both13)
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"sick/tls13-intolerance-downgrade-go", label("a box on the way takes the offer of TLS 1.3 out of the ClientHello; Go on both sides; the client gives up", "find tls13-intolerance conn c1", "synthetic the box is a relay"), func(b *bench) {
			server := b.behind(without13)
			server.goServer(echo(nil), &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}}, false)
			b.captureFor(func() { b.tryGo(&tls.Config{InsecureSkipVerify: true}) })
		}},
		{"healthy/a-client-of-tls-1.2", "", func(b *bench) { // which the server's random marks as well
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", both13)
			b.captureFor(func() { b.curl("--http1.1", "--tls-max", "1.2", b.url("/page.txt")) })
		}},
		{"sick/tls-intercepted-mitmproxy", label("mitmproxy (reverse, with its own authority) in front of nginx; curl trusts the server's authority alone; TLS 1.3", "find tls-intercepted conn c1"), func(b *bench) {
			server := b.second()
			b.also = nil
			server.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", both13)
			b.launch(program(b.t, "mitmdump"), "--mode", "reverse:https://"+server.addr.String(), "--listen-host", b.addr.Addr().String(), "--listen-port", b.port(),
				"--ssl-insecure", "--set", "confdir="+b.dir+"/mitm", "--quiet")
			b.identity(rsaCert)
			b.captureFor(func() { b.strictly("ca.pem", b.url("/page.txt")) })
		}},
		{"sick/tls-intercepted-squid", label("Squid with ssl-bump and an authority of its company's own, on the way to nginx by CONNECT; curl trusts the server's authority alone; both sides are captured; TLS 1.3 in front, TLS 1.2 behind, where the certificate is in clear",
			"find tls-intercepted conn c1"), func(b *bench) {
			server := b.second()
			server.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "ssl_protocols TLSv1.2;")
			b.squid(server)
			b.identity(rsaCert)
			b.captureFor(func() {
				b.strictly("ca.pem", "--noproxy", "", "-x", "http://"+b.addr.String(), "--connect-to", "::"+server.addr.String(), "https://"+host+"/page.txt")
			})
		}},
		{"healthy/intercepted-and-trusted", "", func(b *bench) {
			server := b.second()
			server.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "ssl_protocols TLSv1.2;")
			b.squid(server)
			b.captureFor(func() {
				b.strictly("bump.pem", "--noproxy", "", "-x", "http://"+b.addr.String(), "--connect-to", "::"+server.addr.String(), "https://"+host+"/page.txt")
			})
		}},
	}
}

// squid starts Squid as a proxy that opens TLS, with the authority bump.pem.
func (b *bench) squid(server *bench) {
	b.t.Helper()
	path := program(b.t, "squid")
	b.paper("bump", nil, isCA("Example Corp Inspection"))
	b.shell("chmod 777 " + b.dir)
	generator := "/usr/lib/squid/security_file_certgen"
	b.shell(generator + " -c -s " + b.dir + "/certs -M 4MB && chown -R proxy " + b.dir + "/certs")
	conf := `
http_port ADDR ssl-bump cert=DIR/bump.both generate-host-certificates=on
sslcrtd_program ` + generator + ` -s DIR/certs -M 4MB
sslcrtd_children 1
acl step1 at_step SslBump1
ssl_bump peek step1
ssl_bump bump all
sslproxy_cert_error allow all
tls_outgoing_options flags=DONT_VERIFY_PEER
http_access allow all
tcp_outgoing_address IP
pid_filename DIR/pid
cache_log DIR/cache.log
access_log none
cache deny all
coredump_dir DIR
shutdown_lifetime 0 seconds
pinger_enable off
`
	b.launch(path, "-N", "-f", b.write("squid.conf", []byte(b.inDir(conf))))
}

// behind gives the place of a server that is reached through a box at the
// address of the case, which passes each first record of a client through meddle
// and resets the connection where that gives nothing. The leg behind the box is
// not captured.
func (b *bench) behind(meddle func(record []byte) []byte) *bench {
	b.t.Helper()
	server := b.second()
	b.also = nil
	b.rawServer(func(client *net.TCPConn) {
		head := make([]byte, 5)
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint16(head[3:]))
		_, _ = io.ReadFull(client, body)
		record := meddle(append(head, body...))
		if record == nil {
			_ = client.SetLinger(0)
			client.Close()
			return
		}
		passOn(client, server.addr, record)
	})
	return server
}

func passOn(client *net.TCPConn, to netip.AddrPort, first []byte) {
	defer client.Close()
	s, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
	if err != nil {
		return
	}
	defer s.Close()
	_, _ = s.Write(first)
	go func() { _, _ = io.Copy(s, client); _ = s.CloseWrite() }()
	_, _ = io.Copy(client, s)
}

// supported is where a ClientHello's list of versions begins, -1 if there is
// none: type 43, a length and a length before it.
func supported(record []byte) (at, length int) {
	for i := 44; i+5 < len(record); i++ {
		if record[i] == 0 && record[i+1] == 43 && record[i+2] == 0 && record[i+3] == record[i+4]+1 && record[i+4]%2 == 0 && record[i+5] == 3 || i+6 < len(record) && record[i] == 0 && record[i+1] == 43 && record[i+5]&0x0f == 0x0a && record[i+3] == record[i+4]+1 {
			return i + 5, int(record[i+4])
		}
	}
	return -1, 0
}

func offers13(record []byte) bool {
	at, length := supported(record)
	return at >= 0 && strings.Contains(string(record[at:at+length]), "\x03\x04")
}

// without13 offers TLS 1.2 in the place of TLS 1.3.
func without13(record []byte) []byte {
	if at, length := supported(record); at >= 0 {
		list := strings.ReplaceAll(string(record[at:at+length]), "\x03\x04", "\x03\x03")
		copy(record[at:], list)
	}
	return record
}
