package app_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fanlight/internal/testnet"
)

// An h2Answer is what an origin of HTTP/2 does with the head of a request.
type h2Answer func(h *h2Speaker, f *http2.MetaHeadersFrame)

// originH2Faults are those of origins of HTTP/2.
func originH2Faults() []liveFault {
	const two = `http: "2"`
	late := func(route string) string { return strings.Replace(route, "first_byte: 800ms", "first_byte: 40s", 1) }
	large := request("POST", "/", "Content-Length: 500000") + strings.Repeat("x", 500_000)
	return []liveFault{
		{rule: "h2-http11-required", fault: "the origin resets, and gets the request over HTTP/1.1", inject: func(l *live) {
			l.serve(l.to("/", l.securely(&tls.Config{NextProtos: []string{"h2", "http/1.1"}}, resets(http2.ErrCodeHTTP11Required)), "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "h2-http11-required", fault: "the origin resets a request that the door no longer has", inject: func(l *live) {
			l.serve(l.to("/", l.securely(&tls.Config{NextProtos: []string{"h2", "http/1.1"}}, behindBody(resets(http2.ErrCodeHTTP11Required))), "tls: {insecure: true}"))
			l.send(large)
		}},
		{rule: "h2-goaway-race", fault: "the origin retires the connection and leaves a request behind", inject: func(l *live) {
			l.serve(l.to("/", l.inH2(goesAway(http2.ErrCodeNo, 0)), two))
			l.send(request("POST", "/", "Content-Length: 2") + "ok")
		}},
		{rule: "h2-goaway-race", fault: "the origin has not touched a request that the door no longer has", inject: func(l *live) {
			l.serve(l.to("/", l.inH2(behindBody(goesAway(http2.ErrCodeNo, 1))), two))
			l.send(large)
		}},
		{rule: "h2-refused-or-throttled-streams", fault: "the origin refuses every stream", inject: func(l *live) {
			l.serve(l.to("/", l.inH2(resets(http2.ErrCodeRefusedStream)), two))
			l.get("/")
		}},
		{rule: "h2-enhance-your-calm", fault: "the origin says that it was too much", inject: func(l *live) {
			l.serve(l.to("/", l.inH2(goesAway(http2.ErrCodeEnhanceYourCalm, 0)), two))
			l.get("/")
		}},
		{rule: "alpn-promise-broken", fault: "the origin chooses HTTP/2 and answers in HTTP/1.1", inject: func(l *live) {
			config := l.withLeaf(&tls.Config{NextProtos: []string{"h2"}})
			addr := listener(testingT(l), func(raw net.Conn) {
				c := tls.Server(raw, config)
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
				_ = c.Close()
			})
			l.serve(l.to("/", "https://"+addr, "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "h2-flow-control-stall", fault: "the origin gives no window", inject: func(l *live) {
			l.serve(strings.Replace(l.to("/", l.inH2(nothing), two), "send: 800ms", "send: 1500ms", 1))
			l.send(large)
		}},
		{rule: "h2-ping-or-settings-timeout", fault: "the origin reads no more", inject: func(l *live) {
			ended := l.t.Context().Done()
			l.serve(late(l.to("/", l.inH2(func(*h2Speaker, *http2.MetaHeadersFrame) { <-ended }), two)))
			l.get("/")
		}},
		{rule: "h2-inadequate-security", fault: "the origin chose a suite that it then refuses", inject: func(l *live) {
			weak := &tls.Config{NextProtos: []string{"h2"}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}
			l.serve(l.to("/", l.securely(weak, goesAway(http2.ErrCodeInadequateSecurity, 0)), "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "h2-forbidden-header", fault: "the origin's response has Connection", inject: func(l *live) {
			l.serve(l.to("/", l.inH2(func(h *h2Speaker, f *http2.MetaHeadersFrame) {
				h.headers(f.StreamID, http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders, [][2]string{{":status", "200"}, {"connection", "keep-alive"}})
			}), two))
			l.get("/")
		}},
		{rule: "ws-over-h2-unsupported", fault: "the origin offers WebSockets over HTTP/2 and has none", inject: func(l *live) {
			l.serve(l.to("/", l.inH2(func(h *h2Speaker, f *http2.MetaHeadersFrame) {
				status := "200"
				if f.PseudoValue("method") == "CONNECT" {
					status = "501"
				}
				h.headers(f.StreamID, http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders, [][2]string{{":status", status}})
			}, http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}), two))
			l.several(1, request("GET", "/"), request("GET", "/socket", "Connection: Upgrade", "Upgrade: websocket",
				"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="))
		}},
	}
}

// clientH2Faults are those of clients that speak HTTP/2.
func clientH2Faults() []liveFault {
	const whole = http2.FlagHeadersEndStream | http2.FlagHeadersEndHeaders
	get := func(h *h2Speaker, stream uint32, host, target string, more ...[2]string) {
		h.headers(stream, whole, append([][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", host}, {":path", target}}, more...))
	}
	return []liveFault{
		{rule: "h2-http11-required", fault: "a client signs in with NTLM over HTTP/2", inject: func(l *live) {
			l.before(testnet.NTLMOrigin{At: testnet.At{Plain: true}}.Start(l.t))
			l.overHTTP2(nil, func(h *h2Speaker) { get(h, 1, "app.test", "/") })
		}},
		{rule: "h2-coalesced-misdirected", fault: "a client asks for another host on the connection", inject: func(l *live) {
			l.serve("")
			l.overHTTP2(nil, func(h *h2Speaker) {
				get(h, 1, "app.test", "/files/hello.txt")
				get(h, 3, "other.test", "/")
			})
		}},
		{rule: "h2-enhance-your-calm", fault: "a client cancels all that it asks for", inject: func(l *live) {
			l.serve("")
			l.overHTTP2(nil, func(h *h2Speaker) {
				for n := range uint32(3000) { // some are answered before they are cancelled
					get(h, 2*n+1, "app.test", "/files/hello.txt")
					if h.framer.WriteRSTStream(2*n+1, http2.ErrCodeCancel) != nil {
						return
					}
				}
			})
		}},
		{rule: "h2-flow-control-stall", fault: "a client gives no window", inject: func(l *live) {
			l.serve("")
			l.overHTTP2(nil, func(h *h2Speaker) {
				_ = h.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize})
				get(h, 1, "app.test", "/files/hello.txt")
			})
		}},
		{rule: "h2-inadequate-security", fault: "a client chose a suite that it then refuses", inject: func(l *live) {
			l.serve("")
			l.overHTTP2(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, func(h *h2Speaker) {
				_ = h.framer.WriteGoAway(0, http2.ErrCodeInadequateSecurity, nil)
				must(l.t, h.heard())
			})
		}},
		{rule: "h2-forbidden-header", fault: "a client's request has Connection", inject: func(l *live) {
			l.serve("")
			l.overHTTP2(nil, func(h *h2Speaker) { get(h, 1, "app.test", "/files/hello.txt", [2]string{"connection", "keep-alive"}) })
		}},
	}
}

func resets(code http2.ErrCode) h2Answer {
	return func(h *h2Speaker, f *http2.MetaHeadersFrame) { _ = h.framer.WriteRSTStream(f.StreamID, code) }
}

// goesAway answers with GOAWAY, which says that the last so many streams were
// not touched, and closes.
func goesAway(code http2.ErrCode, untouched uint32) h2Answer {
	return func(h *h2Speaker, f *http2.MetaHeadersFrame) {
		_ = h.framer.WriteGoAway(f.StreamID-untouched, code, nil)
		_ = h.c.Close()
	}
}

func nothing(*h2Speaker, *http2.MetaHeadersFrame) {}

// behindBody answers once 100 KB of the body have come.
func behindBody(answer h2Answer) h2Answer {
	return func(h *h2Speaker, f *http2.MetaHeadersFrame) {
		_ = h.framer.WriteWindowUpdate(0, 1<<20)
		_ = h.framer.WriteWindowUpdate(f.StreamID, 1<<20)
		for got := uint32(0); got < 100_000; {
			next, err := h.framer.ReadFrame()
			if err != nil {
				return
			}
			if data, ok := next.(*http2.DataFrame); ok {
				got += data.Length
			}
		}
		answer(h, f)
	}
}

// inH2 is an origin of HTTP/2 by prior knowledge.
func (l *live) inH2(answer h2Answer, settings ...http2.Setting) (url string) {
	return "http://" + listener(testingT(l), func(c net.Conn) { serveH2(c, answer, settings) })
}

// securely is an origin with TLS. To connections that chose HTTP/1.1 it says
// that all is well.
func (l *live) securely(config *tls.Config, answer h2Answer) (url string) {
	config = l.withLeaf(config)
	return "https://" + listener(testingT(l), func(raw net.Conn) {
		c := tls.Server(raw, config)
		switch {
		case c.Handshake() != nil:
		case c.ConnectionState().NegotiatedProtocol == "h2":
			serveH2(c, answer, nil)
		default:
			if _, err := readHead(c); err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				_, _ = io.Copy(io.Discard, c)
			}
		}
	})
}

func (l *live) withLeaf(config *tls.Config) *tls.Config {
	config.Certificates = []tls.Certificate{testnet.NewCA(l.t, "Origin").Issue(l.t, testnet.Leaf{}).TLS()}
	return config
}

// serveH2 is one connection of an origin.
func serveH2(c net.Conn, answer h2Answer, settings []http2.Setting) {
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	h := newH2Speaker(c)
	h.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = h.framer.WriteSettings(settings...)
	for {
		f, err := h.framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = h.framer.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			answer(h, f)
		}
	}
}

// heard waits until the other side has read what was sent: its answer to a PING
// says so.
func (h *h2Speaker) heard() error {
	_ = h.framer.WritePing(false, [8]byte{'h', 'e', 'a', 'r', 'd'})
	for {
		f, err := h.framer.ReadFrame()
		if err != nil {
			return err
		}
		if ping, ok := f.(*http2.PingFrame); ok && ping.IsAck() {
			return nil
		}
	}
}

// overHTTP2 has a client speak HTTP/2 with the site, and listen until each of
// its streams has ended.
func (l *live) overHTTP2(config *tls.Config, speak func(*h2Speaker)) {
	l.t.Helper()
	if config == nil {
		config = &tls.Config{}
	}
	config.ServerName, config.RootCAs, config.NextProtos = "app.test", l.roots(), []string{"h2"}
	before := len(clientConns(l.Trace()))
	c, err := tls.Dial("tcp", "127.0.0.2:"+l.port, config)
	must(l.t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wait))
	h := newH2Speaker(c)
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = h.framer.WriteSettings()
	speak(h)
	_, err = h.listen(false)
	must(l.t, err)
	c.Close()
	l.askAbout("", before)
}
