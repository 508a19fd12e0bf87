package app_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fanlight/internal/flow"
)

// Two defects of mod_http2 2.0.42 (Apache 2.4.71, nghttp2 1.52), which
// TestApacheAlone shows without a door. Apache answers a POST that it has no use
// for before its body has come, and what comes between the making of the answer
// and the sending of it goes wrong:
//
//   - RST_STREAM: nghttp2 does not send the answer, mod_http2 does not know the
//     stream any more, and the connection ends with all others on it (in its log:
//     AH10509 not sent FRAME, error -510; AH03402 proto error). Its GOAWAY has
//     -902 for a code, or is not sent either.
//   - Trailers: mod_http2 refuses their fields ("RST stream, header failures"), and
//     nghttp2 sends RST_STREAM in place of the answer.
const (
	apacheGoAway = "0xfffffc7a" // -902, NGHTTP2_ERR_CALLBACK_FAILURE
	apacheReset  = "INTERNAL_ERROR"
)

// apacheTries is how often a payload is sent that is lost to Apache.
const apacheTries = 4

// throughHTTP2 runs payloads through a door to an origin over HTTP/2. What was
// lost to Apache is sent again, by another door to another Apache.
func throughHTTP2(t *testing.T, table *tally, start func(testing.TB) countingOrigin, config string, all []*payload, send func(*smuggling, *payload) (attempt, error)) {
	for try := 1; len(all) > 0; try++ {
		o := start(t)
		s := &smuggling{t: t, d: serve(t, config, "$TO", o.url), origin: o, table: table}
		s.fails = o.name == "apache h2" && try < apacheTries
		s.run(all, func(p *payload) (attempt, error) { return send(s, p) })
		s.check()
		for _, p := range s.lost {
			t.Logf("%s: Apache failed by itself, try %d", p, try)
		}
		all = s.lost
	}
}

// lostToApache tells that something which the door passed on for a payload, on the
// connection c or for the honest client behind it, came to nothing by the
// defects: each exchange with Apache that failed has what they leave behind.
func lostToApache(trace *flow.Trace, c *flow.Conn, p *payload) (lost bool) {
	for _, client := range trace.Conns {
		for _, x := range client.Exchanges {
			if client.Self != flow.Server || client != c && x.Target != "/honest/"+p.id {
				continue
			}
			if what := became(trace, client, x); !strings.HasPrefix(what, "cut 502 ") && !strings.HasPrefix(what, "torn ") {
				continue
			}
			for _, leg := range legsOf(trace, x) {
				if leg.Outcome != flow.Complete && !brokenByApache(trace.Conn(leg.Conn), leg, p) {
					return false
				}
				lost = true
			}
		}
	}
	return lost
}

// brokenByApache looks for the defects in the record of an exchange with Apache:
// trailers that it answered with a reset, or the end of the connection after the
// door had cancelled another exchange on it.
func brokenByApache(c *flow.Conn, leg *flow.Exchange, p *payload) bool {
	cancelled := false
	for i := range c.Events {
		switch e := &c.Events[i]; {
		case e.Kind == flow.StreamReset && e.From == flow.Client:
			cancelled = cancelled || e.Exchange != leg.ID
		case e.Kind == flow.StreamReset && e.Exchange == leg.ID:
			return e.Text == apacheReset && p.has("trailers")
		case e.Kind == flow.GoAway && e.From == flow.Server:
			return e.Text == apacheGoAway && cancelled
		}
	}
	return cancelled && c.Close.By == flow.Server
}

// TestApacheAlone shows the defects without a door, by frames that RFC 9113
// allows. That none of them is seen would be good news; anything else is not
// known, and wrong.
func TestApacheAlone(t *testing.T) {
	const settled, away = "answered", "GOAWAY " + apacheGoAway
	for _, test := range []struct {
		name   string
		behind func(*h2Speaker, uint32) // what comes behind the head of a POST
		open   []uint32                 // streams that then want an answer
		may    []string                 // become of them
	}{
		{"body", func(h *h2Speaker, id uint32) { _ = h.framer.WriteData(id, true, []byte("hello")) }, []uint32{1, 3, 5}, []string{settled}},
		{"trailers", func(h *h2Speaker, id uint32) {
			_ = h.framer.WriteData(id, false, []byte("hello"))
			h.headers(id, http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders, [][2]string{{"x-sum", "5"}})
		}, []uint32{1, 3, 5}, []string{settled, "reset " + apacheReset}},
		{"cancel", func(h *h2Speaker, id uint32) { _ = h.framer.WriteRSTStream(id, http2.ErrCodeCancel) }, []uint32{3}, []string{settled, away, "closed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := apacheOrigin(t)
			seen := map[string]int{}
			for i := range 400 {
				seen[askApache(t, strings.TrimPrefix(o.url, "http://"), time.Duration(i%40)*10*time.Microsecond, test.behind, test.open)]++
			}
			t.Log(seen)
			for what := range seen {
				if !slices.Contains(test.may, what) {
					t.Errorf("%s: %d times", what, seen[what])
				}
			}
		})
	}
}

// askApache makes two POSTs and a GET on one connection, and sends what belongs
// behind the POSTs a moment later; it gives what became of them.
func askApache(t *testing.T, addr string, moment time.Duration, behind func(*h2Speaker, uint32), open []uint32) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wait))
	w := bufio.NewWriter(c)
	h := &h2Speaker{c: c, framer: http2.NewFramer(w, c)}
	h.fields = hpack.NewEncoder(&h.block)
	_, _ = w.WriteString(http2.ClientPreface) // what fails here fails Flush too
	_ = h.framer.WriteSettings()
	head := func(id uint32, method string, flags http2.Flags) {
		h.headers(id, flags|http2.FlagHeadersEndHeaders, [][2]string{{":method", method}, {":scheme", "http"}, {":authority", "app.test"}, {":path", "/"}})
	}
	head(1, "POST", 0)
	head(3, "GET", http2.FlagHeadersEndStream)
	head(5, "POST", 0)
	must(t, w.Flush())
	time.Sleep(moment)
	behind(h, 1)
	behind(h, 5)
	_ = w.Flush() // Apache may have ended the connection, which is read below
	return outcomeOf(h, open)
}

// outcomeOf reads until the open streams have their answers, or the first thing
// that goes wrong.
func outcomeOf(h *h2Speaker, streams []uint32) string {
	open := map[uint32]bool{}
	for _, id := range streams {
		open[id] = true
	}
	for len(open) > 0 {
		f, err := h.framer.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch f := f.(type) {
		case *http2.GoAwayFrame:
			return fmt.Sprintf("GOAWAY %#x", uint32(f.ErrCode))
		case *http2.RSTStreamFrame:
			if open[f.StreamID] {
				return "reset " + f.ErrCode.String()
			}
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				delete(open, f.StreamID)
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				delete(open, f.StreamID)
			}
		}
	}
	return "answered"
}
