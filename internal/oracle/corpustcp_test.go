package oracle

import (
	"crypto/tls"
	"net"
	"strings"
	"syscall"
	"time"
)

// tcpFaults are about addresses, ports and servers that do not speak.
func tcpFaults() []corpusCase {
	return []corpusCase{
		{"sick/port-closed-curl", label("curl connects to a port nobody listens on", "find port-closed conn c1 confidence proof"),
			func(b *bench) { b.captureFor(func() { b.curl(b.url("/")) }) }},
		{"sick/port-closed-nginx", label("nginx in front of a stopped backend answers 502", "find port-closed conn c2"), func(b *bench) {
			back := b.second()
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/syn-unanswered-haproxy", label("HAProxy in front of a listener whose accept queue is full answers 503", "find syn-unanswered"), func(b *bench) {
			back := b.second()
			full(back)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/syn-unanswered-backlog", label("a listener whose accept queue is full; Go gives up after 4 s", "find syn-unanswered conn c1"), func(b *bench) {
			full(b)
			b.captureFor(func() {
				if c, err := net.DialTimeout("tcp", b.addr.String(), 4*time.Second); err == nil {
					c.Close()
				}
			})
		}},
		{"sick/accepted-but-silent-nginx", label("nginx is stopped (kill -STOP) before curl connects; TLS 1.3", "find accepted-but-silent conn c1"), func(b *bench) {
			b.nginx(nil, "ssl", "")
			b.freeze()
			b.captureFor(func() { b.curl("--max-time", "4", b.url("/")) })
		}},
		{"sick/accepted-but-silent-openssl", label("a listener that never accepts; openssl s_client is ended after 3 s; TLS 1.2", "find accepted-but-silent conn c1"), func(b *bench) {
			l, err := net.Listen("tcp", b.addr.String())
			must(b.t, err)
			defer l.Close()
			b.captureFor(func() {
				b.client(program(b.t, "timeout"), nil, "3", program(b.t, "openssl"), "s_client", "-connect", b.addr.String(), "-tls1_2")
			})
		}},
		{"sick/tls-to-plaintext-port-nginx", label("curl speaks TLS to a port where nginx speaks HTTP", "find tls-to-plaintext-port conn c1"), func(b *bench) {
			b.nginx(nil, "", "")
			b.captureFor(func() { b.curl(b.url("/")) })
		}},
		{"sick/tls-to-plaintext-port-apache", label("openssl s_client speaks TLS to a port where Apache speaks HTTP", "find tls-to-plaintext-port conn c1"), func(b *bench) {
			b.apache(map[string][]byte{"page.txt": text(9)}, "SSLEngine off")
			b.captureFor(func() { b.openssl([]string{"GET / HTTP/1.0\n\n"}) })
		}},
		{"sick/tls-to-plaintext-port-go", label("Go's client speaks TLS to net/http without TLS", "find tls-to-plaintext-port conn c1"), func(b *bench) {
			b.goServer(echo(nil), nil, false)
			b.captureFor(func() { b.tryGo(&tls.Config{}) })
		}},
		{"sick/no-certificate-for-binding-haproxy", label("HAProxy in TCP mode rejects the connection when it has the ClientHello", "find no-certificate-for-binding conn c1"), func(b *bench) {
			b.haproxy("defaults\n mode tcp\n timeout client 5s\n timeout server 5s\n timeout connect 5s\nfrontend f\n bind ADDR\n tcp-request inspect-delay 2s\n tcp-request content reject if { req.ssl_hello_type 1 }\n")
			b.captureFor(func() { b.curl(b.url("/")) })
		}},
		{"sick/no-certificate-for-binding-reset", label("a Go listener that reads the ClientHello and resets, as HTTP.sys does", "find no-certificate-for-binding conn c1", "synthetic HTTP.sys does it, which is not on Linux"), func(b *bench) {
			b.rawServer(func(c *net.TCPConn) {
				_, _ = c.Read(make([]byte, 4096))
				_ = c.SetLinger(0)
				c.Close()
			})
			b.captureFor(func() { b.curl(b.url("/")) })
		}},
	}
}

// full listens with an accept queue of one, and fills it.
func full(b *bench) {
	b.t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(b.t, err)
	b.t.Cleanup(func() { syscall.Close(fd) })
	must(b.t, syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(b.addr.Port()), Addr: b.addr.Addr().As4()}))
	must(b.t, syscall.Listen(fd, 0))
	for range 3 {
		if c, err := net.DialTimeout("tcp", b.addr.String(), 200*time.Millisecond); err == nil {
			b.t.Cleanup(func() { c.Close() })
		}
	}
}

// tryGo makes a handshake with Go's client that need not succeed.
func (b *bench) tryGo(config *tls.Config) {
	b.t.Helper()
	tcp, err := net.Dial("tcp", b.at().String())
	must(b.t, err)
	defer tcp.Close()
	_ = tcp.SetDeadline(time.Now().Add(patience))
	config = config.Clone()
	config.KeyLogWriter = b.keyLog()
	if config.ServerName == "" {
		config.ServerName = host
	}
	c := tls.Client(tcp, config)
	if err := c.Handshake(); err == nil {
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"))
		_, _ = c.Read(make([]byte, 4096))
	}
	_ = c.Close()
}

// captureFaults are captures that do not show what passed.
func captureFaults() []corpusCase {
	page := text(20_000)
	fetch := func(b *bench) {
		b.nginx(map[string][]byte{"page.txt": page}, "ssl", "ssl_buffer_size 1400; sendfile off;")
		b.capture(func() { b.curl("--http1.1", b.url("/page.txt"), "-o", "1", b.url("/page.txt"), "-o", "2") })
	}
	drop := func(b *bench, which func(n int, p []byte) bool) {
		head, all := packets(b.t, b.file)
		out := append([]byte{}, head...)
		for n, p := range all {
			if !which(n, p) {
				out = append(out, p...)
			}
		}
		b.write("capture.pcap", out)
	}
	fromServer := func(b *bench, p []byte) bool { return strings.HasSuffix(string(ends(p)[8:10]), serverPort(b)) }
	return []corpusCase{
		{"sick/capture-incomplete-cut", label("editcap -s 200 cuts the packets of a healthy capture (nginx, curl)", "find capture-incomplete conn c1", "not body-truncated"), func(b *bench) {
			fetch(b)
			b.filtered("-s", "200", "-F", "pcapng")
		}},
		{"sick/capture-incomplete-one-sided", label("the server's packets are taken out of a healthy capture (nginx, curl)", "find capture-incomplete conn c1", "not accepted-but-silent", "not client-gave-up"), func(b *bench) {
			fetch(b)
			drop(b, func(_ int, p []byte) bool { return fromServer(b, p) })
		}},
		{"sick/capture-incomplete-lost", label("a large packet of the server is taken out of a healthy capture (nginx, curl)", "find capture-incomplete conn c1", "not body-truncated"), func(b *bench) {
			fetch(b)
			lost := false
			drop(b, func(n int, p []byte) bool {
				hit := !lost && n > 15 && len(p) > 1000 && fromServer(b, p)
				lost = lost || hit
				return hit
			})
		}},
		{"sick/capture-incomplete-twice", label("each packet of a healthy capture (nginx, curl) is there twice", "find capture-incomplete conn c1"), func(b *bench) {
			fetch(b)
			head, all := packets(b.t, b.file)
			out := append([]byte{}, head...)
			for _, p := range all {
				out = append(append(out, p...), p...)
			}
			b.write("capture.pcap", out)
		}},
		{"sick/capture-incomplete-middle", label("a healthy capture (nginx, curl) that begins after the handshake", "find capture-incomplete conn c1"), func(b *bench) {
			fetch(b)
			drop(b, func(n int, _ []byte) bool { return n < 14 })
		}},
	}
}

// serverPort is the port of the server as it is in packets.
func serverPort(b *bench) string {
	return string([]byte{byte(b.addr.Port() >> 8), byte(b.addr.Port())})
}
