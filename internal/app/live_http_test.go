package app_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// answers is an origin without TLS that gives these responses, one for each
// request of a connection, and then keeps silent.
func (l *live) answers(responses ...string) *testnet.Origin {
	return testnet.Raw{At: testnet.At{Plain: true}, Open: true, Responses: responses}.Start(l.t)
}

// always answers every request with the same response.
func (l *live) always(response string) *testnet.Origin {
	return l.answers(strings.Split(strings.Repeat(response+"\x00", 40), "\x00")...)
}

// panics is an origin of HTTP/2 that ends every exchange by a panic.
func (l *live) panics() (url string) {
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), Protocols: &http.Protocols{}}
	s.Protocols.SetUnencryptedHTTP2(true)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(l.t, err)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(ln) })
	l.t.Cleanup(func() { s.Close(); serving.Wait() })
	return "http://" + ln.Addr().String()
}

// originHTTPFaults are those of what origins answer.
func originHTTPFaults() []liveFault {
	plain := testnet.At{Plain: true}
	return []liveFault{
		{rule: "stopped-site-still-handshakes", fault: "HTTP.sys answers in the place of a stopped site", inject: func(l *live) {
			l.before(testnet.Raw{Open: true, Responses: []string{"HTTP/1.1 404 Not Found\r\nServer: Microsoft-HTTPAPI/2.0\r\nContent-Length: 315\r\n\r\n" + strings.Repeat("x", 315)}}.Start(l.t))
			l.get("/")
		}},
		{rule: "keepalive-race", timed: true, fault: "the origin closes as the next request comes", inject: func(l *live) {
			l.before(testnet.CloseOnRequest{At: plain}.Start(l.t))
			l.get("/")
			l.send(request("POST", "/", "Content-Length: 2") + "ok")
		}},
		{rule: "origin-closed-without-answer", fault: "the origin closes on the request", inject: func(l *live) {
			l.before(testnet.Raw{At: plain, Responses: []string{""}}.Start(l.t))
			l.get("/")
		}},
		{rule: "origin-closed-without-answer", fault: "the origin resets on the request", inject: func(l *live) {
			l.before(testnet.Raw{At: plain, Responses: []string{""}, End: testnet.RST}.Start(l.t))
			l.get("/")
		}},
		{rule: "h2-internal-error", fault: "the origin's handler panics", inject: func(l *live) {
			l.serve(l.to("/", l.panics(), `http: "2"`))
			l.send(request("POST", "/", "Content-Length: 2") + "ok")
		}},
		{rule: "body-truncated", fault: "the origin resets inside its response", inject: func(l *live) {
			l.before(testnet.ResetMidBody{At: plain, Length: 10}.Start(l.t))
			l.get("/")
		}},
		{rule: "body-truncated", fault: "the origin stops inside its response", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"))
			l.get("/")
		}},
		{rule: "close-without-notify", fault: "the origin ends by FIN without close_notify", inject: func(l *live) {
			l.before(testnet.Raw{Responses: []string{"HTTP/1.1 200 OK\r\n\r\nwhole or not"}, End: testnet.FIN}.Start(l.t))
			l.get("/")
		}},
		{rule: "response-framing-conflict", fault: "the origin sends two lengths", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
			l.get("/")
		}},
		{rule: "response-malformed", fault: "a mail server answers", inject: func(l *live) {
			l.before(l.answers("+OK POP3 ready\r\n"))
			l.get("/")
		}},
		{rule: "response-malformed", fault: "the origin's header has a control byte", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok"))
			l.get("/")
		}},
		{rule: "response-header-too-large", fault: "the origin sends a header of 300 KB", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 200 OK\r\nSet-Cookie: a=" + strings.Repeat("x", 300<<10) + "\r\nContent-Length: 0\r\n\r\n"))
			l.get("/")
		}},
		{rule: "https-redirect-loop", fault: "the origin redirects to https each time", inject: func(l *live) {
			l.before(l.always("HTTP/1.1 301 Moved Permanently\r\nLocation: https://app.test/\r\nContent-Length: 0\r\n\r\n"))
			l.several(4, request("GET", "/"))
		}},
		{rule: "redirect-leaks-backend", fault: "the origin redirects to its own address", inject: func(l *live) {
			addr := listener(testingT(l), func(c net.Conn) {
				if _, err := readHead(c); err == nil {
					_, _ = fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: http://%s/login\r\nContent-Length: 0\r\n\r\n", c.LocalAddr())
				}
				_, _ = io.Copy(io.Discard, c)
			})
			l.serve(l.to("/", "http://"+addr))
			l.get("/")
		}},
		{rule: "connection-closed-each-request", fault: "the origin says Connection: close each time", inject: func(l *live) {
			l.before(testnet.Raw{At: plain, Responses: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"}}.Start(l.t))
			l.several(8, request("GET", "/"))
		}},
		{rule: "connection-closed-each-request", fault: "a client says Connection: close each time", inject: func(l *live) {
			l.before(testnet.Echo{At: plain}.Start(l.t))
			for range 8 {
				l.get("/", "Connection: close")
			}
		}},
		{rule: "connection-churn", fault: "the origin closes after each response", inject: func(l *live) {
			l.before(testnet.Raw{At: plain, Responses: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}}.Start(l.t))
			before := len(clientConns(l.Trace()))
			c := l.dial()
			for range 25 {
				l.on(c, request("GET", "/"))
				time.Sleep(10 * time.Millisecond) // the origin's end is seen
			}
			c.Close()
			l.askAbout("", before)
		}},
		{rule: "nagle-delayed-ack", timed: true, fault: "the origin's bodies come 40 ms behind their headers", inject: func(l *live) {
			addr := listener(testingT(l), func(c net.Conn) {
				r := bufio.NewReader(c)
				for {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
					time.Sleep(40 * time.Millisecond)
					_, _ = io.WriteString(c, "ok")
				}
			})
			l.serve(l.to("/", "http://"+addr))
			l.onTime(func() { l.several(12, request("GET", "/")) }, l.bodiesHeldUp)
		}},
		{rule: "content-encoding-mismatch", fault: "a header rule removes Content-Encoding", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"), "response_headers: {remove: [Content-Encoding]}")
			l.get("/")
		}},
		{rule: "host-rejected", fault: "the origin does not know the Host", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 400 Bad Request\r\nServer: Microsoft-HTTPAPI/2.0\r\nConnection: close\r\nContent-Length: 334\r\n\r\n"+strings.Repeat("x", 334)), "host: origin")
			l.get("/")
		}},
		{rule: "request-filter-rejected", fault: "the origin's request filter refuses", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 404 Not Found\r\nServer: Microsoft-IIS/10.0\r\nContent-Length: 0\r\n\r\n"))
			l.get("/bin/app.dll")
		}},
		{rule: "request-filter-rejected", fault: "the site's own filter refuses", inject: func(l *live) {
			l.serve("- {path: /, respond: {text: found}}\n    filter: {deny_url: [\"..\"]}")
			l.get("/docs/a..b.pdf")
		}},
		{rule: "body-limit-truncates-upload", fault: "a body is longer than the filter takes", inject: func(l *live) {
			l.serve("- {path: /, respond: {text: found}}\n    filter: {max: {body: 100}}")
			l.send(request("POST", "/upload", "Connection: close", "Content-Length: 500") + strings.Repeat("x", 500))
		}},
		{rule: "body-limit-truncates-upload", fault: "a body is longer than the route takes", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "limits: {body_bytes: 100}")
			l.send(request("POST", "/upload", "Connection: close", "Content-Length: 500") + strings.Repeat("x", 500))
		}},
		{rule: "body-limit-truncates-upload", fault: "a body is longer than the origin takes", inject: func(l *live) {
			l.before(l.answers("HTTP/1.1 413 Request Entity Too Large\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"))
			l.send(request("POST", "/upload", "Connection: close", "Content-Length: 500") + strings.Repeat("x", 500))
		}},
		{rule: "waf-blocked-benign-looking", fault: "a search text has a word that is a command too", inject: func(l *live) {
			l.serve("- {path: /, respond: {text: found}}\n    waf: {mode: block}")
			l.send(request("GET", "/search?q=time+flies+like+an+arrow", "User-Agent: browser", "Accept: */*", "Connection: close"))
		}},
		{rule: "streaming-buffered", fault: "the WAF looks into a page that comes in pieces", inject: func(l *live) {
			addr := listener(testingT(l), func(c net.Conn) {
				if _, err := readHead(c); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
				for range 10 {
					_, _ = io.WriteString(c, "4\r\n<hr>\r\n")
					time.Sleep(250 * time.Millisecond)
				}
				_, _ = io.WriteString(c, "0\r\n\r\n")
				_, _ = io.Copy(io.Discard, c)
			})
			l.serve(strings.TrimSpace(l.to("/", "http://"+addr)) + "\n    waf: {mode: block, responses: true}")
			l.get("/", "User-Agent: browser", "Accept: */*", "Connection: close")
		}},
		{rule: "ws-idle-cut", fault: "nothing is said on a WebSocket", inject: func(l *live) {
			l.before(testnet.Echo{At: plain}.Start(l.t))
			before := len(clientConns(l.Trace()))
			c := l.dial()
			_, err := io.WriteString(c, request("GET", "/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="))
			must(l.t, err)
			_, _ = io.Copy(io.Discard, c)
			c.Close()
			l.askAbout("", before)
		}},
		{rule: "cookie-dropped", fault: "the origin's cookie has SameSite=None without Secure", inject: func(l *live) {
			l.before(l.always("HTTP/1.1 200 OK\r\nSet-Cookie: id=1; SameSite=None\r\nContent-Length: 0\r\n\r\n"))
			l.several(2, request("GET", "/", "User-Agent: Mozilla/5.0"))
		}},
		{rule: "head-of-line-blocking", timed: true, fault: "a browser's six connections are all busy", inject: func(l *live) {
			l.serve(strings.Replace(l.to("/", "http://"+listener(testingT(l), answerLate)), "first_byte: 800ms", "first_byte: 20s", 1))
			l.browse()
		}},
		{rule: "client-address-untrusted", fault: "the origin believes what a client says of itself", inject: func(l *live) {
			addr := listener(testingT(l), func(c net.Conn) {
				for r := bufio.NewReader(c); ; {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					answer := "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
					if req.Header.Get("True-Client-IP") != "" {
						answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
					}
					_, _ = io.WriteString(c, answer)
				}
			})
			l.serve(l.to("/", "http://"+addr))
			l.several(1, request("GET", "/"), request("GET", "/", "True-Client-IP: 127.0.0.1"))
		}},
		{rule: "proxy-loop", fault: "the route leads back to the door", inject: func(l *live) {
			l.serve(strings.Replace(l.to("/", "http://127.0.0.3:$PORT"), "first_byte: 800ms", "first_byte: 20s", 1))
			l.get("/")
		}},
		{rule: "no-usable-origin", fault: "the gateway behind has no server", inject: func(l *live) {
			l.before(l.answers("HTTP/1.0 503 Service Unavailable\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 107\r\n\r\n" + strings.Repeat("x", 107)))
			l.get("/")
		}},
		{rule: "no-usable-origin", fault: "the health check takes all origins down", inject: func(l *live) {
			l.before(l.always("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"), "health: {path: /health, interval: 200ms, fall: 1}")
			until(l.t, "the origin to be down", func() bool { return l.origins()[0].State == "down" })
			l.get("/")
		}},
		{rule: "no-usable-origin", fault: "an operator has disabled the origin", inject: func(l *live) {
			o := testnet.Echo{At: plain}.Start(l.t)
			l.before(o)
			must(l.t, l.call(http.MethodPost, "/api/origins/disable", map[string]string{"origin": o.Addr}, nil))
			l.get("/")
		}},
		{rule: "no-usable-origin", fault: "the origin has as many requests as it may", inject: func(l *live) {
			l.beside("pool: {connections: 1, queue: off}")
		}},
		{rule: "no-usable-origin", fault: "a request waits in the origin's queue in vain", inject: func(l *live) {
			l.beside("pool: {connections: 1, queue: 5, queue_timeout: 300ms}")
		}},
		{rule: "gateway-timeout", fault: "the origin does not answer", inject: func(l *live) {
			l.before(testnet.SilentAfterTLS{}.Start(l.t))
			l.get("/")
		}},
		{rule: "slow-origin", fault: "the origin needs six seconds", inject: func(l *live) {
			o := testnet.SlowBody{At: plain, Head: 5200 * time.Millisecond, Length: 1}.Start(l.t)
			l.serve(strings.Replace(l.to("/", o.URL("")), "first_byte: 800ms", "first_byte: 20s", 1))
			l.get("/")
		}},
		{rule: "receiver-stalls", fault: "a client does not read the response", inject: func(l *live) {
			l.before(testnet.SlowBody{At: plain, Length: 40 << 20, Piece: 1 << 20, Every: time.Millisecond}.Start(l.t))
			before := len(clientConns(l.Trace()))
			c := l.dial()
			_, err := io.WriteString(c, request("GET", "/"))
			must(l.t, err)
			until(l.t, "the door to give up", func() bool { return l.Open() == 0 })
			c.Close()
			l.askAbout("", before)
		}},
	}
}

// answerLate answers after as many milliseconds as the target says.
func answerLate(c net.Conn) {
	for r := bufio.NewReader(c); ; {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		wait, _ := time.ParseDuration(strings.TrimPrefix(req.URL.Path, "/") + "ms")
		time.Sleep(wait)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
}

// onTime does something that depends on times, again if the machine was too busy
// for it to be what is meant.
func (l *live) onTime(do func(), meant func() bool) {
	l.t.Helper()
	for range 8 {
		do()
		if meant() {
			return
		}
	}
}

// bodiesHeldUp tells that bodies came behind their headers as late as an
// acknowledgement that is delayed.
func (l *live) bodiesHeldUp() bool {
	for _, c := range conns(l.Trace(), flow.Client) {
		held := 0
		for _, x := range c.Exchanges {
			if d, known := x.Receive(); known && d > 38*time.Millisecond && d < 48*time.Millisecond {
				held++
			}
		}
		if held >= 5 && 2*held >= len(c.Exchanges) {
			return true
		}
	}
	return false
}

// browse asks for slow pages on six connections, and for another one on the
// first two of them as soon as they are free.
func (l *live) browse() {
	l.t.Helper()
	var before int
	l.onTime(func() {
		before = len(clientConns(l.Trace()))
		l.browseOnce()
		l.askAbout("", before+5)
	}, func() bool { return l.wentOnAtOnce(before) })
	l.ask = conns(l.Trace(), flow.Server)[before].ID.String()
}

func (l *live) browseOnce() {
	l.t.Helper()
	targets := [][]string{{"/1200", "/2000"}, {"/1400", "/2000"}, {"/3000"}, {"/3000"}, {"/3000"}, {"/3000"}}
	open := make([]*tls.Conn, len(targets))
	for i := range open {
		open[i] = l.dial()
	}
	var asking sync.WaitGroup
	for i, targets := range targets {
		c := open[i]
		asking.Go(func() {
			defer c.Close()
			for _, target := range targets {
				l.on(c, request("GET", target, "User-Agent: Mozilla/5.0"))
			}
		})
	}
	asking.Wait()
}

// wentOnAtOnce tells that two connections, from one on, were used again as
// quickly as a browser does.
func (l *live) wentOnAtOnce(from int) bool {
	quick := 0
	for _, c := range conns(l.Trace(), flow.Server)[from:] {
		if len(c.Exchanges) == 2 && c.Exchanges[1].Started.Sub(c.Exchanges[0].Ended) < 10*time.Millisecond {
			quick++
		}
	}
	return quick >= 2
}

// dial is a connection of a client of the site.
func (l *live) dial() *tls.Conn {
	l.t.Helper()
	c, err := tls.Dial("tcp", "127.0.0.2:"+l.port, &tls.Config{ServerName: "app.test", RootCAs: l.roots()})
	must(l.t, err)
	_ = c.SetDeadline(time.Now().Add(wait))
	return c
}

// on makes a request on a connection and reads the whole response.
func (l *live) on(c net.Conn, request string) *http.Response {
	l.t.Helper()
	_, err := io.WriteString(c, request)
	must(l.t, err)
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	must(l.t, err)
	_, err = io.Copy(io.Discard, res.Body)
	must(l.t, err)
	return res
}

// beside makes a request while another one waits for the same origin, which does
// not answer. options are those of the route.
func (l *live) beside(options string) {
	l.t.Helper()
	silent := listener(testingT(l), func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	l.serve(strings.Replace(l.to("/", "http://"+silent, options), "first_byte: 800ms", "first_byte: 20s", 1))
	first, second := l.dial(), l.dial()
	_, err := io.WriteString(first, request("GET", "/first"))
	must(l.t, err)
	until(l.t, "the first request to be under way", func() bool { return l.origins()[0].Active == 1 })
	_, err = io.WriteString(second, request("GET", "/"))
	must(l.t, err)
	res, err := http.ReadResponse(bufio.NewReader(second), nil)
	must(l.t, err)
	l.ask = res.Header.Get("Fanlight-Incident")
	first.Close()
	second.Close()
	l.quiet()
}
