package oracle

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// cut is an exchange that did not come to its end. Status 0: no response came.
func cut(target string, status int) *exchange {
	x := &exchange{method: "GET", target: target, status: status, outcome: "truncated"}
	if status == 0 {
		x.outcome = "no-response"
	}
	return x
}

// abortCases end before their time, by either side.
func abortCases() []oracleCase {
	return append(cutCases(), refusedCases()...)
}

// cutCases are a server and a client in this process, of which one stops.
func cutCases() []oracleCase {
	const began = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
	// An end is what a side does once the client has read what was sent.
	type end func(c *tls.Conn, tcp *net.TCPConn)
	wait := func(_ *tls.Conn, tcp *net.TCPConn) { _, _ = io.Copy(io.Discard, tcp); _ = tcp.Close() } // for the end of the other, not for an alert
	notify := func(c *tls.Conn, _ *net.TCPConn) { _ = c.Close() }
	silently := func(_ *tls.Conn, tcp *net.TCPConn) { _ = tcp.Close() }
	reset := func(_ *tls.Conn, tcp *net.TCPConn) { _ = tcp.SetLinger(0); _ = tcp.Close() }
	row := func(name string, version uint16, answer string, server, client end, by, how string, want *exchange) oracleCase {
		return oracleCase{"abort/" + name, func(b *bench) story {
			cert := b.identity(rsaCert).cert.TLS()
			read, done := make(chan struct{}), sync.WaitGroup{}
			done.Add(1)
			b.rawServer(func(tcp *net.TCPConn) {
				defer done.Done()
				c := tls.Server(tcp, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version})
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, answer)
				}
				<-read
				server(c, tcp)
			})
			b.capture(func() {
				tcp, err := net.Dial("tcp", b.addr.String())
				must(b.t, err)
				c := tls.Client(tcp, &tls.Config{ServerName: host, InsecureSkipVerify: true, KeyLogWriter: b.keyLog()})
				_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", want.target, host)
				must(b.t, err)
				_, _ = io.ReadFull(c, make([]byte, len(answer)))
				close(read)
				client(c, tcp.(*net.TCPConn))
				done.Wait()
			})
			return story{bench: b, conns: 1, by: by, how: how, exchanges: []*exchange{want}}
		}}
	}
	some := began + string(blob(6, 40_000))
	const v12, v13 = tls.VersionTLS12, tls.VersionTLS13
	return []oracleCase{
		row("reset by the client in a body, TLS 1.3", v13, some, wait, reset, "client", "rst", cut("/a", 200)),
		row("reset by the client in a body, TLS 1.2", v12, some, wait, reset, "client", "rst", cut("/a", 200)),
		row("closed by the client in a body", v13, some, wait, silently, "client", "fin", cut("/a", 200)),
		row("closed by the server in a body", v13, some, notify, wait, "server", "fin", cut("/b", 200)),
		row("closed by the server in a body, without an alert", v12, some, silently, wait, "server", "fin", cut("/b", 200)),
		row("reset by the server in a body", v12, some, reset, wait, "server", "rst", cut("/b", 200)),
		row("closed by the server after the head", v13, began, notify, wait, "server", "fin", cut("/c", 200)),
		row("closed by the server in the head", v13, began[:30], notify, wait, "server", "fin", cut("/c", 0)),
		row("closed by the server without an answer", v13, "", notify, wait, "server", "fin", cut("/d", 0)),
		row("reset by the server without an answer", v12, "", reset, wait, "server", "rst", cut("/d", 0)),
		row("closed by the client without an answer", v12, "", wait, notify, "client", "fin", cut("/e", 0)),
	}
}

// refusedCases end in the handshake, or before it.
func refusedCases() []oracleCase {
	alert := func(from, name string) []event { return []event{{kind: "alert", from: from, text: name}} }
	row := func(name string, server *tls.Config, cert certKind, events []event, curl ...string) oracleCase {
		return oracleCase{"refused/" + name, func(b *bench) story {
			id := b.identity(cert)
			config := server.Clone()
			config.Certificates = []tls.Certificate{id.cert.TLS()}
			b.goServer(echo(nil), config, false)
			b.capture(func() {
				b.client(program(b.t, "curl"), nil, append([]string{"-q", "-sS", "--noproxy", "*", "--max-time", "20", "--http1.1",
					"--resolve", host + ":" + b.port() + ":" + b.addr.Addr().String(), b.url("/")}, curl...)...)
			})
			return story{bench: b, conns: 1, events: events, unfinished: true}
		}}
	}
	at12 := &tls.Config{MaxVersion: tls.VersionTLS12}
	return []oracleCase{
		row("no common version", &tls.Config{MinVersion: tls.VersionTLS13}, ecdsaCert, alert("server", "protocol_version"), "-k", "--tls-max", "1.2"),
		row("no common suite", at12, rsaCert, alert("server", "handshake_failure"), "-k", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", "--tls-max", "1.2"),
		row("unknown authority, TLS 1.2", at12, ecdsaCert, alert("client", "unknown_ca")),
		row("unknown authority, TLS 1.3", &tls.Config{}, ecdsaCert, alert("client", "unknown_ca")),
		row("expired certificate, TLS 1.2", at12, expiredCert, alert("client", "certificate_expired"), "--cacert", "ca.pem"),
		row("expired certificate, TLS 1.3", &tls.Config{}, expiredCert, alert("client", "certificate_expired"), "--cacert", "ca.pem"),
		row("client certificate wanted, TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, ecdsaCert,
			[]event{{kind: "certificate-request", from: "server"}, {kind: "alert", from: "server"}}, "-k"),
		{"refused/nobody listens", func(b *bench) story {
			b.capture(func() {
				if c, err := toServer(b)(context.Background(), "tcp", ""); err == nil {
					c.Close()
					b.t.Fatal("somebody listens")
				}
			})
			return story{bench: b, plain: true, conns: 1, by: "server", how: "rst"}
		}},
	}
}
