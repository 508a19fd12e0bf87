package httpwire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wsFrame writes a frame; first holds the flags and the opcode.
func wsFrame(first byte, mask, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	if mask == "" {
		return append(b, payload...)
	}
	b[1] |= 0x80
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func wsLine(f *WSFrame) string {
	s := fmt.Sprintf("%d at %d len %d", f.Opcode, f.Offset, f.Length)
	for _, flag := range []struct {
		set  bool
		name string
	}{{f.Final, "fin"}, {f.Compressed, "compressed"}, {f.Masked, "masked"}} {
		if flag.set {
			s += " " + flag.name
		}
	}
	if f.Lost > 0 {
		s += fmt.Sprint(" lost ", f.Lost)
	}
	if f.Code > 0 {
		s += fmt.Sprintf(" code %d %q", f.Code, f.Reason)
	} else if len(f.Payload) > 0 {
		s += fmt.Sprintf(" %q", f.Payload)
	}
	return strings.TrimSpace(s + " " + f.Irregular)
}

func wsConversation() []byte {
	return bytes.Join([][]byte{
		wsFrame(0x01, "mask", "hel"),
		wsFrame(0x89, "keys", "are you there"),
		wsFrame(0x80, "mask", "lo"),
		wsFrame(0xc2, "", strings.Repeat("b", 300)),
		wsFrame(0x82, "\x00\x01\x02\x03", strings.Repeat("c", 70000)),
		wsFrame(0x8a, "", ""),
		wsFrame(0x88, "mask", "\x03\xe9going away"),
		wsFrame(0x88, "", ""),
	}, nil)
}

var wsLines = []string{
	"1 at 0 len 3 masked",
	`9 at 9 len 13 fin masked "are you there"`,
	"0 at 28 len 2 fin masked",
	"2 at 36 len 300 fin compressed",
	"2 at 340 len 70000 fin masked",
	"10 at 70354 len 0 fin",
	`8 at 70356 len 12 fin masked code 1001 "going away"`,
	"8 at 70374 len 0 fin",
}

func TestWebSocket(t *testing.T) {
	for _, size := range []int{1 << 20, 1, 2, 5, 1460} {
		var w WebSocket
		var got []string
		for raw := wsConversation(); len(raw) > 0; {
			n := min(size, len(raw))
			w.Write(raw[:n], func(f *WSFrame) { got = append(got, wsLine(f)) })
			raw = raw[n:]
		}
		if diff := cmp.Diff(wsLines, got); diff != "" {
			t.Errorf("in pieces of %d: %s", size, diff)
		}
		if f, _ := w.Open(); f != nil {
			t.Errorf("in pieces of %d: open %+v", size, f)
		}
	}
}

func TestWebSocketTruncation(t *testing.T) {
	raw := wsConversation()
	for n := 0; n < len(raw); n += 1 + n/50 {
		var w WebSocket
		got := []string{}
		w.Write(raw[:n], func(f *WSFrame) { got = append(got, wsLine(f)) })
		if diff := cmp.Diff(wsLines[:len(got)], got); diff != "" {
			t.Fatalf("cut to %d: %s", n, diff)
		}
	}
	var w WebSocket
	w.Write(raw[:400], func(*WSFrame) {})
	if f, passed := w.Open(); f == nil || f.Length != 70000 || passed != 400-340-14 {
		t.Errorf("open: %+v, %d", f, passed)
	}
}

func TestWebSocketGap(t *testing.T) {
	raw := wsConversation()
	for _, c := range []struct {
		at, n int
		lost  bool
		want  []string
	}{
		{1000, 5000, false, append(append([]string(nil), wsLines[:4]...), wsLines[4]+" lost 5000", wsLines[5], wsLines[6], wsLines[7])},
		{1000, len(raw) - 1000 - 22, false, append(append([]string(nil), wsLines[:4]...), fmt.Sprint(wsLines[4], " lost ", len(raw)-1000-22), wsLines[5], wsLines[6], wsLines[7])},
		{15, 5, false, append([]string{wsLines[0], "9 at 9 len 13 fin masked lost 5"}, wsLines[2:]...)},
		{1000, 69355, true, wsLines[:4]},
		{36, 3, true, wsLines[:3]},
		{1000, -1, true, wsLines[:4]},
	} {
		var w WebSocket
		var got []string
		emit := func(f *WSFrame) { got = append(got, wsLine(f)) }
		w.Write(raw[:c.at], emit)
		w.Skip(int64(c.n), emit)
		w.Write(raw[c.at+max(c.n, 0):], emit)
		if diff := cmp.Diff(c.want, got); diff != "" || w.Lost() != c.lost {
			t.Errorf("%d bytes lost at %d: lost %v, %s", c.n, c.at, w.Lost(), diff)
		}
	}
}

func TestWebSocketIrregular(t *testing.T) {
	for name, raw := range map[string][]byte{
		WSBadOpcode:   wsFrame(0x83, "", "x"),
		WSBadControl:  wsFrame(0x89, "", strings.Repeat("x", 126)),
		WSBadReserved: wsFrame(0xa1, "", "x"),
		WSBadClose:    wsFrame(0x88, "", "x"),
	} {
		var w WebSocket
		var got []string
		emit := func(f *WSFrame) { got = append(got, f.Irregular) }
		w.Write(raw, emit)
		w.Write(wsFrame(0x81, "", "fine"), emit)
		if diff := cmp.Diff([]string{name, ""}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var w WebSocket
	w.Write([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), nil)
	if f, _ := w.Open(); f == nil || f.Irregular != WSBadLength || f.Length < 0 {
		t.Errorf("length of 64 bits: %+v", f)
	}
}

func TestWebSocketDoesNotAllocate(t *testing.T) {
	raw := bytes.Join([][]byte{wsFrame(0x81, "mask", strings.Repeat("x", 5000)), wsFrame(0x89, "mask", "ping")}, nil)
	var w WebSocket
	frames := 0
	emit := func(*WSFrame) { frames++ }
	if n := testing.AllocsPerRun(100, func() { w.Write(raw, emit) }); n != 0 || frames != 202 {
		t.Errorf("%v allocations, %d frames", n, frames)
	}
}

func FuzzWebSocket(f *testing.F) {
	f.Add(wsConversation()[:500], uint8(7), uint16(100), uint16(20))
	f.Add(wsFrame(0x88, "mask", "\x03\xe8bye"), uint8(1), uint16(3), uint16(1))
	f.Add([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), uint8(1), uint16(10), uint16(65535))
	f.Fuzz(func(t *testing.T, raw []byte, cut uint8, at, lose uint16) {
		var whole, pieces []string
		var a, b WebSocket
		a.Write(raw, func(f *WSFrame) { whole = append(whole, wsLine(f)) })
		for rest := raw; len(rest) > 0; {
			n := min(int(cut)+1, len(rest))
			b.Write(rest[:n], func(f *WSFrame) { pieces = append(pieces, wsLine(f)) })
			rest = rest[n:]
		}
		if diff := cmp.Diff(whole, pieces); diff != "" {
			t.Fatal(diff)
		}
		var w WebSocket
		n := min(int(at), len(raw))
		m := min(n+int(lose), len(raw))
		emit := func(f *WSFrame) {
			if f.Length < 0 || f.Lost > f.Length || f.Offset < 0 || len(f.Payload) > maxWSControl {
				t.Fatalf("%+v", f)
			}
		}
		w.Write(raw[:n], emit)
		w.Skip(int64(m-n), emit)
		w.Write(raw[m:], emit)
		if w.offset != int64(len(raw)) {
			t.Fatalf("at %d of %d", w.offset, len(raw))
		}
	})
}
