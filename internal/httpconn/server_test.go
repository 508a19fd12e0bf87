package httpconn

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tap"
	"fanlight/internal/testnet"
)

// talk is one connection as a client carries it on; what it sees and what is
// recorded are golden.
type talk struct {
	name   string
	handle handlerFunc // nil: echo
	talk   func(c *client)
}

func runTalks(t *testing.T, file string, talks []talk) {
	for _, test := range talks {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDoor()
				handle := test.handle
				if handle == nil {
					handle = echo
				}
				c, done := d.connect(t, handle)
				test.talk(c)
				all, end := c.rest()
				c.Close()
				<-done
				golden(t, file, test.name, all, end, d)
			})
		})
	}
}

const (
	get      = "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"
	getClose = "GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
	post     = "POST /p HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"
	chunks   = "POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
	expects  = "POST /e HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
)

func half(c *client) { _ = c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

func sends(raw string) func(*client) {
	return func(c *client) {
		c.send(raw)
		half(c)
	}
}

// answersUnread answers without a look at the body.
func answersUnread(x Exchange) { answer(x, 200, "ok\n") }

func TestExchanges(t *testing.T) {
	runTalks(t, "exchanges.txtar", []talk{
		{name: "close", talk: sends(getClose)},
		{name: "keep-alive", talk: func(c *client) {
			c.send(get)
			c.await("\"\"\n")
			time.Sleep(time.Second)
			c.send(post)
			c.await("\"hello\"\n")
			c.Close()
		}},
		{name: "pipelined", talk: sends(get + post + chunks + get)},
		{name: "pipelined, byte by byte", talk: func(c *client) {
			c.dribble(get + post + chunks + "\r\n" + getClose)
		}},
		{name: "HEAD", talk: sends(strings.Replace(get, "GET", "HEAD", 1))},
		{name: "HTTP 1.0", talk: sends("GET / HTTP/1.0\r\n\r\n" + get)},
		{name: "HTTP 1.0 keep-alive", talk: sends("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n")},
		{name: "absolute form", talk: sends("GET http://b.test/x/../y?q HTTP/1.1\r\nHost: a.test\r\n\r\n")},
		{name: "expect", talk: func(c *client) {
			c.send(expects)
			c.await("100 Continue\r\n\r\n")
			c.send("hello")
			half(c)
		}},
		{name: "expect, body on its way", talk: sends(expects + "hello")},
		{name: "expect, HTTP 1.0", talk: func(c *client) {
			c.send(strings.Replace(expects, "1.1", "1.0", 1))
			time.Sleep(time.Second)
			c.send("hello")
		}},
		{name: "expect, body not wanted", handle: answersUnread, talk: func(c *client) {
			c.send(expects)
			c.await("ok\n")
		}},
		{name: "small body not read", handle: answersUnread, talk: sends(post + chunks + get)},
		{name: "large body not read", handle: answersUnread, talk: func(c *client) {
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
			c.await("ok\n")
			c.send(strings.Repeat("x", 1<<16)) // does not reset the response
		}},
		{name: "body read after the response began", handle: func(x Exchange) {
			_ = x.Respond(200, "OK", nil, -1)
			_, _ = io.WriteString(writer{x}, "early ")
			_ = x.Flush()
			body, _ := io.ReadAll(reader{x})
			_, _ = x.Write(body)
			_ = x.Finish(nil)
		}, talk: func(c *client) {
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
			c.await("early \r\n")
			c.send("late")
			half(c)
		}},
		{name: "chunked response with trailers", handle: func(x Exchange) {
			_ = x.Interim(103, []byte("Link: </x>\r\n"))
			_ = x.Respond(200, "OK", []byte("Trailer: X-Sum\r\n"), -1)
			for _, s := range []string{"one", "", "two"} {
				_, _ = io.WriteString(writer{x}, s)
			}
			_ = x.Finish([]byte("X-Sum: 6\r\n"))
		}, talk: sends(get + "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n")},
		{name: "responses without a body", handle: func(x Exchange) {
			status, length := 204, int64(5)
			if x.Request().Path == "/304" {
				status = 304
			}
			_ = x.Respond(status, "", nil, length)
			_, _ = io.WriteString(writer{x}, "never seen")
			_ = x.Finish(nil)
		}, talk: sends("GET /204 HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\n\r\n")},
	})
}

func TestTunnels(t *testing.T) {
	const upgrade = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
	echoes := func(x Exchange) {
		rw, err := x.Tunnel(101, []byte("Connection: upgrade\r\nUpgrade: websocket\r\n"), x.Request().Upgrade)
		if err != nil {
			x.Truncate(err.Error())
			return
		}
		_, _ = io.Copy(rw, rw)
		_ = rw.Close()
	}
	runTalks(t, "exchanges.txtar", []talk{
		{name: "tunnel", handle: echoes, talk: func(c *client) {
			c.send(upgrade + "read ahead")
			c.await("ahead")
			time.Sleep(time.Hour)
			c.send(" and later")
			c.await("later")
			half(c)
		}},
		{name: "tunnel left open by its handler", handle: func(x Exchange) {
			_, _ = x.Tunnel(101, nil, "websocket")
		}, talk: sends(upgrade)},
		{name: "no tunnel before the end of the body", handle: echoes, talk: func(c *client) {
			c.send("POST /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 9\r\n\r\nsmug")
		}},
		{name: "no upgrade with HTTP 1.0", handle: func(x Exchange) { answer(x, 200, "upgrade "+x.Request().Upgrade+".\n") },
			talk: sends(strings.Replace(upgrade, "1.1", "1.0", 1))},
	})
}

// A client must see that a response is not whole.
func TestTruncation(t *testing.T) {
	respond := func(length int64, body ...string) handlerFunc {
		return func(x Exchange) {
			_ = x.Respond(200, "OK", nil, length)
			for _, s := range body {
				_, _ = io.WriteString(writer{x}, s)
			}
			_ = x.Finish(nil)
		}
	}
	runTalks(t, "truncation.txtar", []talk{
		{name: "shorter than declared", handle: respond(10, "short"), talk: sends(get)},
		{name: "longer than declared", handle: respond(4, "too long"), talk: sends(get)},
		{name: "longer in a second piece", handle: respond(4, "four", "more"), talk: sends(get)},
		{name: "nothing of what was declared", handle: respond(4), talk: sends(get)},
		{name: "truncated", handle: func(x Exchange) {
			_ = x.Respond(200, "OK", nil, -1)
			_, _ = io.WriteString(writer{x}, "part")
			x.Truncate("the origin reset")
			x.Truncate("again")
		}, talk: sends(get)},
		{name: "truncated, HTTP 1.0", handle: func(x Exchange) {
			_ = x.Respond(200, "OK", nil, -1)
			_, _ = io.WriteString(writer{x}, "part")
			x.Truncate("the origin reset")
		}, talk: sends("GET / HTTP/1.0\r\n\r\n")},
		{name: "no response", handle: func(Exchange) {}, talk: sends(get)},
		{name: "finished without a response", handle: func(x Exchange) { _ = x.Finish(nil) }, talk: sends(get)},
		{name: "not finished", handle: func(x Exchange) { _ = x.Respond(200, "OK", nil, 0) }, talk: sends(get)},
		{name: "panic before the response", handle: func(Exchange) { panic("boom") }, talk: sends(get)},
		{name: "panic in the response", handle: func(x Exchange) {
			_ = x.Respond(200, "OK", nil, 4)
			_, _ = io.WriteString(writer{x}, "fo")
			_ = x.Flush()
			panic(errors.New("boom"))
		}, talk: sends(get)},
	})
}

func TestTimeouts(t *testing.T) {
	runTalks(t, "timeouts.txtar", []talk{
		{name: "nothing sent", talk: func(*client) {}},
		{name: "head", talk: func(c *client) { c.send("GET / HTTP/1.1\r\nHo") }},
		{name: "head dribbles", talk: func(c *client) {
			for range 30 {
				if _, err := c.Write([]byte("G")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}},
		{name: "second head", talk: func(c *client) {
			c.send(get)
			c.await("\"\"\n")
			time.Sleep(30 * time.Second)
			c.send("GET")
		}},
		{name: "idle", talk: func(c *client) { c.send(get) }},
		{name: "body", talk: func(c *client) { c.send(post[:len(post)-2]) }},
		{name: "chunked body", talk: func(c *client) { c.send(chunks[:80]) }},
		{name: "body goes on", talk: func(c *client) {
			c.send(post[:len(post)-3])
			for _, s := range []string{"l", "l", "o"} {
				time.Sleep(4 * time.Second)
				c.send(s)
			}
			half(c)
		}},
		{name: "write", handle: func(x Exchange) {
			_ = x.Respond(200, "OK", nil, 1<<20)
			piece := make([]byte, 8<<10)
			for range 128 {
				if _, err := x.Write(piece); err != nil {
					break
				}
			}
			_ = x.Finish(nil)
		}, talk: func(c *client) {
			c.send(get)
			time.Sleep(time.Minute)
			n, err := io.Copy(io.Discard, c)
			if n == 0 || n > 1<<20 || err == nil {
				c.t.Errorf("read %d bytes, then %v", n, err)
			}
		}},
		{name: "unread body after the response", handle: answersUnread, talk: func(c *client) { c.send(post[:len(post)-2]) }},
	})
}

// A client that leaves is no fault of anybody.
func TestClientLeaves(t *testing.T) {
	reset := func(c *client) {
		_ = c.Conn.(interface{ SetLinger(int) error }).SetLinger(0)
		c.Close()
	}
	runTalks(t, "leaving.txtar", []talk{
		{name: "at once", talk: func(c *client) { c.Close() }},
		{name: "in the head", talk: sends("GET / HT")},
		{name: "in the body", talk: sends(post[:len(post)-1])},
		{name: "in a chunk", talk: sends(chunks[:80])},
		{name: "reset while idle", talk: func(c *client) {
			c.send(get)
			c.await("\"\"\n")
			reset(c)
		}},
		{name: "reset in the head", talk: func(c *client) { c.send("GET"); time.Sleep(time.Second); reset(c) }},
		{name: "reset in the body", talk: func(c *client) { c.send(post[:len(post)-1]); time.Sleep(time.Second); reset(c) }},
		{name: "reset in the response", handle: func(x Exchange) {
			_ = x.Respond(200, "OK", nil, -1)
			_, _ = io.WriteString(writer{x}, "a")
			_ = x.Flush()
			time.Sleep(time.Second)
			if _, err := x.Write(make([]byte, 1<<17)); err == nil {
				panic("written to nobody")
			}
			x.Truncate("client gone")
		}, talk: func(c *client) { c.send(get); c.await("a\r\n"); reset(c) }},
	})
}

func TestSiteStops(t *testing.T) {
	stop := func(c *client) {
		c.door.closing.Store(true)
		_ = c.tap.SetReadDeadline(time.Unix(1, 0))
	}
	runTalks(t, "stopping.txtar", []talk{
		{name: "while idle", talk: func(c *client) {
			c.send(get)
			c.await("\"\"\n")
			time.Sleep(time.Second)
			stop(c)
		}},
		{name: "before the first request", talk: stop},
		{name: "in a request head", talk: func(c *client) {
			c.send(get[:20])
			time.Sleep(time.Second)
			stop(c)
			time.Sleep(time.Second)
			c.send(get[20:])
		}},
		{name: "in a request body", talk: func(c *client) {
			c.send(post[:len(post)-2])
			time.Sleep(time.Second)
			stop(c)
			time.Sleep(time.Second)
			c.send(post[len(post)-2:])
		}},
		{name: "twice in a request head", talk: func(c *client) {
			c.send(get[:20])
			time.Sleep(time.Second)
			stop(c)
			time.Sleep(time.Second)
			stop(c)
		}},
		{name: "twice in a request body", talk: func(c *client) {
			c.send(post[:len(post)-2])
			time.Sleep(time.Second)
			stop(c)
			time.Sleep(time.Second)
			stop(c)
		}},
		{name: "in an exchange", handle: func(x Exchange) { time.Sleep(2 * time.Second); echo(x) }, talk: func(c *client) {
			c.send(get + get)
			time.Sleep(time.Second)
			c.door.closing.Store(true)
		}},
	})
}

func TestLingering(t *testing.T) {
	runTalks(t, "lingering.txtar", []talk{
		{name: "client stays silent", talk: func(c *client) {
			c.send(getClose)
			c.await("\"\"\n")
			time.Sleep(time.Minute)
		}},
		{name: "client sends on for ever", talk: func(c *client) {
			c.send(getClose)
			for c.await("\"\"\n"); ; time.Sleep(time.Second) {
				if _, err := io.WriteString(c, "more"); err != nil {
					return
				}
			}
		}},
		{name: "early response to a large body", handle: func(x Exchange) {
			x.CloseAfter("body not wanted")
			answer(x, 413, "too much\n")
		}, talk: func(c *client) {
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n")
			piece := strings.Repeat("x", 1<<16)
			for range 128 {
				c.send(piece)
			}
			c.await("too much\n")
			half(c)
		}},
	})
}

func TestStopBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		var first, second error
		c, done := d.connect(t, handlerFunc(func(x Exchange) {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, first = io.ReadAll(reader{x})
			}()
			time.Sleep(time.Second)
			x.StopBody()
			<-ended
			_, second = x.ReadBody(make([]byte, 1))
			answer(x, 200, "ok\n")
		}))
		c.send(post[:len(post)-1])
		if all, end := c.rest(); !strings.HasSuffix(all, "Connection: close\r\n\r\nok\n") || end != "fin" {
			t.Errorf("client saw %q, %s", all, end)
		}
		<-done
		if !errors.Is(first, ErrStopped) || !errors.Is(second, ErrStopped) {
			t.Errorf("reads gave %v, %v", first, second)
		}
		for _, e := range d.sink.trace().Conns[0].Events {
			if e.Kind == flow.Timeout {
				t.Error("a stopped body is recorded as the client's timeout")
			}
		}
	})
}

// An idle connection holds no buffers.
func TestIdleHoldsNoBuffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		near, far := testnet.Pipe()
		server := tap.Accepted(d.Recorder, far, false)
		c := &Conn{srv: &d.Server, nc: server, log: server.Log(), handler: handlerFunc(echo), closing: d.closing.Load}
		c.x.c = c
		done := make(chan struct{})
		go func() {
			defer close(done)
			for c.serveNext() {
			}
			c.end()
		}()
		// A head that outgrows the pooled buffer, and a chunked body.
		for _, request := range []string{get, "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 3900) + "\r\n\r\n", chunks} {
			if _, err := io.WriteString(near, request); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if c.buf != nil || c.out != nil || c.head.Buf != nil || c.x.req.Head != nil || c.x.req.Target != "" {
				t.Errorf("idle after %.20q: buf %v out %v head %v request %+v", request, c.buf != nil, c.out != nil, c.head.Buf != nil, c.x.req)
			}
		}
		near.Close()
		<-done
	})
}
