package oracle

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

func netipAddrPort(b *bench) netip.AddrPort {
	return netip.AddrPortFrom(b.addr.Addr(), b.addr.Port()+1+uint16(len(b.also)))
}

// visitor is a Go client that does one step at a time.
type visitor struct {
	*tls.Conn
	b   *bench
	in  *bufio.Reader
	tcp *net.TCPConn
}

// visit connects and completes the handshake.
func (b *bench) visit(config *tls.Config) *visitor {
	b.t.Helper()
	tcp, err := net.Dial("tcp", b.at().String())
	must(b.t, err)
	_ = tcp.SetDeadline(time.Now().Add(patience))
	config = config.Clone()
	config.ServerName, config.InsecureSkipVerify, config.KeyLogWriter = host, true, b.keyLog()
	c := tls.Client(tcp, config)
	must(b.t, c.Handshake())
	return &visitor{c, b, bufio.NewReader(c), tcp.(*net.TCPConn)}
}

func (v *visitor) ask(method, target string, fields ...string) {
	_, _ = fmt.Fprintf(v, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, target, host, strings.Join(append(fields, ""), "\r\n"))
}

// answer reads a response to its end, as far as it comes.
func (v *visitor) answer() {
	if res, err := http.ReadResponse(v.in, nil); err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

// haproxy starts HAProxy with a configuration in which ADDR is the address and DIR the folder.
func (b *bench) haproxy(conf string) identity {
	b.t.Helper()
	path := program(b.t, "haproxy")
	id := b.identity(rsaCert)
	b.write("both.pem", append(append([]byte{}, id.cert.CertPEM...), id.cert.KeyPEM...))
	conf = strings.NewReplacer("DIR", b.dir, "ADDR", b.addr.String()).Replace(conf)
	b.launch(path, "-db", "-f", b.write("haproxy.cfg", []byte(conf+"\n")))
	return id
}

const haproxyTimes = "defaults\n mode http\n timeout connect 2s\n timeout client 10s\n timeout server 2s\n timeout http-request 2s\n timeout http-keep-alive 2s\n"

// haproxyTo is a configuration that passes everything on.
func haproxyTo(back *bench, options ...string) string {
	return haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem\n default_backend a\nbackend a\n source " + back.addr.Addr().String() +
		"\n server a " + back.addr.String() + " " + strings.Join(options, " ") + "\n"
}

// relay passes bytes on between a port of its own, which is not captured, and
// the server, whose bytes it gives out late.
func (b *bench) relay(late time.Duration) netip.AddrPort {
	b.t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(b.addr.Addr(), 0).String())
	must(b.t, err)
	b.t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp", b.addr.String())
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(s, c) }()
		buf := make([]byte, 32<<10)
		for {
			n, err := s.Read(buf)
			time.Sleep(late)
			if _, failed := c.Write(buf[:n]); err != nil || failed != nil {
				c.Close()
				s.Close()
				return
			}
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// freeze stops a server that writes its pid, with its children, until the test ends.
func (b *bench) freeze() {
	b.t.Helper()
	pids := "$(cat " + b.dir + "/pid) $(pgrep -P $(cat " + b.dir + "/pid))"
	b.shell("kill -STOP " + pids)
	b.t.Cleanup(func() { b.shell("kill -CONT " + pids) })
}

// says is a server that answers every request with what reply writes, and then
// closes; over TLS if config is not nil.
func (b *bench) says(config *tls.Config, reply func(c net.Conn, r *http.Request)) {
	b.t.Helper()
	if config != nil {
		config = config.Clone()
		config.Certificates = []tls.Certificate{b.identity(rsaCert).cert.TLS()}
	}
	b.rawServer(func(tcp *net.TCPConn) {
		defer tcp.Close()
		var c net.Conn = tcp
		if config != nil {
			c = tls.Server(tcp, config)
		}
		in := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			reply(c, r)
			if r.Close {
				return
			}
		}
	})
}

// filtered rewrites the capture with editcap.
func (b *bench) filtered(args ...string) {
	b.t.Helper()
	to := b.dir + "/edited.pcapng"
	b.client(program(b.t, "editcap"), nil, append(args, b.file, to)...)
	must(b.t, os.Rename(to, b.file))
}
