package httpconn

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tap"
	"fanlight/internal/testnet"
)

// ask is one connection to an origin that answers with given bytes.
type ask struct {
	name     string
	method   string // default GET
	response string
	open     bool // the origin does not close behind its response
	reset    bool
	unsent   bool // the request was not sent to its end

	status   int
	body     string
	err      error // of the head or the body; nil: a whole response
	trailers string
	reusable bool
	outcome  string // default complete
	record   string // irregularity in the record
}

func asks() []ask {
	const head = "HTTP/1.1 200 OK\r\n"
	return []ask{
		{name: "length", response: head + "Content-Length: 5\r\n\r\nhello", open: true, status: 200, body: "hello", reusable: true},
		{name: "length 0", response: head + "Content-Length: 0\r\n\r\n", open: true, status: 200, reusable: true},
		{name: "chunked", response: head + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n", open: true, status: 200, body: "hello", trailers: "A: b\r\n", reusable: true},
		{name: "until close", response: head + "\r\nhello", status: 200, body: "hello"},
		{name: "HEAD", method: "HEAD", response: head + "Content-Length: 5\r\n\r\n", open: true, status: 200, reusable: true},
		{name: "204", response: "HTTP/1.1 204 No Content\r\n\r\n", open: true, status: 204, reusable: true},
		{name: "304", response: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", open: true, status: 304, reusable: true},
		{name: "no reason", response: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", open: true, status: 200, reusable: true},
		{name: "interim", response: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + head + "Content-Length: 2\r\n\r\nok", open: true, status: 200, body: "ok", reusable: true},
		{name: "interim without end", response: strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 200), open: true, err: ErrBadResponse, outcome: flow.NoResponse},
		{name: "connection close", response: head + "Connection: close\r\nContent-Length: 2\r\n\r\nok", open: true, status: 200, body: "ok"},
		{name: "HTTP 1.0", response: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", open: true, status: 200, body: "ok"},
		{name: "HTTP 1.0 keep-alive", response: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", open: true, status: 200, body: "ok", reusable: true},
		{name: "early answer", response: head + "Content-Length: 2\r\n\r\nok", open: true, unsent: true, status: 200, body: "ok"},
		{name: "bytes after the response", response: head + "Content-Length: 2\r\n\r\nokHTTP/1.1 200", open: true, status: 200, body: "ok"},
		{name: "bytes after the chunks", response: head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore", open: true, status: 200},
		{name: "bytes after no body", method: "HEAD", response: head + "Content-Length: 5\r\n\r\nhello", open: true, status: 200},
		{name: "chunk extension", response: head + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0  \r\n\r\n", open: true, status: 200, body: "ok", reusable: true},

		{name: "silence", open: true, err: errTimeout, outcome: flow.NoResponse},
		{name: "no response", err: io.EOF, outcome: flow.NoResponse},
		{name: "reset", reset: true, err: errReset, outcome: flow.NoResponse},
		{name: "half a head", response: head + "Content-", err: io.ErrUnexpectedEOF, outcome: flow.NoResponse},
		{name: "half a body", response: head + "Content-Length: 5\r\n\r\nhel", status: 200, body: "hel", err: io.ErrUnexpectedEOF, outcome: flow.Truncated},
		{name: "half a body, silence", response: head + "Content-Length: 5\r\n\r\nhel", open: true, status: 200, body: "hel", err: errTimeout, outcome: flow.Truncated},
		{name: "half a body, reset", response: head + "Content-Length: 5\r\n\r\nhel", reset: true, status: 200, body: "hel", err: errReset, outcome: flow.Truncated},
		{name: "reset until close", response: head + "\r\nhel", reset: true, status: 200, body: "hel", err: errReset, outcome: flow.Truncated},
		{name: "half a chunk", response: head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", status: 200, body: "hel", err: io.ErrUnexpectedEOF, outcome: flow.Truncated},
		{name: "no last chunk", response: head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", status: 200, body: "hello", err: io.ErrUnexpectedEOF, outcome: flow.Truncated},

		{name: "garbage", response: "SSH-2.0-OpenSSH\r\n", err: ErrBadResponse, outcome: flow.NoResponse, record: "bad-version"},
		{name: "TLS", response: "\x15\x03\x01\x00\x02\x02\x46", err: ErrBadResponse, outcome: flow.NoResponse, record: "bad-version"},
		{name: "length and chunked", response: head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", err: ErrBadResponse, outcome: flow.NoResponse, record: "length-and-chunked"},
		{name: "differing lengths", response: head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", err: ErrBadResponse, outcome: flow.NoResponse, record: "lengths-differ"},
		{name: "NUL in a field", response: head + "A: \x00\r\n\r\n", err: ErrBadResponse, outcome: flow.NoResponse, record: "nul-byte"},
		{name: "large head", response: head + "A: " + strings.Repeat("a", 300<<10) + "\r\n\r\n", err: ErrBadResponse, outcome: flow.NoResponse},
		{name: "bad chunk size", response: head + "Transfer-Encoding: chunked\r\n\r\nx\r\n", status: 200, err: ErrBadResponse, outcome: flow.Truncated, record: "bad-chunk-size"},
		{name: "bare LF in chunks", response: head + "Transfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", status: 200, err: ErrBadResponse, outcome: flow.Truncated, record: "bare-lf"},
		{name: "framing in trailers", response: head + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", status: 200, err: ErrBadResponse, outcome: flow.Truncated, record: "framing-in-trailer"},
	}
}

var (
	errTimeout = errors.New("a timeout")
	errReset   = errors.New("a reset")
)

func TestClient(t *testing.T) {
	for _, test := range asks() {
		for _, cut := range []int{0, 1, 5} {
			if cut > 0 && strings.HasPrefix(test.name, "bytes after") {
				continue // what comes later than the look for it cannot be seen
			}
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { test.run(t, cut) })
			})
		}
	}
}

func (test ask) run(t *testing.T, cut int) {
	var s sink
	rec := flow.NewRecorder(&s)
	near, far := testnet.Pipe()
	conn := tap.Accepted(rec, near, false)
	c := NewClient(conn, conn.Log(), NewBuffers())
	go test.answer(far, cut)
	method := test.method
	if method == "" {
		method = "GET"
	}
	out := &Out{ID: 1, Method: method, Target: "/"}
	c.begin(out, c.Start(nil, out))
	if err := c.write([]byte("request"), 0, after(time.Second)); err != nil {
		t.Fatal(err)
	}
	if !test.unsent {
		c.sentAt(time.Now())
	}
	status, body, err := receive(c)
	if status != test.status || body != test.body || !same(err, test.err) {
		t.Errorf("got %d %q %v, want %d %q %v", status, body, err, test.status, test.body, test.err)
	}
	if got := string(c.Trailers()); err == nil && got != test.trailers {
		t.Errorf("trailers %q, want %q", got, test.trailers)
	}
	if got := c.End(); got != test.reusable || c.Reusable() != got {
		t.Errorf("reusable %v, then %v, want %v", got, c.Reusable(), test.reusable)
	}
	if test.reusable && (c.buf != nil || c.head.Buf != nil) {
		t.Error("an idle connection holds a buffer")
	}
	conn.Close()
	far.Close()
	test.checkRecord(t, s.trace().Conns[0])
}

func (test ask) checkRecord(t *testing.T, tr *flow.Conn) {
	outcome := test.outcome
	if outcome == "" {
		outcome = flow.Complete
	}
	if len(tr.Exchanges) != 1 || tr.Exchanges[0].Outcome != outcome {
		t.Errorf("want outcome %s:\n%s", outcome, tr)
	}
	if test.record != "" && !slices.ContainsFunc(tr.Events, func(e flow.Event) bool { return e.Kind == flow.Irregular && e.Text == test.record }) {
		t.Errorf("%s is not in the record:\n%s", test.record, tr)
	}
}

func (test ask) answer(far *testnet.PipeConn, cut int) {
	for piece := range pieces(test.response, cut) {
		if _, err := io.WriteString(far, piece); err != nil {
			return
		}
		if cut > 0 && len(test.response) < 1000 {
			synctest.Wait()
		}
	}
	switch {
	case test.reset:
		synctest.Wait() // what came before a reset can be read
		_ = far.SetLinger(0)
		far.Close()
	case !test.open:
		_ = far.CloseWrite()
	}
}

func same(got, want error) bool {
	switch want {
	case errTimeout:
		return IsTimeout(got)
	case errReset:
		return got != nil && !errors.Is(got, io.EOF) && !IsTimeout(got)
	}
	return errors.Is(got, want)
}

func receive(c *Client) (status int, body string, err error) {
	for {
		h, err := c.ReadHead(time.Minute)
		if err != nil {
			return 0, "", err
		}
		if status = h.Status; status >= 200 {
			break
		}
	}
	var b strings.Builder
	for buf := make([]byte, 4); ; {
		n, err := c.ReadBody(buf, time.Minute)
		b.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return status, b.String(), nil
		}
		if err != nil {
			return status, b.String(), err
		}
	}
}

func TestClientReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sink
		near, far := testnet.Pipe()
		conn := tap.Accepted(flow.NewRecorder(&s), near, false)
		c := NewClient(conn, conn.Log(), NewBuffers())
		for id := range flow.ExchangeID(3) {
			// A wait that had a limit must not end one that has none.
			time.Sleep(time.Hour)
			out := &Out{ID: id + 1, Method: "GET", Target: "/"}
			c.begin(out, c.Start(nil, out))
			if err := c.write([]byte("request"), 0, after(time.Second)); err != nil {
				t.Fatal(err)
			}
			c.sentAt(time.Now())
			go func() {
				time.Sleep(time.Hour)
				_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
				time.Sleep(time.Hour)
				_, _ = io.WriteString(far, "k")
			}()
			if h, err := c.ReadHead(0); err != nil || h.Status != 200 {
				t.Fatal(h, err)
			}
			for {
				_, err := c.ReadBody(make([]byte, 10), 2*time.Hour)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !c.End() {
				t.Fatal("not reusable")
			}
		}
		conn.Close()
		far.Close()
		x := s.trace().Conns[0].Exchanges
		if len(x) != 3 || x[0].Reused != flow.No || x[2].Reused != flow.Yes || x[2].Idle != time.Hour {
			t.Errorf("recorded:\n%s", s.trace())
		}
	})
}

func TestClientUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := testnet.Pipe()
		conn := tap.Accepted(nil, near, false)
		c := NewClient(conn, nil, NewBuffers())
		out := &Out{Method: "GET", Target: "/ws"}
		c.begin(out, c.Start(nil, out))
		c.sentAt(time.Now())
		_, _ = io.WriteString(far, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nahead")
		h, err := c.ReadHead(time.Second)
		if err != nil || h.Status != 101 {
			t.Fatal(h, err)
		}
		if ahead := string(c.Ahead()); ahead != "ahead" || c.Buffered() != 0 {
			t.Errorf("read ahead %q, %d left", ahead, c.Buffered())
		}
		if c.End() {
			t.Error("a tunnel is no connection for another exchange")
		}
		conn.Close()
		far.Close()
	})
}

// What was announced and not sent is what the origin waits for, whatever comes.
func TestShortBodyEndsTheConnection(t *testing.T) {
	for sent, reusable := range map[int]bool{5: true, 4: false, 0: false} {
		synctest.Test(t, func(t *testing.T) {
			near, far := testnet.Pipe()
			conn := tap.Accepted(flow.NewRecorder(&sink{}), near, false)
			defer conn.Close()
			defer far.Close()
			c := NewClient(conn, conn.Log(), NewBuffers())
			head := c.Head(c.Start(nil, &Out{ID: 1, Method: "POST", Target: "/", Length: 5}))
			buf := make([]byte, BodyRoom+5+BodyTail)
			go func() { _, _ = io.Copy(io.Discard, far) }()
			err := errors.Join(c.Send(head, nil, false, time.Second), c.SendBody(buf, sent, time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.SendEnd(nil, time.Second); (err == nil) != reusable {
				t.Errorf("%d of 5 bytes: %v", sent, err)
			}
			if _, err := io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
				t.Fatal(err)
			}
			if _, _, err := receive(c); err != nil || c.End() != reusable {
				t.Errorf("%d of 5 bytes: reusable %v, %v", sent, !reusable, err)
			}
		})
	}
}
