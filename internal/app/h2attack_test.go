package app_test

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"fanlight/internal/flow"
)

const h2AttackConfig = `
limits: {header_timeout: 500ms, body_timeout: 500ms, write_timeout: 500ms, idle_timeout: 3s}
sites:
  app:
    bind: ["127.0.0.3:$PORT app.test", "http://127.0.0.2:$PORT app.test"]
    routes:
      - {path: /files/, files: www}
      - {path: /, to: "http://$TO", timeouts: {idle: 300ms}}
`

// Clients that flood or stall a connection of HTTP/2 lose it soon, with a reason
// in the record, and leave nothing behind. Their idle time is long enough to
// flood it on a busy machine: without a stream it is idle whatever else it says.
func TestAttacksOverHTTP2(t *testing.T) {
	get := &payload{id: "a"}
	for _, attack := range []struct {
		name string
		do   func(h *h2Speaker, n int) // one step, as often as the connection bears
		why  string                    // a part of what the record says
	}{
		{"rapid reset", func(h *h2Speaker, n int) {
			h.headers(uint32(2*n+1), http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders, requestFields(get, "GET /a"))
			_ = h.framer.WriteRSTStream(uint32(2*n+1), http2.ErrCodeCancel)
		}, "streams reset within"},
		{"resets that the door makes", func(h *h2Speaker, n int) {
			h.headers(uint32(2*n+1), http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders, append(requestFields(get, "GET /a"), [2]string{"connection", "close"}))
		}, "streams reset within"},
		{"PING", func(h *h2Speaker, n int) { _ = h.framer.WritePing(false, [8]byte{}) }, "frames that carry nothing within"},
		{"SETTINGS", func(h *h2Speaker, n int) { _ = h.framer.WriteSettings() }, "frames that carry nothing within"},
		{"PRIORITY", func(h *h2Speaker, n int) {
			_ = h.framer.WritePriority(uint32(2*n+1), http2.PriorityParam{Weight: 3})
		}, "frames that carry nothing within"},
		{"WINDOW_UPDATE", func(h *h2Speaker, n int) { _ = h.framer.WriteWindowUpdate(0, 1) }, "frames that carry nothing within"},
		{"empty DATA", func(h *h2Speaker, n int) {
			if n == 0 {
				h.headers(1, http2.FlagHeadersEndHeaders, requestFields(get, "POST /a"))
			}
			_ = h.framer.WriteRawFrame(http2.FrameData, 0, 1, nil)
		}, "frames that carry nothing within"},
		{"CONTINUATION", func(h *h2Speaker, n int) {
			if n == 0 {
				h.headers(1, 0, requestFields(get, "GET /a"))
			}
			_ = h.framer.WriteRawFrame(http2.FrameContinuation, 0, 1, nil)
		}, "field block"},
		{"slow CONTINUATION", func(h *h2Speaker, n int) {
			if n == 0 {
				h.headers(1, 0, requestFields(get, "GET /a"))
			}
			time.Sleep(200 * time.Millisecond)
			_ = h.framer.WriteRawFrame(http2.FrameContinuation, 0, 1, nil)
		}, "request-head"},
		{"half a frame", func(h *h2Speaker, n int) {
			if n == 0 {
				_, _ = h.c.Write([]byte{0, 0, 100, 1, 5, 0, 0, 0, 1, 0x82})
			}
			time.Sleep(100 * time.Millisecond)
		}, "request-head"},
		{"closed window", func(h *h2Speaker, n int) {
			if n == 0 {
				_ = h.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
				h.headers(1, http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders, requestFields(get, "GET /files/big"))
			}
			time.Sleep(100 * time.Millisecond)
		}, "write"},
		{"slow body", func(h *h2Speaker, n int) {
			if n == 0 {
				h.headers(1, http2.FlagHeadersEndHeaders, requestFields(get, "POST /a"))
			}
			time.Sleep(100 * time.Millisecond)
			_ = h.framer.WriteRawFrame(http2.FrameData, 0, 1, []byte("x"))
		}, "request-body"}, // -rate, unless the machine was busy
		{"table of large fields", func(h *h2Speaker, n int) {
			fields := requestFields(get, "GET /a")
			for range 2000 {
				fields = append(fields, [2]string{"x-large", strings.Repeat("v", 3000)})
			}
			h.headers(uint32(2*n+1), http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders, fields)
			time.Sleep(20 * time.Millisecond)
		}, "larger than"},
		{"silence", func(h *h2Speaker, n int) { time.Sleep(100 * time.Millisecond) }, "idle"},
	} {
		t.Run(attack.name, func(t *testing.T) {
			t.Parallel()
			o := goOrigin(t)
			d := serve(t, h2AttackConfig, "$TO", strings.TrimPrefix(o.url, "http://"))
			write(t, d.file("www/big"), strings.Repeat("x", 4<<20))
			ends := d.attackH2(t, attack.do)
			if status, body, err := d.fetch("/honest"); status != 200 || body != "/honest" {
				t.Errorf("behind the attack an honest client got %d %q, %v", status, body, err)
			}
			if ends > 8*time.Second {
				t.Errorf("the connection lasted %s", ends)
			}
			trace := d.quiet()
			said := wordsOf(trace)
			if !strings.Contains(said, attack.why) {
				t.Errorf("the record does not say %q but\n%s", attack.why, said)
			}
		})
	}
}

// attackH2 takes steps on one connection until it ends, or for some seconds.
func (d *door) attackH2(t *testing.T, step func(*h2Speaker, int)) (lasted time.Duration) {
	t.Helper()
	raw, err := net.Dial("tcp", "127.0.0.3:"+d.port)
	must(t, err)
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(wait))
	c := tls.Client(raw, &tls.Config{ServerName: "app.test", RootCAs: d.roots(), NextProtos: []string{"h2"}})
	must(t, c.Handshake())
	h := newH2Speaker(c)
	began := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = h.framer.WriteSettings()
	for n := 0; time.Since(began) < 5*time.Second; n++ {
		select {
		case <-ended:
			return time.Since(began)
		default:
			step(h, n)
		}
	}
	raw.Close()
	<-ended
	return time.Since(began)
}

// wordsOf are the reasons that the record of clients' connections has.
func wordsOf(trace *flow.Trace) string {
	var words []string
	for _, c := range trace.Conns {
		if c.Self != flow.Server {
			continue
		}
		for i := range c.Events {
			switch e := &c.Events[i]; e.Kind {
			case flow.Timeout, flow.Decision, flow.GoAway, flow.Irregular, flow.Incident:
				words = append(words, e.Kind.String()+" "+e.Text+" "+e.Attr(flow.KeyReason)+e.Attr(flow.KeyCause))
			}
		}
		words = append(words, "closed: "+c.Close.Why)
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), "\n")
}
