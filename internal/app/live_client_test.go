package app_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// testingT is for helpers that want a *testing.T.
func testingT(l *live) *testing.T { return l.t.(*testing.T) }

// clientFaults are those of what clients do.
func clientFaults() []liveFault {
	plain := testnet.At{Plain: true}
	bad := func(rule, fault, request string) liveFault {
		return liveFault{rule: rule, fault: fault, inject: func(l *live) {
			l.before(testnet.Echo{At: plain}.Start(l.t))
			l.send(request)
		}}
	}
	return []liveFault{
		bad("sni-host-mismatch", "a client asks for another host than in its handshake", "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"),
		bad("request-framing-ambiguous", "a client sends two lengths", request("POST", "/", "Content-Length: 5", "Transfer-Encoding: chunked")+"0\r\n\r\n"),
		bad("request-framing-ambiguous", "a client's chunk size is no number", request("POST", "/", "Transfer-Encoding: chunked")+"0x5\r\nhello\r\n0\r\n\r\n"),
		bad("request-malformed", "a client sends no Host", "GET / HTTP/1.1\r\n\r\n"),
		bad("request-header-too-large", "a client's header is over the limit", request("GET", "/", "X: "+strings.Repeat("x", 5000))),
		bad("request-header-too-large", "a client's target is over the limit", request("GET", "/"+strings.Repeat("x", 2000))),
		bad("slow-sender-cut", "a client stops inside its header", "GET / HTTP/1.1\r\nHost: app"),
		bad("slow-sender-cut", "a client stops inside its body", request("POST", "/", "Content-Length: 10")+"half"),
		{rule: "ws-upgrade-headers-lost", fault: "a hop before drops Upgrade", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
			l.get("/socket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
		}},
		{rule: "plaintext-to-tls-port", fault: "a client speaks HTTP to the port of HTTPS", inject: func(l *live) {
			l.serve("")
			l.says(get)
		}},
		{rule: "proxy-protocol-mismatch", fault: "a balancer puts a PROXY header in front", inject: func(l *live) {
			l.serve("")
			l.says("PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n")
		}},
		{rule: "client-gave-up", fault: "a client leaves before the answer", inject: func(l *live) {
			o := testnet.SilentAfterTLS{At: plain}.Start(l.t)
			l.serve(strings.Replace(l.to("/", o.URL("")), "first_byte: 800ms", "first_byte: 20s", 1))
			before := len(clientConns(l.Trace()))
			c := l.dial()
			_, err := io.WriteString(c, request("GET", "/"))
			must(l.t, err)
			o.Await(l.t, testnet.Opened, 1)
			time.Sleep(50 * time.Millisecond) // the origin has the request, or soon will
			c.Close()
			l.askAbout("", before)
		}},
	}
}

// says sends bytes to the port of TLS, in clear.
func (l *live) says(text string) {
	l.t.Helper()
	before := len(clientConns(l.Trace()))
	c, err := net.Dial("tcp", "127.0.0.2:"+l.port)
	must(l.t, err)
	_ = c.SetDeadline(time.Now().Add(wait))
	_, err = io.WriteString(c, text)
	must(l.t, err)
	_, _ = io.Copy(io.Discard, c)
	c.Close()
	l.askAbout("", before)
}

var _ = tls.VersionTLS12
