package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// before starts a door in front of a scripted origin.
func before(t *testing.T, s *scripted, tune func(*origin.Origin)) *door {
	t.Helper()
	d := newDoor(t)
	o := s.origin(t, d)
	if tune != nil {
		tune(o)
	}
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
	return d
}

// TestHTTP11Required: IIS answers so where it needs the client's certificate or
// a sign-in of Windows.
func TestHTTP11Required(t *testing.T) {
	for name, refuse := range map[string]scriptedAnswer{
		"stream": func(c *scriptedConn, stream uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendReset(nil, stream, httpwire.CodeHTTP11Required))
		},
		"connection": func(c *scriptedConn, stream uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendGoAway(nil, 0, httpwire.CodeHTTP11Required, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startScripted(t, refuse)
			s.plain = one
			d := before(t, s, nil)
			c := d.dial("app.test")
			for _, request := range []string{
				"POST /a HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi",
				"GET /b HTTP/1.1\r\nHost: app.test\r\n\r\n",
			} {
				c.send(request)
				if res, body, err := c.receive("GET"); err != nil || body != "over 1.1" {
					t.Fatalf("got %v, %q, %v", res, body, err)
				}
			}
			if two, ones := s.counts(); two != 1 || ones != 1 {
				t.Errorf("%d connections of HTTP/2 and %d of HTTP/1.1", two, ones)
			}
			d.settled(func(trace *flow.Trace) bool {
				return decided(trace, "HTTP/1.1 from now on") && decided(trace, "HTTP_1_1_REQUIRED")
			})
		})
	}
}

// TestSignInOverH2 checks that a sign-in that belongs to a connection is never
// made on one that others share.
func TestSignInOverH2(t *testing.T) {
	s := startScripted(t, func(c *scriptedConn, stream uint32, h *httpwire.H2Head) {
		if h.Has("Authorization") {
			t.Error("a token came over HTTP/2")
		}
		c.head(stream, true, 401, "www-authenticate", "NTLM")
	})
	s.plain = one
	d := before(t, s, nil)
	c := d.dial("app.test")
	if res, _ := c.get("/"); res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") != "NTLM" {
		t.Fatalf("got %v", res)
	}
	c.send("GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGNFAAAADw==\r\n\r\n")
	if _, body, err := c.receive("GET"); body != "over 1.1" || err != nil {
		t.Fatalf("got %q, %v", body, err)
	}
	d.settled(func(trace *flow.Trace) bool { return decided(trace, "sign-in with NTLM") })

	s = startScripted(t, func(*scriptedConn, uint32, *httpwire.H2Head) { t.Error("a token came over HTTP/2") })
	s.plain = one
	c = before(t, s, nil).dial("app.test")
	c.send("GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: Negotiate TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGNFAAAADw==\r\n\r\n")
	if _, body, err := c.receive("GET"); body != "over 1.1" || err != nil {
		t.Fatalf("got %q, %v", body, err)
	}
}

// TestUnprocessedIsSentAgain: what the origin says it has not acted on may be
// sent again whatever its method.
func TestUnprocessedIsSentAgain(t *testing.T) {
	for name, refuse := range map[string]func(c *scriptedConn, stream uint32){
		"refused": func(c *scriptedConn, stream uint32) {
			c.frames(httpwire.AppendReset(nil, stream, httpwire.CodeRefusedStream))
		},
		"gone away": func(c *scriptedConn, stream uint32) {
			c.frames(httpwire.AppendGoAway(nil, stream-2, httpwire.CodeNone, "")) // stream 1: all of them
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := true
			s := startScripted(t, func(c *scriptedConn, stream uint32, h *httpwire.H2Head) {
				if first {
					first = false
					if stream == 1 && name == "gone away" {
						c.frames(httpwire.AppendGoAway(nil, 0, httpwire.CodeNone, ""))
						return
					}
					refuse(c, stream)
					return
				}
				c.whole(stream, "again")
			})
			c := before(t, s, nil).dial("app.test")
			c.send("POST /a HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi")
			if res, body, err := c.receive("POST"); body != "again" || err != nil {
				t.Fatalf("got %v, %q, %v", res, body, err)
			}
		})
	}
}

// TestH2OriginFails checks what the client gets, and what is said, where an
// origin of HTTP/2 fails.
func TestH2OriginFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer scriptedAnswer
		status int
		says   []string
	}{
		{"reset", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendReset(nil, n, httpwire.CodeInternal))
		}, 502, []string{"the origin reset the stream: INTERNAL_ERROR"}},
		{"goes away", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendGoAway(nil, n, httpwire.CodeEnhanceYourCalm, "too_many_pings"))
			c.Close()
		}, 502, []string{"the origin ended its HTTP/2 connection: ENHANCE_YOUR_CALM (too_many_pings)"}},
		{"closes", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) { c.Close() }, 502, []string{"the origin closed without a response"}},
		{"silent", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {}, 504, []string{"no response within 1s (timeout: first byte)"}},
		{"not HTTP/2 at all", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {}, 502, []string{"what the origin says first is not HTTP/2", "set `http: \"1.1\"` on this route"}},
		{"no status", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendBlock(nil, n, httpwire.AppendHPACK(c.encoder.Begin(nil), "a", "b"), true, 16384))
		}, 502, []string{"bad response: h2-bad-pseudo"}},
		{"forbidden field", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.head(n, true, 200, "connection", "close")
		}, 502, []string{"bad response: h2-forbidden-field"}},
		{"data first", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendData(nil, n, []byte("x"), true))
		}, 502, []string{"bad response: h2-stream-state"}},
		{"large head", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			var block []byte
			for range 70 {
				block = httpwire.AppendHPACK(block, "a", strings.Repeat("!", 4000))
			}
			c.frames(httpwire.AppendBlock(nil, n, httpwire.AppendStatus(nil, 200), false, 16384)[:9])
			c.frames(block)
		}, 502, []string{"bad response"}},
		{"promise", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.frames(append(httpwire.AppendFrameHead(nil, 5, httpwire.FramePush, 4, n), 0, 0, 0, 2, 0x82))
		}, 502, []string{"bad response: h2-unexpected"}},
		{"body on an idle stream", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendData(nil, n+2, []byte("x"), true))
		}, 502, []string{"bad response: h2-stream-state"}},
		{"window overflow", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendWindow(nil, 0, 1<<31-1))
		}, 502, []string{"bad response: h2-window-over"}},
		{"endless block", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			c.frames(httpwire.AppendFrameHead(nil, 0, httpwire.FrameHeaders, 0, n))
			for range 200 {
				c.frames(httpwire.AppendFrameHead(nil, 0, httpwire.FrameContinuation, 0, n))
			}
		}, 502, []string{"bad response: h2-block-flood"}},
		{"ping flood", func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
			for range 100 {
				var b []byte
				for range 100 {
					b = httpwire.AppendPing(b, [8]byte{}, false)
				}
				c.frames(b)
			}
		}, 502, []string{"bad response: h2-flood"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := startScripted(t, test.answer)
			s.mute = test.name == "not HTTP/2 at all"
			d := before(t, s, func(o *origin.Origin) {
				if test.name == "silent" {
					o.Timeouts.FirstByte = time.Second
				}
			})
			c := d.dial("app.test")
			res, _ := c.get("/")
			if res.StatusCode != test.status {
				t.Fatalf("got %v", res)
			}
			contains(t, "cause", d.incident(res).Cause, test.says...)
		})
	}
}

// TestH2BodyCut checks that a body that is not whole is never passed on as whole.
func TestH2BodyCut(t *testing.T) {
	for name, cut := range map[string]func(c *scriptedConn, n uint32){
		"reset":  func(c *scriptedConn, n uint32) { c.frames(httpwire.AppendReset(nil, n, httpwire.CodeInternal)) },
		"closed": func(c *scriptedConn, n uint32) { c.Close() },
		"short":  func(c *scriptedConn, n uint32) { c.frames(httpwire.AppendData(nil, n, nil, true)) },
		"long":   func(c *scriptedConn, n uint32) { c.frames(httpwire.AppendData(nil, n, make([]byte, 100), true)) },
		"beyond": func(c *scriptedConn, n uint32) {
			c.frames(httpwire.AppendFrameHead(nil, 1<<20, httpwire.FrameData, 0, n))
		},
		"never ended": func(c *scriptedConn, n uint32) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScripted(t, func(c *scriptedConn, n uint32, _ *httpwire.H2Head) {
				c.head(n, false, 200, "content-length", "10")
				c.frames(httpwire.AppendData(nil, n, []byte("half."), false))
				cut(c, n)
			})
			d := before(t, s, func(o *origin.Origin) {
				if name == "never ended" {
					o.Timeouts.Between = time.Second
				}
			})
			c := d.dial("app.test")
			c.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
			if _, body, err := c.receive("GET"); err == nil || !strings.HasPrefix("half.", body) {
				t.Errorf("got %q, %v", body, err)
			}
		})
	}
}

// TestH2MaxStreams checks that what one connection does not take goes over
// another.
func TestH2MaxStreams(t *testing.T) {
	hold, came := make(chan struct{}), make(chan struct{})
	s := startScripted(t, func(c *scriptedConn, n uint32, h *httpwire.H2Head) {
		if string(h.Bytes(h.Target)) == "/first" {
			c.whole(n, "first")
			return
		}
		go func() {
			came <- struct{}{}
			<-hold
			c.whole(n, fmt.Sprint(c.n))
		}()
	}, httpwire.H2Setting{ID: httpwire.SettingMaxStreams, Value: 2})
	d := before(t, s, nil)
	c := d.dial("app.test")
	c.get("/first") // the origin's SETTINGS are known now
	var clients []*client
	for range 5 {
		c := d.dial("app.test")
		c.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
		clients = append(clients, c)
		<-came // one after another, so that each finds what the ones before left
	}
	close(hold)
	seen := map[string]int{}
	for _, c := range clients {
		_, body, err := c.receive("GET")
		if err != nil {
			t.Fatal(err)
		}
		seen[body]++
	}
	if seen["1"] != 2 || seen["2"] != 2 || seen["3"] != 1 {
		t.Errorf("exchanges by connection: %v", seen)
	}
}

// TestH2HeadLimit checks that the limit of a route costs the exchange alone.
func TestH2HeadLimit(t *testing.T) {
	s := startScripted(t, func(c *scriptedConn, n uint32, h *httpwire.H2Head) {
		if n == 1 {
			c.head(n, true, 200, "a", strings.Repeat("!", 5000))
			return
		}
		c.whole(n, fmt.Sprint(c.n))
	})
	d := before(t, s, func(o *origin.Origin) { o.HeadBytes = 4096 })
	c := d.dial("app.test")
	res, _ := c.get("/")
	contains(t, "cause", d.incident(res).Cause, "the head of its response is larger than 4096 bytes", "response_header_bytes")
	if n := d.g.Metrics.Fired.All()["response-header-bytes"]; n != 1 {
		t.Errorf("counted %d times", n)
	}
	if _, body := c.get("/"); body != "1" {
		t.Errorf("the connection did not go on: %q", body)
	}
}

// TestH2NoStreams checks that connections of an origin that allows no streams do
// not pile up: each exchange opens one.
func TestH2NoStreams(t *testing.T) {
	s := startScripted(t, func(c *scriptedConn, n uint32, _ *httpwire.H2Head) { c.whole(n, "asked too soon") },
		httpwire.H2Setting{ID: httpwire.SettingMaxStreams, Value: 0})
	d := before(t, s, nil)
	c := d.dial("app.test")
	for range 5 {
		if res, _ := c.get("/"); res.StatusCode == 502 { // else it was asked before its SETTINGS came
			contains(t, "cause", d.incident(res).Cause, "the origin takes no stream on a new HTTP/2 connection")
		}
	}
	d.settled(func(trace *flow.Trace) bool {
		for _, c := range originConns(trace) {
			if !c.Close.Ended || c.Close.Why != "it takes no more streams" {
				return false
			}
		}
		return true
	})
}

// TestTrailersThatEndAConnection: nginx 1.22 takes the trailers of a request for
// a breach of HTTP/2 and ends the connection that others share, once.
func TestTrailersThatEndAConnection(t *testing.T) {
	s := startScripted(t, func(c *scriptedConn, stream uint32, h *httpwire.H2Head) {
		if string(h.Bytes(h.Method)) == "GET" {
			c.whole(stream, "got")
			return
		}
		ended := false
		c.trailed = func() {
			ended = true
			c.frames(httpwire.AppendGoAway(nil, stream, httpwire.CodeProtocol, ""))
			c.Close()
		}
		c.emptied = func() {
			if !ended {
				c.whole(stream, "posted")
			}
		}
	})
	d := before(t, s, nil)
	c := d.dial("app.test")
	c.get("/")
	const post = "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n"
	for _, want := range []int{502, 200, 200} {
		c.send(post)
		res, body, err := c.receive("POST")
		if err != nil || res.StatusCode != want {
			t.Fatalf("want %d, got %v, %q, %v", want, res, body, err)
		}
	}
	if two, _ := s.counts(); two != 2 {
		t.Errorf("%d connections", two)
	}
	d.settled(func(trace *flow.Trace) bool { return decided(trace, "no trailers of requests from now on") })
}

// TestCancelThatEndsAConnection: mod_http2 2.0.42 (Apache 2.4.71) ends the
// connection that others share, with a code of nghttp2's own, where a stream is
// cancelled between its answer and the sending of it.
func TestCancelThatEndsAConnection(t *testing.T) {
	for _, test := range []struct {
		http   origin.Protocol
		method string
		got    string // by a client whose request was open on the same connection
		later  string // by the next one
	}{
		{origin.Auto, "GET", "over 1.1", "over 1.1"},
		{origin.Auto, "POST", "", "over 1.1"},
		{origin.HTTP2, "GET", "by 2", "by 2"},
		{origin.HTTP2, "POST", "", "by 2"},
	} {
		t.Run(fmt.Sprint(test.method, " ", test.http), func(t *testing.T) {
			open := make(chan bool, 2)
			s := startScripted(t, func(c *scriptedConn, stream uint32, h *httpwire.H2Head) {
				if c.n > 1 || string(h.Bytes(h.Target)) == "/" {
					c.whole(stream, fmt.Sprint("by ", c.n))
					return
				}
				c.reset = func() {
					c.frames(httpwire.AppendGoAway(nil, 5, 0xfffffc7a, "The user callback function failed"))
					c.Close()
				}
				open <- true
			})
			s.plain = one
			d := before(t, s, func(o *origin.Origin) { o.HTTP = test.http })
			cancelled, other := d.dial("app.test"), d.dial("app.test")
			other.get("/")
			other.send(test.method + " /other HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi")
			<-open
			cancelled.send("POST /cancelled HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\n")
			<-open
			cancelled.Close()
			res, body, err := other.receive(test.method)
			switch {
			case err != nil:
				t.Fatal(err)
			case test.got == "":
				contains(t, "cause", d.incident(res).Cause, "ended its HTTP/2 connection: 0xfffffc7a (The user callback function failed)", "POST is not sent twice")
			case body != test.got:
				t.Errorf("got %v, %q", res, body)
			}
			if _, body := other.get("/later"); body != test.later {
				t.Errorf("the next request: %q", body)
			}
			d.settled(func(trace *flow.Trace) bool {
				return decided(trace, "HTTP/1.1 from now on") == (test.http == origin.Auto)
			})
		})
	}
}
