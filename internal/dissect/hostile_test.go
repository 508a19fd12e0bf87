package dissect

import (
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// TestHTTP1Pipelined: requests without answers are not kept without end. The
// responses that come belong to those that were asked first; of the rest nobody
// knows the outcome, and the record says so.
func TestHTTP1Pipelined(t *testing.T) {
	rec := &h2Record{conn: &flow.Conn{}}
	h := newHTTP1(rec, new(httpScratch))
	const asked = 3 * maxWaiting
	for range asked {
		h.bytes(fromClient, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), reassembly.Mark{Time: 1})
	}
	if n := len(h.waiting); n != maxWaiting {
		t.Fatalf("%d exchanges wait, want %d", n, maxWaiting)
	}
	for range asked {
		h.bytes(fromServer, []byte("HTTP/1.1 204 No Content\r\n\r\n"), reassembly.Mark{Time: 2})
	}
	h.over(reassembly.Mark{Time: 3})
	outcomes := map[string]int{}
	for i, x := range rec.conn.Exchanges {
		outcomes[x.Outcome]++
		if !x.Over || (x.Outcome == flow.Complete) != (i < maxWaiting) || (x.Status == 204) != (i < maxWaiting) {
			t.Fatalf("exchange %d: over %v, status %d, outcome %q", i+1, x.Over, x.Status, x.Outcome)
		}
	}
	if len(outcomes) != 2 || outcomes[""] != asked-maxWaiting {
		t.Errorf("outcomes %v", outcomes)
	}
	if said := strings.Count(strings.Join(rec.lines, "\n"), "buffer-full by client "+tooMany); said != 1 {
		t.Errorf("said %d times that there were too many", said)
	}
}

// TestTunnelsInTunnels: each layer costs all bytes after it a call, so their
// number is bounded.
func TestTunnelsInTunnels(t *testing.T) {
	c := &conn{}
	for i := range maxTunnels {
		if _, is := c.tunnel("CONNECT").(*detect); !is {
			t.Fatalf("tunnel %d is not read", i+1)
		}
	}
	if _, is := c.tunnel("CONNECT").(opaque); !is {
		t.Error("tunnels are read at any depth")
	}
}

// TestHeadInPieces: a long head that comes byte by byte is searched once, not
// for each of its lines, and read like one that comes at once.
func TestHeadInPieces(t *testing.T) {
	for name, end := range map[string]string{"CRLF": "\r\n", "LF": "\n"} {
		head := strings.Repeat(end, 3) + "GET / HTTP/1.1" + end + "Host: a" + end
		for range 1500 {
			head += "X: " + strings.Repeat("v", 130) + end
		}
		head += end
		rec := &h2Record{conn: &flow.Conn{}}
		h := newHTTP1(rec, new(httpScratch))
		for i := range len(head) {
			h.bytes(fromClient, []byte{head[i]}, reassembly.Mark{})
			if d := h.half(fromClient); d.buf != nil && i > 10 && int(d.search.searched) != len(d.buf) {
				t.Fatalf("%s: at byte %d %d of %d are searched", name, i, d.search.searched, len(d.buf))
			}
		}
		if n := len(rec.conn.Exchanges); n != 1 || len(rec.conn.Exchanges[0].RequestHeader) != 1501 {
			t.Errorf("%s: %d exchanges", name, n)
		}
	}
}

// TestHeadEnds: the end of a head is found wherever it is cut, once.
func TestHeadEnds(t *testing.T) {
	for head, ends := range map[string]int{
		"GET / HTTP/1.1\r\n\r\nrest": 18, "a\n\nrest": 3, "\r\n\r\na\r\n\r\n": 9, "a\nb\n\r\n": 6, "\n\n\n": -1, "a\r\r\nb": -1, "a\n\r\rb\n": -1,
	} {
		d, got := &half{}, -1
		for i := range len(head) {
			if d.buf = append(d.buf, head[i]); d.headEnds() && got < 0 {
				got = i + 1
			}
		}
		if got != ends {
			t.Errorf("%q ends at %d, want %d", head, got, ends)
		}
	}
}
