package dissect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"

	"github.com/google/go-cmp/cmp"
)

// A conversation is written one piece a line: > from the client, < from the
// server, >- and <- bytes that are missing (their number, ? for nobody knows),
// >| and <| the end of a direction, >! and <! one that is not clean, >|? and <|?
// one of which that is not known. ^ in a
// piece stands for CRLF.
func converse(conversation string, cut int) *h2Record {
	rec := &h2Record{conn: &flow.Conn{}}
	h := newHTTP1(timed{rec}, new(httpScratch))
	m := reassembly.Mark{Time: 1e9}
	for line := range strings.Lines(conversation) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		dir := fromClient
		if line[0] == '<' {
			dir = fromServer
		}
		rest := line[1:]
		switch {
		case rest == "|":
			h.end(dir, flow.Yes, m)
		case rest == "!":
			h.end(dir, flow.No, m)
		case rest == "|?":
			h.end(dir, flow.NotObserved, m)
		case strings.HasPrefix(rest, "-"):
			n, err := strconv.ParseInt(rest[1:], 10, 64)
			if err != nil {
				n = -1
			}
			h.skip(dir, n, m)
		default:
			piece := []byte(strings.ReplaceAll(strings.TrimPrefix(rest, " "), "^", "\r\n"))
			for len(piece) > 0 {
				n := len(piece)
				if cut > 0 {
					n = min(cut, n)
				}
				h.bytes(dir, piece[:n], m)
				piece = piece[n:]
			}
		}
	}
	h.over(m)
	return rec
}

// timed gives events a time, without which bytes count for nothing.
type timed struct{ *h2Record }

func (r timed) emit(m reassembly.Mark, e flow.Event) {
	e.At = time.Unix(0, m.Time)
	r.h2Record.emit(m, e)
}

// brief tells of each exchange: request, status, bodies, outcome.
func brief(rec *h2Record) string {
	var out strings.Builder
	for _, x := range rec.conn.Exchanges {
		request := strings.TrimSpace(x.Method + " " + x.Target)
		if request == "" {
			request = "?"
		}
		fmt.Fprintf(&out, "%s %d", request, x.Status)
		if !x.RequestDone.IsZero() && x.RequestBodyBytes > 0 {
			fmt.Fprintf(&out, " sent=%d", x.RequestBodyBytes)
		}
		if !x.ResponseDone.IsZero() {
			fmt.Fprintf(&out, " got=%d", x.ResponseBodyBytes)
		}
		fmt.Fprintf(&out, " %s", x.Outcome)
		if x.Tunnel != "" {
			out.WriteString(" tunnel=" + x.Tunnel)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

var conversations = map[string]struct{ say, want string }{
	"one exchange": {`
		> GET / HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 2^^ok
	`, "GET / 200 got=2 complete\n"},
	"pipelining": {`
		> GET /1 HTTP/1.1^Host: a^^GET /2 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 1^^1HTTP/1.1 404 No^Content-Length: 0^^
	`, "GET /1 200 got=1 complete\nGET /2 404 got=0 complete\n"},
	"chunked with trailers": {`
		> POST / HTTP/1.1^Host: a^Transfer-Encoding: chunked^^5^hello^0^X: y^^
		< HTTP/1.1 200 OK^Transfer-Encoding: chunked^^3;x=y^abc^2^de^0^^
	`, "POST / 200 sent=5 got=5 complete\n"},
	"until the end": {`
		> GET / HTTP/1.0^^
		< HTTP/1.0 200 OK^^all of it
		<|
	`, "GET / 200 got=9 complete\n"},
	"until the end, bytes missing": {`
		> GET / HTTP/1.0^^
		< HTTP/1.0 200 OK^^all of
		<-3
		<|
	`, "GET / 200 got=9 complete\n"},
	"until the end, nobody knows how many missing": {`
		> GET / HTTP/1.0^^
		< HTTP/1.0 200 OK^^all of
		<-?
		<|
	`, "GET / 200 complete\n"},
	"only the client captured": {`
		> GET /1 HTTP/1.1^Host: a^^
		<-50
		> GET /2 HTTP/1.1^Host: a^^
		<-50
	`, "GET /1 0 \nGET /2 0 \n"},
	"until an end that is not clean": {`
		> GET / HTTP/1.0^^
		< HTTP/1.0 200 OK^^all of it
		<!
	`, "GET / 200 truncated\n"},
	"until an end that could not be read": {`
		> GET / HTTP/1.0^^
		< HTTP/1.0 200 OK^^all of it
		<|?
	`, "GET / 200 \n"},
	"cut short by an end that could not be read": {`
		> GET / HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 9^^half
		<|?
	`, "GET / 200 truncated\n"},
	"ended before the body came": {`
		> POST / HTTP/1.1^Host: a^Content-Length: 10^^0123
		<|
		> 456789
	`, "POST / 0 no-response\n"},
	"asked after the end": {`
		> GET /1 HTTP/1.1^Host: a^^GET /2 HTTP/1.1^Host: a^^
		< HTTP/1.0 200 OK^^all
		<-3
		<|
		> GET /3 HTTP/1.1^Host: a^^
	`, "GET /1 200 got=6 complete\nGET /2 0 no-response\nGET /3 0 no-response\n"},
	"asked after the end, bytes missing": {`
		> GET /1 HTTP/1.1^Host: a^^
		<-50
		<|
		> GET /2 HTTP/1.1^Host: a^^
	`, "GET /1 0 \nGET /2 0 no-response\n"},
	"HEAD, 204, 304": {`
		> HEAD / HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 100^^
		> GET / HTTP/1.1^Host: a^^
		< HTTP/1.1 204 No^^
		> GET / HTTP/1.1^Host: a^^
		< HTTP/1.1 304 Not^Content-Length: 100^^
	`, "HEAD / 200 got=0 complete\nGET / 204 got=0 complete\nGET / 304 got=0 complete\n"},
	"interim responses": {`
		> POST / HTTP/1.1^Host: a^Content-Length: 2^Expect: 100-continue^^
		< HTTP/1.1 100 Continue^^
		> ok
		< HTTP/1.1 103 Early^Link: x^^HTTP/1.1 201 Made^Content-Length: 0^^
	`, "POST / 201 sent=2 got=0 complete\n"},
	"answered before the body came": {`
		> POST / HTTP/1.1^Host: a^Content-Length: 10^^
		< HTTP/1.1 413 Large^Content-Length: 0^^
		> 0123456789
	`, "POST / 413 sent=10 got=0 complete\n"},
	"upgrade": {`
		> GET / HTTP/1.1^Host: a^Connection: Upgrade^Upgrade: websocket^^
		< HTTP/1.1 101 Switching^Upgrade: websocket^^
		> HTTP is not read here
	`, "GET / 101 complete tunnel=websocket\n"},
	"CONNECT": {`
		> CONNECT a:443 HTTP/1.1^Host: a:443^^
		< HTTP/1.1 200 OK^^
		> GET /inside HTTP/1.1^^
	`, "CONNECT a:443 200 complete tunnel=CONNECT\n"},
	"CONNECT refused": {`
		> CONNECT a:443 HTTP/1.1^Host: a:443^^
		< HTTP/1.1 407 Auth^Content-Length: 2^^no
		> CONNECT a:443 HTTP/1.1^Host: a:443^^
		< HTTP/1.1 403 No^Content-Length: 0^^
	`, "CONNECT a:443 407 got=2 complete\nCONNECT a:443 403 got=0 complete\n"},
	"no response": {`
		> GET / HTTP/1.1^Host: a^^
		<|
	`, "GET / 0 no-response\n"},
	"cut short": {`
		> GET / HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 9^^half
		<|
	`, "GET / 200 truncated\n"},
	"not over": {`
		> GET /1 HTTP/1.1^Host: a^^GET /2 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 9^^half
	`, "GET /1 200 \nGET /2 0 \n"},
	"half a response head": {`
		> GET / HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Le
		<|
	`, "GET / 0 no-response\n"},
	"missing bytes inside a body": {`
		> GET / HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 10^^012
		<-4
		< 789HTTP/1.1 200 OK^Content-Length: 1^^x
	`, "GET / 200 got=10 complete\n? 200 got=1 complete\n"},
	"missing head of a response": {`
		> GET /1 HTTP/1.1^Host: a^^
		<-50
		< rest of a body
		> GET /2 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 1^^x
	`, "GET /1 0 \nGET /2 200 got=1 complete\n"},
	"missing request": {`
		>-80
		< HTTP/1.1 200 OK^Content-Length: 1^^x
		> GET /2 HTTP/1.1^Host: a^^
		< HTTP/1.1 404 No^Content-Length: 0^^
	`, "? 200 got=1 complete\nGET /2 404 got=0 complete\n"},
	"missing bytes among chunks": {`
		> GET /1 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Transfer-Encoding: chunked^^3^ab
		<-20
		< 5^never^0^^
		> GET /2 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 1^^x
	`, "GET /1 200 \nGET /2 200 got=1 complete\n"},
	"missing bytes in front of pipelined responses": {`
		> GET /1 HTTP/1.1^Host: a^^GET /2 HTTP/1.1^Host: a^^
		<-50
		< HTTP/1.1 200 OK^Content-Length: 1^^x
		> GET /3 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 1^^x
	`, "GET /1 0 \nGET /2 0 \n? 200 got=1 complete\nGET /3 200 got=1 complete\n"},
	"missing bytes known late": {`
		> GET /1 HTTP/1.1^Host: a^^
		> GET /2 HTTP/1.1^Host: a^^
		<-50
		< HTTP/1.1 200 OK^Content-Length: 1^^x
	`, "GET /1 0 \nGET /2 200 got=1 complete\n"},
	"missing bytes in a body known late": {`
		> GET /1 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Transfer-Encoding: chunked^^3^ab
		> GET /2 HTTP/1.1^Host: a^^
		<-50
		< HTTP/1.1 200 OK^Content-Length: 1^^x
	`, "GET /1 200 \nGET /2 200 got=1 complete\n"},
	"not HTTP in the middle": {`
		> GET /1 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 1^^x
		> \x00\x01\x02 nonsense^^
		> GET /2 HTTP/1.1^Host: a^^
		< HTTP/1.1 200 OK^Content-Length: 1^^y
	`, "GET /1 200 got=1 complete\nGET /2 200 got=1 complete\n"},
}

func TestHTTP1(t *testing.T) {
	for name, test := range conversations {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, brief(converse(test.say, 0))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Where the bytes are cut makes no difference, unless some are missing: then
// only a piece that begins with a start line helps.
func TestHTTP1Cuts(t *testing.T) {
	for name, test := range conversations {
		if strings.Contains(test.say, ">-") || strings.Contains(test.say, "<-") || name == "not HTTP in the middle" {
			continue
		}
		whole := converse(test.say, 0).lines
		for _, cut := range []int{1, 2, 3, 7} {
			if got := converse(test.say, cut).lines; !slices.Equal(got, whole) {
				t.Errorf("%s in pieces of %d: (-whole +pieces)\n%s", name, cut, cmp.Diff(whole, got))
			}
		}
	}
}

// Whatever bytes come, an exchange ends at most once, with its last event, and
// nothing panics.
func FuzzHTTP1(f *testing.F) {
	for _, test := range conversations {
		f.Add(test.say, 0)
		f.Add(test.say, 1)
	}
	f.Fuzz(func(t *testing.T, say string, cut int) {
		ended := map[string]bool{}
		for _, line := range converse(say, cut%100).lines {
			id, event, _ := strings.Cut(line, " ")
			if ended[id] {
				t.Errorf("exchange %s had ended before %s", id, event)
			}
			ended[id] = strings.HasPrefix(event, "exchange-done")
		}
	})
}
