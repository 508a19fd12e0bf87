package httpconn

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// refusal is a request that must not be carried.
type refusal struct {
	name   string
	raw    string
	status string
	record string // irregularity in the record; empty: none
}

func line(s string) string  { return s + " HTTP/1.1\r\nHost: a.test\r\n\r\n" }
func field(s string) string { return "POST / HTTP/1.1\r\nHost: a.test\r\n" + s + "\r\n\r\n" }
func chunk(s string) string { return field("Transfer-Encoding: chunked") + s }

func refusals() []refusal {
	return []refusal{
		{"length and chunked", field("Content-Length: 5\r\nTransfer-Encoding: chunked") + "0\r\n\r\n", "400", httpwire.LengthAndChunked},
		{"differing lengths", field("Content-Length: 5\r\nContent-Length: 6") + "hello", "400", httpwire.LengthsDiffer},
		{"differing lengths in one line", field("Content-Length: 5, 6"), "400", httpwire.LengthsDiffer},
		{"repeated length", field("Content-Length: 5\r\nContent-Length: 5") + "hello", "400", httpwire.LengthsRepeated},
		{"bad length", field("Content-Length: +5"), "400", httpwire.BadLength},
		{"length of more than 63 bits", field("Content-Length: 9223372036854775808"), "400", httpwire.BadLength},
		{"bare CR", field("A: b\rc"), "400", httpwire.BareCR},
		{"bare LF", "GET / HTTP/1.1\nHost: a.test\n\n", "400", httpwire.BareLF},
		{"obs-fold", field("A: b\r\n c"), "400", httpwire.ObsFold},
		{"space before colon", field("Content-Length : 5"), "400", httpwire.SpaceBeforeColon},
		{"space before first field", "GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n", "400", httpwire.SpaceBeforeFirstField},
		{"no colon", field("broken"), "400", httpwire.MissingColon},
		{"field name", field("a b: c"), "400", httpwire.BadFieldName},
		{"field value", field("a: b\x01"), "400", httpwire.BadFieldValue},
		{"NUL", field("a: b\x00"), "400", httpwire.NULByte},
		{"NUL in target", line("GET /\x00"), "400", httpwire.NULByte},
		{"missing Host", "GET / HTTP/1.1\r\n\r\n", "400", httpwire.HostMissing},
		{"several Hosts", field("Host: b.test"), "400", httpwire.HostRepeated},
		{"bad Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", httpwire.BadHost},
		{"control byte in target", line("GET /\x01"), "400", httpwire.ControlInTarget},
		{"HEAD", line("HEAD /\x01"), "400", httpwire.ControlInTarget},
		{"fragment in target", line("GET /#x"), "400", httpwire.FragmentInTarget},
		{"broken escape", line("GET /%2"), "400", httpwire.BadEscape},
		{"path that two would read differently", line("GET /a/..%2fb"), "400", ""},
		{"tabs in the request line", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", "400", httpwire.BadStartLine},
		{"unknown transfer coding", field("Transfer-Encoding: gzip, chunked"), "400", httpwire.UnknownTransferCoding},
		{"chunked not last", field("Transfer-Encoding: chunked, chunked"), "400", httpwire.ChunkedNotLast},
		{"chunked in HTTP 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400", httpwire.ChunkedInHTTP10},
		{"second empty line", "\r\n\r\n" + line("GET /"), "400", httpwire.EmptyLineBeforeRequest},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400", httpwire.BadMethod},
		{"no version", "GET /\r\n\r\n", "400", httpwire.BadVersion},
		{"HTTP 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", httpwire.UnsupportedVersion},
		{"long target", line("GET /" + strings.Repeat("a", 1025)), "414", ""},
		{"target without end", "GET /" + strings.Repeat("a", 2000), "414", ""},
		{"large head", field("A: " + strings.Repeat("a", 5000)), "431", ""},
		{"many fields", field(strings.Repeat("A: b\r\n", 25) + "C: d"), "431", ""},

		// In the body; the handler answers.
		{"chunk size", chunk("x\r\n"), "400", httpwire.BadChunkSize},
		{"no chunk size", chunk("\r\n"), "400", httpwire.BadChunkSize},
		{"chunk size of more than 63 bits", chunk("8000000000000000\r\n"), "400", httpwire.BadChunkSize},
		{"chunk extension", chunk("5;a=b\r\nhello\r\n0\r\n\r\n"), "400", httpwire.ChunkExtension},
		{"blank after chunk size", chunk("5 \r\nhello\r\n0\r\n\r\n"), "400", httpwire.BlankAfterChunkSize},
		{"bare LF after chunk size", chunk("5\nhello\r\n0\r\n\r\n"), "400", httpwire.BareLF},
		{"chunk longer than its size", chunk("4\r\nhello\r\n0\r\n\r\n"), "400", httpwire.ChunkEndMissing},
		{"framing in trailers", chunk("0\r\nContent-Length: 5\r\n\r\n"), "400", httpwire.FramingInTrailer},
		{"large trailers", chunk("0\r\nA: " + strings.Repeat("a", 17<<10) + "\r\n\r\n"), "400", ""},
	}
}

// Each is refused, the irregularity is in the record, and nothing behind it is
// read as a request, however the bytes are cut.
func TestRefusals(t *testing.T) {
	for _, test := range refusals() {
		for _, cut := range []int{0, 1, 7} {
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDoor()
					c, done := d.connect(t, handlerFunc(echo))
					go func() {
						for piece := range pieces(test.raw+get, cut) {
							if _, err := c.Write([]byte(piece)); err != nil {
								return
							}
							if cut > 0 {
								synctest.Wait()
							}
						}
						half(c)
					}()
					all, end := c.rest()
					<-done
					checkRefusal(t, d, test, all)
					if cut == 0 {
						golden(t, "refusals.txtar", test.name, all, end, d)
					}
				})
			})
		}
	}
}

func checkRefusal(t *testing.T, d *door, test refusal, all string) {
	t.Helper()
	if !strings.HasPrefix(all, "HTTP/1.1 "+test.status+" ") || strings.Count(all, "HTTP/1.1 ") != 1 || !strings.Contains(all, "\r\nConnection: close\r\n") {
		t.Errorf("client saw %q, want one %s that closes", all, test.status)
	}
	tr := d.sink.trace().Conns[0]
	recorded := slices.ContainsFunc(tr.Events, func(e flow.Event) bool {
		return e.Kind == flow.Irregular && e.Text == test.record && e.Exchange != 0
	})
	if test.record != "" && !recorded {
		t.Errorf("%s is not in the record:\n%s", test.record, tr)
	}
	if len(tr.Exchanges) != 1 {
		t.Errorf("%d exchanges in the record", len(tr.Exchanges))
	}
}

func pieces(s string, cut int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for len(s) > 0 {
			n := len(s)
			if cut > 0 {
				n = min(n, cut)
			}
			if !yield(s[:n]) {
				return
			}
			s = s[n:]
		}
	}
}

// A length that fits is carried as it is; nothing is added to it.
func TestHugeLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		var length int64
		c, done := d.connect(t, handlerFunc(func(x Exchange) {
			length = x.Request().Length
			if _, all := x.Buffered(); all {
				t.Error("a body of 2^63-9 bytes is said to be there")
			}
			if n, err := x.ReadBody(make([]byte, 100)); n != 5 || err != nil {
				t.Errorf("read %d, %v", n, err)
			}
			x.CloseAfter("seen enough")
			answer(x, 200, "ok\n")
		}))
		c.send(field("Content-Length: 9223372036854775799") + "hello")
		c.await("ok\n")
		half(c)
		<-done
		if length != 9223372036854775799 {
			t.Errorf("length %d", length)
		}
	})
}
