package oracle

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// plainCases are HTTP of all kinds, without TLS or spoken by hand.
func plainCases() []oracleCase {
	content := blob(7, 60_000)
	curl := func(name string, args []string, want ...*exchange) oracleCase {
		return oracleCase{"plain/" + name, func(b *bench) story {
			b.goServer(echo(content), nil, false)
			b.write("body", content)
			args := slices.Clone(args)
			for _, x := range want {
				args = append(args, "http://"+host+":"+b.port()+x.target, "-o", "out")
			}
			b.capture(func() { b.curl(args...) })
			return story{bench: b, plain: true, conns: 1, exchanges: want}
		}}
	}
	return []oracleCase{
		curl("keep-alive", []string{"--http1.1"}, get("/?n=10", content[:10]), get("/?n=0", nil), get("/?n=60000", content)),
		curl("upload", []string{"--http1.1", "--data-binary", "@body"}, answered("POST", "/echo", 200, content, content)),
		curl("chunked upload", []string{"--http1.1", "--data-binary", "@body", "-H", "Transfer-Encoding: chunked"}, answered("POST", "/echo", 200, content, content)),
		curl("100-continue", []string{"--http1.1", "--data-binary", "@body", "-H", "Expect: 100-continue"}, answered("POST", "/echo", 200, content, content)),
		{"plain/HTTP/2 by prior knowledge", func(b *bench) story {
			b.goServer(echo(content), nil, true)
			s := story{bench: b, plain: true, conns: 1, exchanges: []*exchange{get("/?n=10", content[:10]), answered("POST", "/echo", 200, content, content)}}
			b.capture(func() { b.send("http", nil, true, false, content, s.exchanges) })
			return s
		}},
		spoken("pipelining", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n3;x=y\r\n, 2\r\n0\r\nX-Trailer: t\r\n\r\n"+
				"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
			get("/1", []byte("one")), get("/2", []byte("two, 2")), answered("HEAD", "/3", 200, nil, nil), answered("GET", "/4", 204, nil, nil)).untold(), // it takes the response after a HEAD for its body
		spoken("interim responses", "GET /early HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", get("/early", []byte("ok"))),
		spoken("until close", "GET /close HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\nServer: x\r\n\r\n"+string(content), get("/close", content)).untold(), // it shows no response that ends with the connection inside TLS
		webSocket(),
	}
}

// untold marks a case in which tshark goes astray.
func (c oracleCase) untold() oracleCase {
	return oracleCase{c.name, func(b *bench) story {
		s := c.make(b)
		s.noShark = true
		return s
	}}
}

// spoken is a conversation of given bytes, over TLS: the client sends its part,
// the server answers with its own and closes. Who ends TCP first is open: the
// client may do so as soon as it has the close_notify.
func spoken(name, client, server string, want ...*exchange) oracleCase {
	return oracleCase{"spoken/" + name, func(b *bench) story {
		cert := b.identity(ecdsaCert).cert.TLS()
		b.rawServer(func(tcp *net.TCPConn) {
			c := tls.Server(tcp, &tls.Config{Certificates: []tls.Certificate{cert}})
			defer c.Close()
			if _, err := io.ReadFull(c, make([]byte, len(client))); err == nil {
				_, _ = io.WriteString(c, server)
			}
		})
		b.capture(func() {
			c, err := tls.Dial("tcp", b.addr.String(), &tls.Config{ServerName: host, InsecureSkipVerify: true, KeyLogWriter: b.keyLog()})
			must(b.t, err)
			defer c.Close()
			_, err = io.WriteString(c, client)
			must(b.t, err)
			_, err = io.Copy(io.Discard, c)
			must(b.t, err)
		})
		return story{bench: b, conns: 1, exchanges: want}
	}}
}

// webSocket is an upgrade, then frames both ways.
func webSocket() oracleCase {
	return oracleCase{"spoken/WebSocket", func(b *bench) story {
		cert := b.identity(ecdsaCert).cert.TLS()
		const upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		const accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
		b.rawServer(func(tcp *net.TCPConn) {
			c := tls.Server(tcp, &tls.Config{Certificates: []tls.Certificate{cert}})
			defer c.Close()
			if _, err := io.ReadFull(c, make([]byte, len(upgrade))); err == nil {
				_, _ = io.WriteString(c, accept+"\x81\x05hello")
				_, _ = io.Copy(io.Discard, c)
			}
		})
		b.capture(func() {
			c, err := tls.Dial("tcp", b.addr.String(), &tls.Config{ServerName: host, InsecureSkipVerify: true, KeyLogWriter: b.keyLog()})
			must(b.t, err)
			defer c.Close()
			_, err = io.WriteString(c, upgrade)
			must(b.t, err)
			_, err = http.ReadResponse(bufio.NewReader(c), nil)
			must(b.t, err)
			_, err = c.Write(maskedFrame(strings.Repeat("GET / HTTP/1.1\r\n\r\n", 20)))
			must(b.t, err)
		})
		return story{bench: b, conns: 1, events: []event{{kind: "tunnel"}},
			exchanges: []*exchange{{method: "GET", target: "/chat", status: 101, sentBody: bodyOf(nil)}}}
	}}
}

// maskedFrame is a text frame of a client with a mask of zeros (RFC 6455
// section 5.2), so that its payload can be mistaken for HTTP.
func maskedFrame(text string) []byte {
	f := binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text)))
	return append(append(f, 0, 0, 0, 0), text...)
}
