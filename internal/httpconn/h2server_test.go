package httpconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/tap"
	"fanlight/internal/testnet"
)

// overH2 is a transport that agreed on HTTP/2.
type overH2 struct{ *tap.Conn }

func (overH2) Protocol() string { return "h2" }

// serveH2 carries nc with HTTP/2.
func (d *door) serveHTTP2(nc net.Conn, h Handler) (done chan struct{}) {
	t := tap.Accepted(d.Recorder, nc, false)
	done = make(chan struct{})
	go func() {
		defer close(done)
		d.ServeConn(overH2{t}, t.Log(), "https", h, d.closing.Load)
	}()
	return done
}

// goClient is Go's client on one connection to the door.
func (d *door) goClient(t testing.TB, h Handler) (*http.ClientConn, chan struct{}) {
	t.Helper()
	near, far := testnet.Pipe()
	done := d.serveHTTP2(far, h)
	transport := &http.Transport{Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	transport.Protocols.SetUnencryptedHTTP2(true)
	cc, err := transport.NewClientConn(t.Context(), "http", "shop.test:80")
	if err != nil {
		t.Fatal(err)
	}
	return cc, done
}

func roundTrip(t testing.TB, cc *http.ClientConn, method, path string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://shop.test"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := cc.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(all)
}

// answerAll answers with what it was asked.
func answerAll(x Exchange) {
	var body bytes.Buffer
	if whole, all := x.Buffered(); all {
		body.Write(whole)
	} else {
		buf := make([]byte, 1000)
		for {
			n, err := x.ReadBody(buf)
			body.Write(buf[:n])
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				x.Truncate(err.Error())
				return
			}
		}
	}
	req := x.Request()
	head := fmt.Sprintf("%s %s host %s path %s length %d\n", req.Method, req.Target, req.Host, req.Path, body.Len())
	out := append([]byte(head), body.Bytes()...)
	if err := x.Respond(200, "OK", []byte("Content-Type: text/plain\r\nX-Mixed: Case\r\n"), int64(len(out))); err != nil {
		return
	}
	if _, err := x.Write(out); err != nil {
		x.Truncate(err.Error())
		return
	}
	_ = x.Finish(nil)
}

func TestH2Exchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		cc, done := d.goClient(t, handlerFunc(answerAll))
		res, body := roundTrip(t, cc, "GET", "/a/../b?c", nil)
		if want := "GET /a/../b?c host shop.test path /b length 0\n"; res.StatusCode != 200 || body != want || res.Header.Get("X-Mixed") != "Case" {
			t.Errorf("%d %q, want %q", res.StatusCode, body, want)
		}
		big := strings.Repeat("0123456789", 300_000)
		if _, body := roundTrip(t, cc, "POST", "/up", strings.NewReader(big)); !strings.HasSuffix(body, big) || !strings.Contains(body, "length 3000000\n") {
			t.Errorf("%d bytes came back: %.80q", len(body), body)
		}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				if _, body := roundTrip(t, cc, "POST", fmt.Sprintf("/%d", i), io.MultiReader(strings.NewReader("x"), strings.NewReader("y"))); !strings.HasSuffix(body, "length 2\nxy") {
					t.Errorf("%d: %q", i, body)
				}
			})
		}
		all.Wait()
		cc.Close()
		<-done
		conns := d.sink.trace().Conns
		if len(conns) != 1 || len(conns[0].Exchanges) != 102 {
			t.Fatalf("%d connections", len(conns))
		}
		for _, x := range conns[0].Exchanges {
			if x.HTTP != "2" || x.Outcome != flow.Complete || x.Status != 200 || x.Host != "shop.test" {
				t.Errorf("%s %s: http %s, outcome %s, status %d", x.Method, x.Target, x.HTTP, x.Outcome, x.Status)
			}
		}
	})
}

func TestH2ResponsesWithoutBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		cc, done := d.goClient(t, handlerFunc(func(x Exchange) {
			status, _ := strconv.Atoi(strings.TrimPrefix(x.Request().Path, "/"))
			_ = x.Interim(103, []byte("Link: </a.css>\r\n"))
			if err := x.Respond(status, "", []byte("ETag: \"a\"\r\n"), 5); err != nil {
				t.Error(err)
			}
			if _, err := x.Write([]byte("hello")); err != nil {
				t.Error(err)
			}
			if err := x.Finish([]byte("X-Sum: 1\r\n")); err != nil {
				t.Error(err)
			}
		}))
		for _, c := range []struct {
			method, path, body string
			length             int64
		}{{"HEAD", "/200", "", 5}, {"GET", "/304", "", 0}, {"GET", "/200", "hello", 5}} {
			res, body := roundTrip(t, cc, c.method, c.path, nil)
			if body != c.body || res.Header.Get("Etag") != `"a"` || res.ContentLength != c.length {
				t.Errorf("%s %s: %d %q %v", c.method, c.path, res.ContentLength, body, res.Header)
			}
		}
		cc.Close()
		<-done
	})
}

func TestH2TrailersBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		cc, done := d.goClient(t, handlerFunc(func(x Exchange) {
			for {
				if _, err := x.ReadBody(make([]byte, 100)); err != nil {
					break
				}
			}
			_ = x.Respond(200, "", nil, -1)
			_, _ = x.Write([]byte("body"))
			_ = x.Finish(x.Trailers())
		}))
		req, _ := http.NewRequest("POST", "http://shop.test/", strings.NewReader("up"))
		req.ContentLength = -1
		req.Trailer = http.Header{"X-Sum": {"77"}}
		res, err := cc.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != "body" || res.Trailer.Get("X-Sum") != "77" {
			t.Errorf("%q %v %v", body, res.Trailer, err)
		}
		cc.Close()
		<-done
	})
}

// wire speaks HTTP/2 frame by frame.
type wire struct {
	t testing.TB
	net.Conn
	*http2.Framer
	out h2Block
}

type h2Block struct {
	enc httpwire.HPACKEncoder
	dec httpwire.HPACKDecoder
}

func (d *door) wire(t testing.TB, h Handler) (*wire, chan struct{}) {
	t.Helper()
	near, far := testnet.Pipe()
	done := d.serveHTTP2(far, h)
	w := &wire{t: t, Conn: near, Framer: http2.NewFramer(near, near)}
	w.out.dec = httpwire.NewHPACKDecoder(4096)
	if _, err := io.WriteString(near, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return w, done
}

// ask sends HEADERS; more are further pairs of name and value.
func (w *wire) ask(stream uint32, end bool, more ...string) {
	pairs := more
	if len(more) == 0 || more[0] != ":method" {
		pairs = append([]string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "shop.test"}, more...)
	}
	block := w.out.enc.Begin(nil)
	for i := 0; i < len(pairs); i += 2 {
		block = httpwire.AppendHPACK(block, pairs[i], pairs[i+1])
	}
	// The door may have closed: what is awaited next tells.
	_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block, EndHeaders: true, EndStream: end})
}

// next gives the next frame as a line; SETTINGS, their acknowledgement, pings
// and the window of the connection are passed over.
func (w *wire) next() string {
	for {
		f, err := w.ReadFrame()
		if err != nil {
			return "end"
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			var h httpwire.H2Head
			if err := h.ReadResponse(&w.out.dec, f.HeaderBlockFragment(), httpwire.Limits{}); err != nil {
				return err.Error()
			}
			return fmt.Sprintf("headers %d %d%s", f.StreamID, h.Status, ends(f.StreamEnded()))
		case *http2.DataFrame:
			return fmt.Sprintf("data %d %d%s", f.StreamID, len(f.Data()), ends(f.StreamEnded()))
		case *http2.RSTStreamFrame:
			return fmt.Sprintf("reset %d %v", f.StreamID, f.ErrCode)
		case *http2.GoAwayFrame:
			return fmt.Sprintf("goaway %d %v %s", f.LastStreamID, f.ErrCode, f.DebugData())
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = w.WritePing(true, f.Data)
			}
		case *http2.WindowUpdateFrame:
			if f.StreamID != 0 {
				return fmt.Sprintf("window %d %d", f.StreamID, f.Increment)
			}
		}
	}
}

func ends(end bool) string {
	if end {
		return " end"
	}
	return ""
}

func (w *wire) expect(lines ...string) {
	w.t.Helper()
	for _, want := range lines {
		if got := w.next(); got != want {
			w.t.Errorf("got %q, want %q", got, want)
		}
	}
}

// kinds lists what the record has of some kinds, in order.
func (d *door) kinds(kinds ...flow.Kind) (lines []string) {
	d.sink.mu.Lock()
	defer d.sink.mu.Unlock()
	for _, e := range d.sink.events {
		for _, k := range kinds {
			if e.Kind == k {
				lines = append(lines, k.String()+" "+e.Text)
			}
		}
	}
	return lines
}

func TestH2Refusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs []string
		want  string
		event string
	}{
		{"upper case", []string{"X-Upper", "a"}, "", ""}, // the encoder of this test writes it in lower case
		{"connection", []string{"connection", "close"}, "reset 1 PROTOCOL_ERROR", "irregular h2-forbidden-field|decision refuse: request is malformed: h2-forbidden-field"},
		{"line in a value", []string{"a", "b\r\nc: d"}, "reset 1 PROTOCOL_ERROR", "irregular h2-forbidden-field|decision refuse: request is malformed: h2-forbidden-field"},
		{"two hosts", []string{"host", "b.test"}, "reset 1 PROTOCOL_ERROR", "irregular h2-host-differs|decision refuse: request is malformed: h2-host-differs"},
		{"length without body", []string{"content-length", "5"}, "reset 1 PROTOCOL_ERROR", "irregular h2-length-differs|decision refuse: request is malformed: h2-length-differs"},
		{"too large", []string{"a", strings.Repeat("b", 5000)}, "headers 1 431", "decision refuse: request head larger than 4096 bytes"},
		{"too many", strings.Split(strings.Repeat("a,b,", 20)+"a,b", ","), "headers 1 431", "decision refuse: request has more header fields than 20"},
		{"long target", []string{":method", "GET", ":scheme", "https", ":path", "/" + strings.Repeat("b", 1500), ":authority", "shop.test"}, "headers 1 414", "decision refuse: request target longer than 1024 bytes"},
		{"other protocol", []string{":method", "CONNECT", ":protocol", "ip", ":scheme", "https", ":path", "/", ":authority", "shop.test"}, "headers 1 501", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDoor()
				w, done := d.wire(t, handlerFunc(answerAll))
				w.ask(1, true, c.pairs...)
				if c.want == "" {
					c.want = "headers 1 200"
				}
				w.expect(c.want)
				w.Close()
				<-done
				if got := strings.Join(d.kinds(flow.Irregular, flow.Decision), "|"); got != c.event {
					t.Errorf("the record has %q, want %q", got, c.event)
				}
			})
		})
	}
}

func TestH2Floods(t *testing.T) {
	for _, c := range []struct {
		name  string
		flood func(w *wire)
		want  string
	}{
		{"rapid reset", func(w *wire) {
			for i := range uint32(300) {
				w.ask(2*i+1, true)
				_ = w.WriteRSTStream(2*i+1, http2.ErrCodeCancel)
			}
		}, "more than 200 streams reset within 10s"},
		{"pings", func(w *wire) {
			for range 2001 {
				_ = w.WritePing(false, [8]byte{})
			}
		}, "more than 2000 frames that carry nothing within 10s"},
		{"settings", func(w *wire) {
			for range 2001 {
				_ = w.WriteSettings()
			}
		}, "more than 2000 frames that carry nothing within 10s"},
		{"empty data", func(w *wire) {
			w.ask(1, false)
			for range 2001 {
				_ = w.WriteData(1, false, nil)
			}
		}, "more than 2000 frames that carry nothing within 10s"},
		{"empty data on a stream that was reset", func(w *wire) {
			w.ask(1, false)
			_ = w.WriteRawFrame(http2.FrameWindowUpdate, 0, 1, make([]byte, 4))
			for range 2001 {
				_ = w.WriteData(1, false, nil)
			}
		}, "more than 2000 frames that carry nothing within 10s"},
		{"heads on a stream that was reset", func(w *wire) {
			w.ask(1, false)
			_ = w.WriteRawFrame(http2.FrameWindowUpdate, 0, 1, make([]byte, 4))
			for range 2001 {
				w.ask(1, true)
			}
		}, "more than 2000 frames that carry nothing within 10s"},
		{"resets that we are made to send", func(w *wire) {
			for i := range uint32(300) {
				w.ask(2*i+1, false)
				_ = w.WriteRawFrame(http2.FrameWindowUpdate, 0, 2*i+1, make([]byte, 4))
			}
		}, "more than 200 streams reset within 10s"},
		{"continuations", func(w *wire) {
			_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			for range 100 {
				_ = w.WriteContinuation(1, false, nil)
			}
		}, "a field block in more than 64 frames"},
		{"a long block", func(w *wire) {
			_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 8<<10)})
			_ = w.WriteContinuation(1, false, make([]byte, 8<<10))
		}, "a field block of more than 8192 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDoor()
				w, done := d.wire(t, handlerFunc(func(x Exchange) { <-t.Context().Done() }))
				_ = w
				go c.flood(w)
				got := ""
				for got != "end" && !strings.HasPrefix(got, "goaway") {
					got = w.next()
				}
				if !strings.Contains(got, "ENHANCE_YOUR_CALM "+c.want) {
					t.Errorf("got %q", got)
				}
				w.Close()
				synctest.Wait() // the record follows the frame
				if got := d.kinds(flow.Decision); len(got) == 0 || got[len(got)-1] != "decision refuse: "+c.want {
					t.Errorf("the record has %q", got)
				}
				_ = done // handlers of this test wait for its end
			})
		})
	}
}

// A client that opens its window byte by byte makes us write as often.
func TestH2WindowInDrops(t *testing.T) {
	for name, open := range map[string]func(w *wire, sum uint32){
		"by WINDOW_UPDATE": func(w *wire, _ uint32) { _ = w.WriteWindowUpdate(1, 1) },
		"by SETTINGS": func(w *wire, sum uint32) {
			_ = w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: sum})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDoor()
				w, done := d.wire(t, handlerFunc(func(x Exchange) {
					_ = x.Respond(200, "", nil, 1<<20)
					_, err := x.Write(make([]byte, 1<<20))
					x.Truncate(fmt.Sprint(err))
				}))
				_ = w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
				w.ask(1, true)
				w.expect("headers 1 200")
				got := ""
				for sum := uint32(1); sum < 3000 && (got == "" || strings.HasPrefix(got, "data")); sum++ {
					open(w, sum)
					got = w.next()
				}
				if want := "goaway 1 ENHANCE_YOUR_CALM more than 2000 frames that carry nothing within 10s"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				w.Close()
				<-done
			})
		})
	}
}

func TestH2TooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		d.Limits.H2.Streams = 2
		release := make(chan struct{})
		w, done := d.wire(t, handlerFunc(func(x Exchange) { <-release; answerAll(x) }))
		w.ask(1, true)
		w.ask(3, true)
		w.ask(5, true)
		w.expect("reset 5 REFUSED_STREAM")
		close(release)
		w.Close()
		<-done
		if got := d.kinds(flow.Decision); len(got) != 1 || got[0] != "decision refuse: more than 2 streams at a time" {
			t.Errorf("the record has %q", got)
		}
	})
}

// What is under way for many streams when we reset them all is no flood.
func TestH2ManyResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		fail := make(chan struct{})
		w, done := d.wire(t, handlerFunc(func(x Exchange) { <-fail; x.Truncate("the origin has gone") }))
		const streams = 128
		for i := range uint32(streams) {
			w.ask(2*i+1, false)
		}
		synctest.Wait()
		close(fail)
		synctest.Wait()
		for range 5 {
			for i := range uint32(streams) {
				_ = w.WriteData(2*i+1, false, make([]byte, 100))
			}
		}
		for range streams {
			if got := w.next(); !strings.HasPrefix(got, "reset") || !strings.HasSuffix(got, "INTERNAL_ERROR") {
				t.Fatalf("got %q", got)
			}
		}
		w.ask(2*streams+1, true)
		w.expect(fmt.Sprintf("reset %d INTERNAL_ERROR", 2*streams+1))
		w.Close()
		<-done
	})
}

func TestH2FlowControlOfResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			_ = x.Respond(200, "", nil, 70_000)
			if _, err := x.Write(make([]byte, 70_000)); err == nil {
				_ = x.Finish(nil)
			}
		}))
		if err := w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10}); err != nil {
			t.Fatal(err)
		}
		w.ask(1, true)
		w.expect("headers 1 200", "data 1 10")
		time.Sleep(2 * time.Second)
		_ = w.WriteWindowUpdate(1, 5)
		w.expect("data 1 5")
		_ = w.WriteWindowUpdate(1, 100_000)
		got := 15
		for got < 65_535 {
			var stream, n int
			line := w.next()
			if _, err := fmt.Sscanf(line, "data %d %d", &stream, &n); err != nil {
				t.Fatalf("%q", line)
			}
			got += n
		}
		time.Sleep(time.Second / 2)
		_ = w.WriteWindowUpdate(0, 100_000)
		w.expect("data 1 4465 end")
		w.Close()
		<-done
		if got := d.kinds(flow.Stalled); len(got) != 1 || got[0] != "stalled stream" {
			t.Errorf("the record has %q", got)
		}
	})
}

func TestH2WindowThatStaysClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			_ = x.Respond(200, "", nil, -1)
			if _, err := x.Write(make([]byte, 70_000)); err != nil {
				x.Truncate(err.Error())
			}
		}))
		if err := w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		w.ask(1, true)
		w.expect("headers 1 200", "reset 1 CANCEL")
		if took := time.Since(begin); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("after %v", took)
		}
		w.Close()
		<-done
		if got := d.kinds(flow.Timeout); len(got) != 1 || got[0] != "timeout write" {
			t.Errorf("the record has %q", got)
		}
	})
}

func TestH2BodyThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		var fault *BodyFault
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			_, err := x.ReadBody(make([]byte, 10))
			if errors.As(err, &fault) {
				_ = x.Respond(fault.Status, "", nil, 0)
				_ = x.Finish(nil)
			}
		}))
		w.ask(1, false)
		w.expect("headers 1 408 end", "reset 1 NO_ERROR")
		w.Close()
		<-done
		if got := d.kinds(flow.Timeout); len(got) != 1 || got[0] != "timeout request-body" {
			t.Errorf("the record has %q", got)
		}
	})
}

func TestH2BodyInDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		d.Limits.BodyRate = 100
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			var fault *BodyFault
			_, err := io.Copy(io.Discard, bodyReader{x})
			if !errors.As(err, &fault) || fault.Status != 408 {
				t.Errorf("got %v", err)
			}
			x.Truncate("slow")
		}))
		w.ask(1, false)
		var drops sync.WaitGroup
		drops.Go(func() {
			for range 10 {
				time.Sleep(time.Second)
				_ = w.WriteData(1, false, make([]byte, 10))
			}
		})
		begin := time.Now()
		w.expect("reset 1 INTERNAL_ERROR")
		if took := time.Since(begin); took < 5*time.Second || took > 9*time.Second {
			t.Errorf("after %v", took)
		}
		drops.Wait()
		w.Close()
		<-done
		if got := d.kinds(flow.Timeout); len(got) != 1 || got[0] != "timeout request-body-rate" {
			t.Errorf("the record has %q", got)
		}
	})
}

// A limit that has fired does not fire again while its answer is prepared.
func TestH2BodyInDropsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		d.Limits.BodyRate = 1000
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			_, _ = io.Copy(io.Discard, bodyReader{x})
			time.Sleep(time.Minute)
			x.Truncate("slow")
		}))
		w.ask(1, false)
		var drops sync.WaitGroup
		drops.Go(func() {
			for range 8 {
				time.Sleep(time.Second)
				_ = w.WriteData(1, false, make([]byte, 10))
			}
		})
		w.expect("reset 1 INTERNAL_ERROR")
		drops.Wait()
		w.Close()
		<-done
		if got := d.kinds(flow.Timeout); len(got) != 1 {
			t.Errorf("the record has %q", got)
		}
	})
}

// A stream on which both sides talk may be silent for as long as it likes.
func TestH2BothTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			_ = x.Respond(200, "", nil, -1)
			_ = x.Flush()
			n, err := io.Copy(io.Discard, bodyReader{x})
			if n != 5 || err != nil {
				t.Errorf("read %d, %v", n, err)
			}
			_ = x.Finish(nil)
		}))
		w.ask(1, false)
		w.expect("headers 1 200")
		time.Sleep(time.Hour)
		_ = w.WriteData(1, true, []byte("hello"))
		w.expect("data 1 0 end")
		w.Close()
		<-done
	})
}

func TestH2FlowControlOfRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		d.Limits.H2.Body = 1000
		read := make(chan int)
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			for n := range read {
				if _, err := io.ReadFull(bodyReader{x}, make([]byte, n)); err != nil {
					t.Error(err)
				}
			}
		}))
		w.ask(1, false)
		_ = w.WriteData(1, false, make([]byte, 1000))
		read <- 400
		read <- 200
		w.expect("window 1 600")
		_ = w.WriteData(1, false, make([]byte, 601))
		w.expect("reset 1 FLOW_CONTROL_ERROR")
		close(read)
		w.Close()
		<-done
	})
}

type bodyReader struct{ x Exchange }

func (r bodyReader) Read(p []byte) (int, error) { return r.x.ReadBody(p) }

// gone is a handler that hears of clients that gave up.
type gone struct {
	handlerFunc
	told chan string
}

func (g gone) Gone(x Exchange) { g.told <- x.Request().Path }

func TestH2ClientGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		g := gone{told: make(chan string, 10)}
		release := make(chan struct{})
		g.handlerFunc = func(x Exchange) {
			<-release
			if err := x.Respond(200, "", nil, 0); err == nil {
				t.Error("responded on a stream that was reset")
			}
			x.Truncate("client gave up")
		}
		w, done := d.wire(t, g)
		w.ask(1, true, ":method", "GET", ":scheme", "https", ":path", "/reset", ":authority", "shop.test")
		_ = w.WriteRSTStream(1, http2.ErrCodeCancel)
		if got := <-g.told; got != "/reset" {
			t.Errorf("told of %q", got)
		}
		w.ask(3, true, ":method", "GET", ":scheme", "https", ":path", "/closed", ":authority", "shop.test")
		synctest.Wait()
		w.Close()
		if got := <-g.told; got != "/closed" {
			t.Errorf("told of %q", got)
		}
		close(release)
		<-done
		if got := d.kinds(flow.StreamReset, flow.ExchangeDone); fmt.Sprint(got) != "[stream-reset CANCEL exchange-done no-response exchange-done no-response]" {
			t.Errorf("the record has %q", got)
		}
	})
}

// unread is a connection whose client takes two writes and no more.
type unread struct {
	overH2
	written  atomic.Int32
	deadline chan time.Time
}

func (u *unread) SetDeadline(at time.Time) error {
	u.deadline <- at
	return u.overH2.SetDeadline(at)
}

func (u *unread) Write(p []byte) (int, error) {
	if u.written.Add(1) <= 2 { // our SETTINGS, and that we know theirs
		return u.overH2.Write(p)
	}
	<-u.deadline
	return 0, os.ErrDeadlineExceeded
}

// A client that leaves while it is written to has not been waited for too long.
func TestH2ClientGoneInWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		near, far := testnet.Pipe()
		conn := tap.Accepted(d.Recorder, far, false)
		done := make(chan struct{})
		go func() {
			defer close(done)
			d.ServeConn(&unread{overH2: overH2{conn}, deadline: make(chan time.Time, 1)}, conn.Log(), "https", handlerFunc(func(x Exchange) {
				_ = x.Respond(200, "", nil, 1<<20)
				_, err := x.Write(make([]byte, 1<<20))
				x.Truncate(fmt.Sprint(err))
			}), d.closing.Load)
		}()
		w := &wire{t: t, Conn: near, Framer: http2.NewFramer(near, near)}
		_, _ = io.WriteString(near, http2.ClientPreface)
		_ = w.WriteSettings()
		synctest.Wait()
		w.ask(1, true)
		synctest.Wait()
		near.Close()
		<-done
		if got := d.kinds(flow.Timeout, flow.ExchangeDone); fmt.Sprint(got) != "[exchange-done truncated]" {
			t.Errorf("the record has %q", got)
		}
		if why := d.sink.trace().Conns[0].Close.Why; why != "" {
			t.Errorf("closed for %q", why)
		}
	})
}

func TestH2GracefulEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		release := make(chan struct{})
		w, done := d.wire(t, handlerFunc(func(x Exchange) { <-release; answerAll(x) }))
		w.ask(1, true)
		synctest.Wait()
		d.closing.Store(true)
		time.Sleep(2 * time.Second)
		w.expect("goaway 2147483647 NO_ERROR site stopped") // and a ping, which next answers
		w.ask(3, true)
		time.Sleep(time.Millisecond)
		close(release)
		got := w.next() + "|" + w.next() + "|" + w.next() + "|" + w.next() + "|" + w.next()
		if !strings.Contains(got, "goaway") || strings.Count(got, "headers") != 2 && !strings.Contains(got, "reset 3 REFUSED_STREAM") {
			t.Errorf("got %q", got)
		}
		w.Close()
		<-done
	})
}

func TestH2Idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		w, done := d.wire(t, handlerFunc(answerAll))
		begin := time.Now()
		w.ask(1, true)
		w.expect("headers 1 200", "data 1 37 end", "goaway 1 NO_ERROR timeout: idle", "end")
		if took := time.Since(begin); took < time.Minute || took > time.Minute+2*time.Second {
			t.Errorf("after %v", took)
		}
		w.Close()
		<-done
		if why := d.sink.trace().Conns[0].Close.Why; why != "timeout: idle" {
			t.Errorf("closed for %q", why)
		}
	})
}

func TestH2HeadThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		w, done := d.wire(t, handlerFunc(answerAll))
		w.ask(1, false) // which waits for its body meanwhile
		begin := time.Now()
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: []byte{0x82}})
		got := w.next()
		for strings.HasPrefix(got, "reset 1") {
			got = w.next()
		}
		if took := time.Since(begin); got != "goaway 3 NO_ERROR timeout: request-head" && got != "goaway 1 NO_ERROR timeout: request-head" || took < 10*time.Second || took > 13*time.Second {
			t.Errorf("%q after %v", got, took)
		}
		w.Close()
		<-done
	})
}

func TestH2Panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			if x.Request().Path == "/panic" {
				panic("oops")
			}
			answerAll(x)
		}))
		w.ask(1, true, ":method", "GET", ":scheme", "https", ":path", "/panic", ":authority", "shop.test")
		w.expect("reset 1 INTERNAL_ERROR")
		w.ask(3, true)
		w.expect("headers 3 200")
		w.Close()
		<-done
		if d.panics.Load() != 1 {
			t.Error("nobody heard of it")
		}
	})
}

func TestH2WebSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			req := x.Request()
			if req.Method != "GET" || req.Upgrade != "websocket" || req.Head.Get("Sec-WebSocket-Key") == nil {
				t.Errorf("%s, upgrade %q", req.Method, req.Upgrade)
			}
			for _, f := range req.Head.Fields {
				if string(req.Head.Bytes(f.Value)) == "theirs" {
					t.Error("an origin sees two keys")
				}
			}
			tunnel, err := x.Tunnel(101, nil, "websocket")
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(tunnel, tunnel)
			_ = tunnel.(interface{ CloseWrite() error }).CloseWrite()
			_ = tunnel.Close()
		}))
		w.ask(1, false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "shop.test", "sec-websocket-key", "theirs")
		w.expect("headers 1 200")
		_ = w.WriteData(1, false, []byte("hello"))
		w.expect("data 1 5")
		_ = w.WriteData(1, true, []byte("bye"))
		w.expect("data 1 3", "data 1 0 end")
		w.Close()
		<-done
		x := d.sink.trace().Conns[0].Exchanges[0]
		if x.Method != "CONNECT" || x.Outcome != flow.Complete || x.Status != 200 {
			t.Errorf("%s %d %s", x.Method, x.Status, x.Outcome)
		}
	})
}

func TestH2AsksForHTTP1(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		w, done := d.wire(t, handlerFunc(func(x Exchange) {
			if !x.Multiplexed() || !x.RequireHTTP1("NTLM signs in the connection") {
				t.Error("not asked for")
			}
		}))
		w.ask(1, true)
		w.expect("reset 1 HTTP_1_1_REQUIRED")
		w.Close()
		<-done
		if got := d.kinds(flow.Decision); len(got) != 1 || got[0] != "decision refuse: NTLM signs in the connection" {
			t.Errorf("the record has %q", got)
		}
	})
}
