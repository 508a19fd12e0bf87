package httpconn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/tap"
	"fanlight/internal/testnet"
)

// sink keeps all events.
type sink struct {
	mu     sync.Mutex
	events []flow.Event
}

func (s *sink) Take(_ flow.ConnID, _ bool, events flow.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range slices.Clone(events).Events {
		s.events = append(s.events, e)
	}
}

func (s *sink) trace() *flow.Trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	return flow.Fold(slices.Clone(s.events))
}

type handlerFunc func(x Exchange)

func (f handlerFunc) Handle(x Exchange) { f(x) }

func testLimits() Limits {
	return Limits{HeadBytes: 4 << 10, TargetBytes: 1 << 10, HeadFields: 20,
		HeadTimeout: 10 * time.Second, BodyTimeout: 5 * time.Second, IdleTimeout: time.Minute, Write: 3 * time.Second}
}

// door is a server for tests; its incidents are i1, i2, ...
type door struct {
	Server
	sink    sink
	closing atomic.Bool
	refused atomic.Int32
	panics  atomic.Int32
}

func newDoor() *door {
	d := &door{}
	d.Server = Server{Limits: testLimits(), Buffers: NewBuffers(), Recorder: flow.NewRecorder(&d.sink)}
	d.Panicked = func(any, []byte) { d.panics.Add(1) }
	d.Refuse = func(log *flow.Log, x flow.ExchangeID, status int, cause string) string {
		id := "i" + strconv.Itoa(int(d.refused.Add(1)))
		log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Incident, Status: status, Text: id, Attrs: flow.Attrs(flow.KeyCause, cause)})
		return id
	}
	return d
}

// serve carries nc in a goroutine of its own; done is closed when it ended.
func (d *door) serve(nc net.Conn, h Handler) (t *tap.Conn, done chan struct{}) {
	t = tap.Accepted(d.Recorder, nc, false)
	done = make(chan struct{})
	go func() {
		defer close(done)
		d.ServeConn(t, t.Log(), "http", h, d.closing.Load)
	}()
	return t, done
}

// client is the other end.
type client struct {
	net.Conn
	t    testing.TB
	door *door
	tap  *tap.Conn // the door's end
	got  strings.Builder
}

func (d *door) connect(t testing.TB, h Handler) (*client, chan struct{}) {
	near, far := testnet.Pipe()
	server, done := d.serve(far, h)
	return &client{Conn: near, t: t, door: d, tap: server}, done
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Errorf("send %.40q: %v", s, err)
	}
}

// dribble sends one byte at a time.
func (c *client) dribble(s string) {
	for i := range s {
		c.send(s[i : i+1])
		time.Sleep(time.Millisecond)
	}
}

// await reads until what came ends with text.
func (c *client) await(text string) {
	c.t.Helper()
	for b := make([]byte, 1); !strings.HasSuffix(c.got.String(), text); {
		if _, err := c.Read(b); err != nil {
			c.Close()
			c.t.Fatalf("await %q: %v after %q", text, err, c.got.String())
		}
		c.got.Write(b)
	}
}

// rest reads to the end and says how it ended.
func (c *client) rest() (all, end string) {
	_, err := io.Copy(&c.got, c.Conn)
	switch {
	case err == nil:
		end = "fin"
	case errors.Is(err, syscall.ECONNRESET):
		end = "rst"
	default:
		end = err.Error()
	}
	return c.got.String(), end
}

// echo answers with what it was asked.
func echo(x Exchange) {
	body, err := io.ReadAll(reader{x})
	if err != nil {
		answerFault(x, err)
		return
	}
	req := x.Request()
	text := fmt.Sprintf("%s %s %q", req.Method, req.Path, body)
	if trailers := x.Trailers(); len(trailers) > 0 {
		text += fmt.Sprintf(" %q", trailers)
	}
	answer(x, 200, text+"\n")
}

func answerFault(x Exchange, err error) {
	var fault *BodyFault
	if !errors.As(err, &fault) || fault.Gone {
		x.Truncate(err.Error())
		return
	}
	x.CloseAfter(fault.Cause)
	answer(x, fault.Status, fault.Cause+"\n")
}

func answer(x Exchange, status int, body string) {
	fields := httpwire.AppendField(nil, "Server", "test")
	if x.Respond(status, httpwire.StatusText(status), fields, int64(len(body))) == nil {
		_, _ = io.WriteString(writer{x}, body)
		_ = x.Finish(nil)
	}
}

type reader struct{ x Exchange }

func (r reader) Read(p []byte) (int, error) { return r.x.ReadBody(p) }

type writer struct{ x Exchange }

func (w writer) Write(p []byte) (int, error) { return w.x.Write(p) }

// shown makes bytes of a connection readable: a line a line, line ends that are
// not CRLF and other bytes escaped.
func shown(raw string) string {
	var b strings.Builder
	for line := range strings.SplitAfterSeq(raw, "\n") {
		if line == "" {
			continue
		}
		text, crlf := strings.CutSuffix(line, "\r\n")
		quoted := strconv.Quote(text)
		b.WriteString("| " + strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`))
		if !crlf {
			b.WriteString("  [no CRLF]")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// golden compares what a client saw and what was recorded.
func golden(t testing.TB, file, name, got, end string, d *door) {
	t.Helper()
	testnet.Golden(t, "testdata/"+file+"#"+name, shown(got)+end+"\n\n"+d.sink.trace().String())
}
