package dissect

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"

	"github.com/google/go-cmp/cmp"
	frames "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Peers writes both directions of a connection and feeds them as they come.
type h2Peers struct {
	speaker
	log    *h2Record
	buf    [2]bytes.Buffer
	framer [2]*frames.Framer
	enc    [2]*hpack.Encoder
	block  [2]bytes.Buffer
	time   int64
}

// h2Record is a recorder that keeps events as lines.
type h2Record struct {
	lines   []string
	started int
	hash    bool
	conn    *flow.Conn
}

func (r *h2Record) newExchange() flow.ExchangeID { r.started++; return flow.ExchangeID(r.started) }
func (r *h2Record) hashing() bool                { return r.hash }
func (r *h2Record) tunnel(string) speaker        { return opaque{} }

func (r *h2Record) emit(_ reassembly.Mark, e flow.Event) {
	r.conn.Fold(e, 0)
	line := fmt.Sprint(e.Exchange, " ", e.Kind)
	if e.From != flow.Unknown {
		line += " by " + e.From.String()
	}
	if e.Status > 0 {
		line += fmt.Sprint(" ", e.Status)
	}
	if e.Text != "" {
		line += " " + e.Text
	}
	if e.Bytes > 0 {
		line += fmt.Sprint(" bytes=", e.Bytes)
	}
	for _, a := range e.Attrs {
		if a.Key != flow.KeyOffset && a.Key != flow.KeyHTTP && a.Key != flow.KeyReused {
			line += " " + a.Key + "=" + a.Value
		}
	}
	if len(e.Header) > 0 {
		line += fmt.Sprintf(" %q", e.Header)
	}
	r.lines = append(r.lines, line)
}

func newH2Peers(hash bool) *h2Peers {
	p := &h2Peers{log: &h2Record{hash: hash, conn: &flow.Conn{}}, time: 1e9}
	p.speaker = newHTTP2(p.log)
	for i := range p.buf {
		p.framer[i] = frames.NewFramer(&p.buf[i], nil)
		p.enc[i] = hpack.NewEncoder(&p.block[i])
	}
	p.buf[fromClient].WriteString(frames.ClientPreface)
	p.framer[fromClient].WriteSettings()
	p.framer[fromServer].WriteSettings()
	p.send(fromClient)
	p.send(fromServer)
	return p
}

// send passes on what a side has written.
func (p *h2Peers) send(dir int) {
	p.time += 1e6
	p.bytes(dir, p.buf[dir].Bytes(), reassembly.Mark{Time: p.time})
	p.buf[dir].Reset()
}

// lose drops the bytes from one offset to another of what a side has written.
func (p *h2Peers) lose(dir, from, to int) {
	raw := p.buf[dir].Bytes()
	m := reassembly.Mark{Time: p.time}
	p.bytes(dir, raw[:from], m)
	p.skip(dir, int64(to-from), m)
	p.bytes(dir, raw[to:], m)
	p.buf[dir].Reset()
}

func (p *h2Peers) fields(dir int, pairs []string) []byte {
	p.block[dir].Reset()
	for i := 0; i < len(pairs); i += 2 {
		p.enc[dir].WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return bytes.Clone(p.block[dir].Bytes())
}

func (p *h2Peers) headers(dir int, stream uint32, end bool, pairs ...string) {
	p.framer[dir].WriteHeaders(frames.HeadersFrameParam{StreamID: stream, BlockFragment: p.fields(dir, pairs), EndHeaders: true, EndStream: end})
	p.send(dir)
}

func (p *h2Peers) content(dir int, stream uint32, end bool, data string) {
	p.framer[dir].WriteData(stream, end, []byte(data))
	p.send(dir)
}

func (p *h2Peers) ask(stream uint32, end bool, more ...string) {
	p.headers(fromClient, stream, end, append([]string{":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "/" + number(stream)}, more...)...)
}

func asked(id int, stream uint32, rest string) string {
	return fmt.Sprintf("x%d request by client GET /%d scheme=https host=a.example stream=%d%s", id, stream, stream, rest)
}

func (p *h2Peers) check(t *testing.T, want ...string) {
	t.Helper()
	p.over(reassembly.Mark{Time: p.time})
	if diff := cmp.Diff(want, p.log.lines); diff != "" {
		t.Error(diff)
	}
}

func TestHTTP2Streams(t *testing.T) {
	p := newH2Peers(true)
	p.ask(1, false, "x-a", "1", "cookie", "a=1", "cookie", "b=2")
	p.content(fromClient, 1, false, "hello ")
	p.ask(3, true)
	p.headers(fromServer, 3, false, ":status", "103", "link", "x")
	p.headers(fromServer, 3, true, ":status", "204")
	p.content(fromClient, 1, true, "world")
	p.headers(fromServer, 1, false, ":status", "200", "x-b", "1\r\nforged: 2")
	p.content(fromServer, 1, false, "body")
	p.headers(fromServer, 1, true, "x-trailer", "t", "x-b", "no")
	p.ask(5, true)
	p.headers(fromServer, 5, false, ":status", "200")
	p.content(fromServer, 5, true, "")
	p.check(t,
		asked(1, 1, ` "x-a: 1\r\ncookie: a=1\r\ncookie: b=2\r\n"`),
		asked(2, 3, ""),
		"x2 request-done by client",
		`x2 interim by server 103 "link: x\r\n"`,
		"x2 response by server 204",
		"x2 response-done by server",
		"x2 exchange-done complete",
		"x1 request-done by client bytes=11 sha256=b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
		`x1 response by server 200 "x-b: 1  forged: 2\r\n"`,
		"x1 irregular by server h2-forbidden-field field=x-b",
		"x1 response-done by server bytes=4 sha256=230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5",
		"x1 exchange-done complete",
		asked(3, 5, " idle_ms=1.000"),
		"x3 request-done by client",
		"x3 response by server 200",
		"x3 response-done by server sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"x3 exchange-done complete",
	)
	if x := p.log.conn.Exchanges[0]; x.HTTP != "2" || x.Stream != 1 || x.Host != "a.example" || x.Target != "/1" || len(x.ResponseHeader) != 1 {
		t.Errorf("got %+v", x)
	}
}

func TestHTTP2Endings(t *testing.T) {
	p := newH2Peers(false)
	for stream := uint32(1); stream <= 11; stream += 2 {
		p.ask(stream, stream != 9)
	}
	p.headers(fromServer, 1, false, ":status", "200")
	p.framer[fromServer].WriteRSTStream(1, frames.ErrCodeInternal)
	p.framer[fromServer].WriteRSTStream(3, frames.ErrCodeRefusedStream)
	p.headers(fromServer, 5, false, ":status", "200")
	p.content(fromServer, 5, false, "par")
	p.headers(fromServer, 9, true, ":status", "413")
	p.framer[fromServer].WriteRSTStream(9, frames.ErrCodeNo)
	p.framer[fromServer].WriteGoAway(9, frames.ErrCodeEnhanceYourCalm, nil)
	p.send(fromServer)
	p.framer[fromClient].WriteRSTStream(11, frames.ErrCodeCancel)
	p.send(fromClient)
	p.end(fromServer, flow.Yes, reassembly.Mark{Time: p.time})
	p.log.lines = p.log.lines[11:] // the requests
	p.check(t,
		"x1 response by server 200",
		"x1 stream-reset by server INTERNAL_ERROR stream=1",
		"x1 exchange-done truncated",
		"x2 stream-reset by server REFUSED_STREAM stream=3",
		"x2 exchange-done no-response",
		"x3 response by server 200",
		"x5 response by server 413",
		"x5 response-done by server",
		"x5 stream-reset by server NO_ERROR stream=9",
		"x5 exchange-done complete",
		"x0 go-away by server ENHANCE_YOUR_CALM stream=9",
		"x6 stream-reset by client CANCEL stream=11",
		"x6 exchange-done no-response",
		"x3 exchange-done truncated",
		"x4 exchange-done no-response",
	)
}

// TestHTTP2End: open streams end with the server's direction, those that may
// have been answered in missing bytes without an outcome.
func TestHTTP2End(t *testing.T) {
	p := newH2Peers(false)
	p.ask(1, true)
	p.ask(3, true)
	p.headers(fromServer, 1, false, ":status", "200")
	p.end(fromClient, flow.Yes, reassembly.Mark{Time: p.time})
	p.log.lines = p.log.lines[4:] // the requests
	at := p.time + 5e9
	p.end(fromServer, flow.No, reassembly.Mark{Time: at})
	ended := p.log.conn.Exchanges[1]
	p.time = at + 60e9
	p.check(t, "x1 response by server 200", "x1 exchange-done truncated", "x2 exchange-done no-response")
	if len(p.speaker.(*http2).streams) != 0 || !ended.Over {
		t.Error("a stream outlives its server")
	}

	p = newH2Peers(false)
	p.ask(1, true)
	p.skip(fromServer, 100, reassembly.Mark{Time: p.time})
	p.ask(3, true) // may be answered where frames are not found again
	p.bytes(fromServer, []byte("the rest of a frame"), reassembly.Mark{Time: p.time})
	p.end(fromServer, flow.Yes, reassembly.Mark{Time: p.time})
	p.log.lines = p.log.lines[4:]
	p.check(t, "x1 exchange-done", "x2 exchange-done")
}

func TestHTTP2Push(t *testing.T) {
	p := newH2Peers(false)
	p.ask(1, true)
	p.framer[fromServer].WritePushPromise(frames.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true,
		BlockFragment: p.fields(fromServer, []string{":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "/2"})})
	p.headers(fromServer, 2, false, ":status", "200")
	p.content(fromServer, 2, true, "css")
	p.headers(fromServer, 1, true, ":status", "200")
	p.check(t,
		asked(1, 1, ""), "x1 request-done by client",
		"x2 request by server GET /2 scheme=https host=a.example stream=2", "x2 request-done by client",
		"x2 response by server 200", "x2 response-done by server bytes=3", "x2 exchange-done complete",
		"x1 response by server 200", "x1 response-done by server", "x1 exchange-done complete",
	)
}

func TestHTTP2Tunnels(t *testing.T) {
	p := newH2Peers(true)
	p.headers(fromClient, 1, false, ":method", "CONNECT", ":authority", "b.example:443")
	p.headers(fromServer, 1, false, ":status", "200")
	p.content(fromClient, 1, true, "12345")
	p.content(fromServer, 1, true, "123")
	p.headers(fromClient, 3, false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "a.example")
	p.headers(fromServer, 3, false, ":status", "200")
	p.content(fromClient, 3, false, "\x81\x82maskab")
	p.content(fromServer, 3, false, "\x88\x05\x03\xe8bye")
	p.check(t,
		"x1 request by client CONNECT b.example:443 host=b.example:443 stream=1",
		"x1 response by server 200", "x1 tunnel CONNECT",
		"x1 tunnel-done client_bytes=5 server_bytes=3", "x1 exchange-done complete",
		"x2 request by client CONNECT /chat protocol=websocket scheme=https host=a.example stream=3 idle_ms=1.000",
		"x2 response by server 200", "x2 tunnel websocket",
		"x2 tunnel-done by server 1000 bye client_bytes=2 server_bytes=5 client_frames=1 server_frames=1",
		"x2 exchange-done complete",
	)
}

// TestHTTP2Gaps: what was lost is not told as a fault of a peer, and the
// exchanges behind it are whole.
func TestHTTP2Gaps(t *testing.T) {
	p := newH2Peers(true)
	p.ask(1, true)
	p.ask(3, true)
	p.headers(fromServer, 1, false, ":status", "200")
	p.framer[fromServer].WriteData(1, true, make([]byte, 5000))
	p.lose(fromServer, 1000, 2460)
	p.framer[fromServer].WriteHeaders(frames.HeadersFrameParam{StreamID: 3, BlockFragment: p.fields(fromServer, []string{":status", "200", "x-lost", "1"}), EndHeaders: true})
	n := p.buf[fromServer].Len()
	p.framer[fromServer].WriteData(3, true, []byte("body"))
	p.lose(fromServer, 0, n)
	p.ask(5, true)
	p.headers(fromServer, 5, true, ":status", "200", "x-lost", "1", "x-new", "2")
	p.check(t,
		asked(1, 1, ""), "x1 request-done by client", asked(2, 3, ""), "x2 request-done by client",
		"x1 response by server 200", "x1 response-done by server bytes=5000", "x1 exchange-done complete",
		"x2 exchange-done complete", // how much of its body was lost is not known
		asked(3, 5, " idle_ms=1.000"), "x3 request-done by client",
		`x3 response by server 200 "x-new: 2\r\n"`, "x3 gap by server h2-fields-unknown", "x3 response-done by server", "x3 exchange-done complete",
	)
}

func TestHTTP2FromTheMiddle(t *testing.T) {
	p := newH2Peers(false)
	p.speaker = newHTTP2(p.log)
	p.ask(7, true)
	p.headers(fromServer, 7, true, ":status", "200")
	p.content(fromServer, 9, true, "of a response whose head was not seen")
	p.headers(fromServer, 11, true, ":status", "200", "www-authenticate", "Negotiate")
	p.over(reassembly.Mark{Time: p.time})
	got := strings.Join(p.log.lines, "\n")
	for _, want := range []string{asked(1, 7, ""), "x1 exchange-done complete", "x2 response by server 200", "x2 auth-token by server Negotiate", "x2 exchange-done complete"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

func TestHTTP2Upgraded(t *testing.T) {
	p := newH2Peers(false)
	p.speaker.(*http2).upgraded(&message{id: p.log.newExchange(), method: "GET", reqDone: true})
	p.headers(fromServer, 1, false, ":status", "200")
	p.ask(3, true)
	p.content(fromServer, 1, true, "answer")
	p.check(t, "x1 response by server 200", asked(2, 3, ""), "x2 request-done by client",
		"x1 response-done by server bytes=6", "x1 exchange-done complete")
}

// TestHTTP2OpenStreams: a connection cannot make us keep more than some.
func TestHTTP2OpenStreams(t *testing.T) {
	p := newH2Peers(false)
	for stream := uint32(1); stream < 4*maxStreams; stream += 2 {
		p.ask(stream, true)
	}
	if n := len(p.speaker.(*http2).streams); n != maxStreams {
		t.Errorf("%d streams", n)
	}
	if x := p.log.conn.Exchanges[0]; !x.Over || x.Outcome != "" {
		t.Errorf("the first is over: %v, with outcome %q", x.Over, x.Outcome)
	}
	known := len(p.log.conn.Exchanges)
	p.headers(fromServer, 1, true, ":status", "200")
	if n := len(p.log.conn.Exchanges); n != known {
		t.Error("a response to a stream that was given up opened an exchange")
	}
}
