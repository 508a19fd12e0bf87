package httpwire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Writer writes one direction with the framer and the encoder of x/net.
type h2Writer struct {
	bytes.Buffer
	*http2.Framer
	enc   *hpack.Encoder
	block bytes.Buffer
}

func newH2Writer(client bool) *h2Writer {
	w := &h2Writer{}
	w.Framer = http2.NewFramer(&w.Buffer, nil)
	w.enc = hpack.NewEncoder(&w.block)
	if client {
		w.WriteString(h2ClientPreface)
	}
	return w
}

// fields encodes a block; pairs are name and value.
func (w *h2Writer) fields(pairs ...string) []byte {
	w.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		w.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return bytes.Clone(w.block.Bytes())
}

func (w *h2Writer) headers(stream uint32, end bool, pairs ...string) {
	w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: w.fields(pairs...), EndHeaders: true, EndStream: end})
}

// h2Log keeps events as lines; those of one DATA frame become one line.
type h2Log struct {
	lines []string
	data  *h2LogData
}

type h2LogData struct {
	dir    int
	stream uint32
	offset int64
	bytes  []byte
	lost   int64
	pad    int
	end    bool
}

func (l *h2Log) add(e *H2Event) {
	if d := l.data; d != nil && (e.Kind != H2Data || e.Offset != d.offset || e.Dir != d.dir) {
		l.flush()
	}
	if e.Kind == H2Data {
		if l.data == nil {
			l.data = &h2LogData{dir: e.Dir, stream: e.Stream, offset: e.Offset, pad: e.Padded}
		}
		l.data.bytes = append(l.data.bytes, e.Data...)
		l.data.lost += e.Lost
		l.data.end = e.EndStream
		return
	}
	l.lines = append(l.lines, h2Line(e))
}

func (l *h2Log) flush() {
	if d := l.data; d != nil {
		line := fmt.Sprintf("%d data %d %q", d.dir, d.stream, d.bytes)
		if len(d.bytes) > 40 {
			line = fmt.Sprintf("%d data %d %d bytes", d.dir, d.stream, len(d.bytes))
		}
		if d.lost > 0 {
			line += fmt.Sprintf(" lost %d", d.lost)
		}
		if d.pad > 0 {
			line += fmt.Sprintf(" pad %d", d.pad)
		}
		if d.end {
			line += " end"
		}
		l.lines = append(l.lines, line)
	}
	l.data = nil
}

func (l *h2Log) done() []string {
	l.flush()
	return l.lines
}

func h2Line(e *H2Event) string {
	names := [...]string{H2Preface: "preface", H2Headers: "headers", H2Reset: "reset", H2Settings: "settings", H2SettingsAck: "ack",
		H2Push: "push", H2Ping: "ping", H2GoAway: "goaway", H2Window: "window", H2Priority: "priority", H2Unknown: "unknown", H2Irregular: "irregular"}
	b := fmt.Appendf(nil, "%d %s", e.Dir, names[e.Kind])
	if e.Stream != 0 {
		b = fmt.Appendf(b, " %d", e.Stream)
	}
	if e.Promised != 0 {
		b = fmt.Appendf(b, " promised %d", e.Promised)
	}
	for _, f := range e.Fields {
		b = fmt.Appendf(b, " %s=%s", f.Name, f.Value)
		if f.Unsure {
			b = append(b, '?')
		}
	}
	for _, s := range e.Settings {
		b = fmt.Appendf(b, " %s=%d", H2SettingName(s.ID), s.Value)
	}
	switch e.Kind {
	case H2GoAway:
		b = fmt.Appendf(b, " last %d %s", e.Last, H2ErrorName(e.Code))
	case H2Reset:
		b = fmt.Appendf(b, " %s", H2ErrorName(e.Code))
	case H2Window, H2Unknown:
		b = fmt.Appendf(b, " %d", e.Code)
	case H2Ping:
		b = fmt.Appendf(b, " %s", e.Data)
	}
	if e.Priority.Given {
		b = fmt.Appendf(b, " priority %d/%d/%v", e.Priority.Depends, e.Priority.Weight, e.Priority.Exclusive)
	}
	if e.Text != "" {
		b = fmt.Appendf(b, " %s", e.Text)
	}
	for _, flag := range []struct {
		set  bool
		name string
	}{{e.Ack, "ack"}, {e.Unsure, "unsure"}, {e.EndStream, "end"}} {
		if flag.set {
			b = fmt.Appendf(b, " %s", flag.name)
		}
	}
	if e.Lost > 0 {
		b = fmt.Appendf(b, " lost %d", e.Lost)
	}
	return string(b)
}

// h2Client and h2Server write the two directions of one conversation that has
// every frame in it.
func h2Client() []byte {
	w := newH2Writer(true)
	w.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 1}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 65536})
	w.WriteWindowUpdate(0, 1<<20)
	w.headers(1, true, ":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "/", "x-a", "1")
	w.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, PadLength: 7, Priority: http2.PriorityParam{StreamDep: 1, Exclusive: true, Weight: 219},
		BlockFragment: w.fields(":method", "POST", ":scheme", "https", ":authority", "a.example", ":path", "/p", "x-a", "1"), EndHeaders: true})
	w.WriteDataPadded(3, false, []byte("hello "), make([]byte, 9))
	w.WriteData(3, false, []byte("world"))
	w.headers(3, true, "x-trailer", "t")
	w.WritePing(false, [8]byte{'p', 'i', 'n', 'g', 'p', 'i', 'n', 'g'})
	w.WriteRSTStream(2, http2.ErrCodeRefusedStream)
	w.WritePriority(1, http2.PriorityParam{StreamDep: 3, Weight: 15})
	w.WriteRawFrame(16, 0, 0, []byte("\x00\x00\x00\x01u=2"))
	w.WriteSettingsAck()
	w.WriteGoAway(0, http2.ErrCodeNo, []byte("bye"))
	return w.Bytes()
}

func h2Server() []byte {
	w := newH2Writer(false)
	w.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20})
	w.WriteSettingsAck()
	w.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true, PadLength: 3,
		BlockFragment: w.fields(":method", "GET", ":path", "/style.css")})
	block := w.fields(":status", "200", "content-type", "text/html", "x-long", strings.Repeat("z", 90))
	w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:5]})
	w.WriteContinuation(1, false, block[5:50])
	w.WriteContinuation(1, true, block[50:])
	w.WriteData(1, true, bytes.Repeat([]byte("0123456789"), 200))
	w.headers(3, false, ":status", "103", "link", "x")
	w.enc.SetMaxDynamicTableSize(0)
	w.headers(3, false, ":status", "200", "x-b", "2")
	w.enc.SetMaxDynamicTableSize(60000)
	w.WriteData(3, true, nil)
	w.headers(5, true, ":status", "404", "x-b", "2")
	w.WritePing(true, [8]byte{'p', 'i', 'n', 'g', 'p', 'i', 'n', 'g'})
	w.WriteRawFrame(0xa, 0, 0, []byte("alt"))
	w.WriteGoAway(5, http2.ErrCodeEnhanceYourCalm, nil)
	return w.Bytes()
}

var h2ClientLines = []string{
	"0 preface",
	"0 settings ENABLE_PUSH=1 HEADER_TABLE_SIZE=65536",
	"0 window 1048576",
	"0 headers 1 :method=GET :scheme=https :authority=a.example :path=/ x-a=1 end",
	"0 headers 3 :method=POST :scheme=https :authority=a.example :path=/p x-a=1 priority 1/220/true",
	`0 data 3 "hello " pad 9`,
	`0 data 3 "world"`,
	"0 headers 3 x-trailer=t end",
	"0 ping pingping",
	"0 reset 2 REFUSED_STREAM",
	"0 priority 1 priority 3/16/false",
	"0 priority 1 u=2",
	"0 ack",
	"0 goaway last 0 NO_ERROR bye",
}

var h2ServerLines = []string{
	"1 settings MAX_FRAME_SIZE=1048576",
	"1 ack",
	"1 push 1 promised 2 :method=GET :path=/style.css",
	"1 headers 1 :status=200 content-type=text/html x-long=" + strings.Repeat("z", 90),
	"1 data 1 2000 bytes end",
	"1 headers 3 :status=103 link=x",
	"1 headers 3 :status=200 x-b=2",
	`1 data 3 "" end`,
	"1 headers 5 :status=404 x-b=2 end",
	"1 ping pingping ack",
	"1 unknown 10",
	"1 goaway last 5 ENHANCE_YOUR_CALM",
}

func TestH2(t *testing.T) {
	for _, size := range []int{1 << 20, 1, 2, 3, 7, 100, 1460} {
		h, log := NewH2(), &h2Log{}
		for dir, raw := range [][]byte{h2Client(), h2Server()} {
			for len(raw) > 0 {
				n := min(size, len(raw))
				h.Write(dir, raw[:n], log.add)
				raw = raw[n:]
			}
		}
		if diff := cmp.Diff(append(append([]string(nil), h2ClientLines...), h2ServerLines...), log.done()); diff != "" {
			t.Errorf("in pieces of %d: %s", size, diff)
		}
	}
}

// TestH2Truncation: a conversation that ends early gives the first events.
func TestH2Truncation(t *testing.T) {
	raw := h2Client()
	for n := range raw {
		log := &h2Log{}
		NewH2().Write(0, raw[:n], log.add)
		got := log.done()
		for i, line := range got {
			if line != h2ClientLines[i] && (i < len(got)-1 || !strings.Contains(line, "data")) {
				t.Fatalf("cut to %d: %s", n, line)
			}
		}
	}
}

// TestH2Gap loses every range of bytes in turn. What is told without doubt is
// true, and reading goes on behind the gap.
func TestH2Gap(t *testing.T) {
	raw := h2Server()
	true_ := map[string]bool{}
	for _, line := range h2ServerLines {
		true_[line] = true
	}
	for _, lose := range []int{1, 9, 60, 200} {
		for at := 15; at+lose < len(raw)-60; at += 1 + at%5 {
			h, log := NewH2(), &h2Log{}
			h.Write(0, h2Client(), func(*H2Event) {})
			h.Write(1, raw[:at], log.add)
			h.Skip(1, int64(lose), log.add)
			h.Write(1, raw[at+lose:], log.add)
			got := log.done()
			if last := got[len(got)-1]; last != h2ServerLines[len(h2ServerLines)-1] {
				t.Fatalf("%d bytes lost at %d: ends with %s", lose, at, last)
			}
			for _, line := range got {
				if strings.Contains(line, "headers") && !strings.Contains(line, "unsure") && !true_[line] {
					t.Errorf("%d bytes lost at %d: told %s", lose, at, line)
				}
			}
		}
	}
}

func TestH2GapInData(t *testing.T) {
	w := newH2Writer(false)
	w.WriteSettings()
	w.WriteData(1, true, make([]byte, 1000))
	w.WriteDataPadded(3, true, make([]byte, 100), make([]byte, 50))
	w.WriteRSTStream(5, http2.ErrCodeCancel)
	raw := w.Bytes()
	for _, c := range []struct {
		at, n int
		want  []string
	}{
		{9 + 9 + 100, 200, []string{"1 data 1 800 bytes lost 200 end", "1 data 3 100 bytes pad 50 end"}},
		{9 + 9 + 100, 900, []string{"1 data 1 100 bytes lost 900 end", "1 data 3 100 bytes pad 50 end"}},
		{9 + 9 + 1000 + 9 + 1 + 90, 40, []string{"1 data 1 1000 bytes end", "1 data 3 90 bytes lost 10 pad 50 end"}},
		{9 + 9 + 1000 + 9 + 1 + 120, 30, []string{"1 data 1 1000 bytes end", "1 data 3 100 bytes pad 50 end"}},
		{9 + 9 + 100, 909, []string{"1 data 1 100 bytes lost 900 end", "1 irregular h2-gap lost 9"}},
	} {
		h, log := NewH2(), &h2Log{}
		h.Write(1, raw[:c.at], log.add)
		h.Skip(1, int64(c.n), log.add)
		h.Write(1, raw[c.at+c.n:], log.add)
		want := append(append([]string{"1 settings"}, c.want...), "1 reset 5 CANCEL")
		if diff := cmp.Diff(want, log.done()); diff != "" {
			t.Errorf("%d bytes lost at %d: %s", c.n, c.at, diff)
		}
	}
}

func TestH2Irregular(t *testing.T) {
	frame := func(kind http2.FrameType, flags http2.Flags, stream uint32, payload string) string {
		w := newH2Writer(false)
		w.AllowIllegalWrites = true
		w.WriteRawFrame(kind, flags, stream, []byte(payload))
		return w.String()
	}
	settings, ping := frame(4, 0, 0, ""), frame(6, 0, 0, "12345678")
	const told = "1 ping 12345678"
	for name, c := range map[string]struct {
		raw  string
		want []string
	}{
		"HTTP/1 answer":            {"HTTP/1.1 400 Bad Request\r\n\r\n", []string{"1 irregular h2-preface-missing"}},
		"from the middle":          {frame(8, 0, 1, "\x00\x00\x10\x00") + ping, []string{"1 irregular h2-preface-missing", "1 window 1 4096", told}},
		"data on stream 0":         {settings + frame(0, 0, 0, "x") + ping, []string{"1 irregular h2-bad-stream", `1 data 0 "x"`, told}},
		"padding too long":         {settings + frame(0, 8, 1, "\x05abc") + ping, []string{"1 irregular 1 h2-bad-padding", `1 data 1 "" pad 3`, told}},
		"padding without an octet": {settings + frame(0, 8, 1, "") + ping, []string{`1 data 1 ""`, told}},
		"settings on a stream":     {settings + frame(4, 0, 3, "") + ping, []string{"1 irregular 3 h2-bad-stream", "1 settings 3", told}},
		"ping of 7 bytes":          {settings + frame(6, 0, 0, "1234567") + ping, []string{"1 irregular h2-frame-size", told}},
		"headers cut by data": {settings + frame(1, 0, 1, "\x88") + frame(0, 0, 1, "x") + ping,
			[]string{"1 irregular 1 h2-continuation", `1 data 1 "x"`, told}},
		"continuation alone": {settings + frame(9, 4, 1, "\x88") + ping, []string{"1 irregular 1 h2-continuation", told}},
		"unknown index":      {settings + frame(1, 4, 1, "\x88\xff\x20\x89") + ping, []string{"1 irregular 1 h2-bad-block", "1 headers 1 :status=200 :status=204 unsure", told}},
		"string beyond":      {settings + frame(1, 4, 1, "\x88\x40\x7f") + ping, []string{"1 irregular 1 h2-bad-block", "1 headers 1 :status=200 unsure", told}},
		"bad Huffman code":   {settings + frame(1, 4, 1, "\x88\x40\x84\xff\xff\xff\xff\x00") + ping, []string{"1 irregular 1 h2-bad-block", "1 headers 1 :status=200 unsure", told}},
		"table too large":    {settings + frame(1, 4, 1, "\x3f\xe2\x1f\x88") + ping, []string{"1 irregular 1 h2-table-size", "1 headers 1 :status=200", told}},
		"long data":          {settings + frame(0, 0, 1, strings.Repeat("x", 17000)) + ping, []string{"1 irregular 1 h2-frame-size", "1 data 1 17000 bytes", told}},
		"long headers":       {settings + frame(1, 4, 1, strings.Repeat("x", maxH2Payload+1)) + ping, []string{"1 irregular 1 h2-frame-size", "1 irregular 1 h2-frame-size", "1 headers 1 unsure", told}},
		"priority cut":       {settings + frame(1, 0x24, 1, "\x00\x00") + ping, []string{"1 irregular 1 h2-frame-size", "1 headers 1 unsure", told}},
		"noise":              {settings + strings.Repeat("no frame ", 50) + ping + ping, []string{"1 irregular h2-desynchronised", told, told}},
	} {
		log := &h2Log{}
		NewH2().Write(1, []byte(c.raw), log.add)
		got := log.done()
		if len(got) > 0 && got[0] == "1 settings" {
			got = got[1:]
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestH2Blocks: a block over 256 KiB is given up, a list over 1 MiB is cut,
// and what follows is read.
func TestH2Blocks(t *testing.T) {
	w := newH2Writer(false)
	w.WriteSettings()
	w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.fields(":status", "200")})
	for range 20 {
		w.WriteContinuation(1, false, bytes.Repeat([]byte{0x88}, 16000))
	}
	w.WriteContinuation(1, true, nil)
	w.headers(3, true, "x-large", strings.Repeat("v", 4000))
	w.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, BlockFragment: bytes.Repeat([]byte{0x80 | 62}, 4000), EndHeaders: true})
	w.headers(7, true, ":status", "404")
	var got []string
	NewH2().Write(1, w.Bytes(), func(e *H2Event) {
		if e.Kind == H2Headers {
			got = append(got, fmt.Sprint(e.Stream, len(e.Fields), e.Unsure))
		}
		if e.Kind == H2Irregular {
			got = append(got, e.Text)
		}
	})
	want := []string{H2BlockTooLarge, "1 0 true", "3 1 false", H2ListTooLarge, "5 259 false", "7 1 false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestH2Expansion: short blocks that refer to a long field again and again are
// not worth many times their bytes; heads of a usual size always are.
func TestH2Expansion(t *testing.T) {
	w := newH2Writer(true)
	w.headers(1, true, "x-large", strings.Repeat("v", 4000))
	const blocks = 1000
	for i := range uint32(blocks) {
		references := 100
		if i%2 == 0 {
			references = 4
		}
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 3, BlockFragment: bytes.Repeat([]byte{0x80 | 62}, references), EndHeaders: true})
	}
	size, whole := 0, 0
	NewH2().Write(0, w.Bytes(), func(e *H2Event) {
		for _, f := range e.Fields {
			size += len(f.Value)
		}
		if e.Kind == H2Headers && len(e.Fields) == 4 {
			whole++
		}
	})
	if most := maxH2List + h2Expansion*w.Len() + blocks*fairH2List; size > most || whole < blocks/2 {
		t.Errorf("%d bytes gave %d of fields, at most %d are allowed; %d of %d usual heads are whole", w.Len(), size, most, whole, blocks/2)
	}
}

// TestH2Unsure: after a loss only what refers to older entries is in doubt.
func TestH2Unsure(t *testing.T) {
	w := newH2Writer(false)
	w.WriteSettings()
	w.headers(1, true, ":status", "200", "x-old", "1")
	cut := w.Len()
	w.headers(3, true, ":status", "200", "x-lost", "2")
	gap := w.Len()
	w.headers(5, true, ":status", "200", "x-new", "3", "x-old", "1")
	w.headers(7, true, ":status", "200", "x-new", "3", "x-lost", "2")
	w.enc.SetMaxDynamicTableSize(0)
	w.enc.SetMaxDynamicTableSize(4096)
	w.headers(9, true, ":status", "200", "x-old", "1")
	h, log := NewH2(), &h2Log{}
	h.Write(1, w.Bytes()[:cut], log.add)
	h.Skip(1, int64(gap-cut), log.add)
	h.Write(1, w.Bytes()[gap:], log.add)
	want := []string{"1 settings", "1 headers 1 :status=200 x-old=1 end", fmt.Sprintf("1 irregular h2-gap lost %d", gap-cut),
		"1 headers 5 :status=200 x-new=3 unsure end", "1 headers 7 :status=200 x-new=3 x-old=1? unsure end", "1 headers 9 :status=200 x-old=1 end"}
	if diff := cmp.Diff(want, log.done()); diff != "" {
		t.Error(diff)
	}
}

// TestHPACKAgainstOther reads what the encoder of x/net writes, thousands of
// blocks with evictions and changes of the table size.
func TestHPACKAgainstOther(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := newH2Writer(false)
	var r hpackReader
	r.init()
	r.allow(1 << 16)
	w.enc.SetMaxDynamicTableSizeLimit(1 << 16)
	for i := range 3000 {
		if random.IntN(50) == 0 {
			w.enc.SetMaxDynamicTableSize(uint32(random.IntN(1 << random.IntN(14))))
		}
		var pairs []string
		for range random.IntN(12) {
			pairs = append(pairs, fmt.Sprint("name-", random.IntN(30)), strings.Repeat(fmt.Sprint(random.IntN(9)), random.IntN(60)))
		}
		fields, unsure, fault := r.read(nil, w.fields(pairs...))
		if unsure || fault != "" || len(fields) != len(pairs)/2 {
			t.Fatalf("block %d: %d fields, unsure %v, %s", i, len(fields), unsure, fault)
		}
		for j, f := range fields {
			if f.Name != pairs[2*j] || f.Value != pairs[2*j+1] || f.Unsure {
				t.Fatalf("block %d: got %+v, want %s: %s", i, f, pairs[2*j], pairs[2*j+1])
			}
		}
	}
}

func TestH2DataDoesNotAllocate(t *testing.T) {
	w := newH2Writer(false)
	w.WriteSettings()
	h, sum := NewH2(), 0
	emit := func(e *H2Event) { sum += len(e.Data) }
	h.Write(1, w.Bytes(), emit)
	w.Reset()
	for range 10 {
		w.WriteData(1, false, make([]byte, 16384))
	}
	raw := w.Bytes()
	if n := testing.AllocsPerRun(20, func() {
		for at := 0; at < len(raw); at += 1400 {
			h.Write(1, raw[at:min(at+1400, len(raw))], emit)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if sum != 21*10*16384 {
		t.Errorf("%d bytes of data", sum)
	}
}

func BenchmarkH2Data(b *testing.B) {
	w := newH2Writer(false)
	w.WriteSettings()
	h, sum := NewH2(), 0
	emit := func(e *H2Event) { sum += len(e.Data) }
	h.Write(1, w.Bytes(), emit)
	w.Reset()
	for range 10 {
		w.WriteData(1, false, make([]byte, 16384))
	}
	b.SetBytes(int64(w.Len()))
	for b.Loop() {
		for raw := w.Bytes(); len(raw) > 0; {
			n := min(len(raw), 1400)
			h.Write(1, raw[:n], emit)
			raw = raw[n:]
		}
	}
}

func BenchmarkH2Headers(b *testing.B) {
	w := newH2Writer(false)
	h, fields := NewH2(), 0
	emit := func(e *H2Event) { fields += len(e.Fields) }
	w.WriteSettings()
	pairs := []string{":status", "200", "content-type", "text/html; charset=utf-8", "server", "nginx", "cache-control", "private, max-age=0",
		"date", "Sat, 21 Nov 2026 14:00:00 GMT", "vary", "Accept-Encoding", "x-request-id", "0123456789abcdef", "strict-transport-security", "max-age=31536000"}
	w.headers(1, true, pairs...)
	h.Write(1, w.Bytes(), emit)
	w.Reset()
	w.headers(1, true, pairs...)
	b.ReportAllocs()
	for b.Loop() {
		h.Write(1, w.Bytes(), emit)
	}
}

func FuzzH2(f *testing.F) {
	f.Add(h2Client(), uint16(0), uint16(0), uint8(3))
	f.Add(h2Server(), uint16(100), uint16(50), uint8(200))
	f.Add(h2Server()[40:], uint16(9), uint16(0), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, at, lose uint16, cut uint8) {
		checkH2Cuts(t, raw, int(cut)+1)
		for dir := range 2 {
			h, end := NewH2(), int64(0)
			n := min(int(at), len(raw))
			m := min(n+int(lose), len(raw))
			emit := func(e *H2Event) {
				if e.Dir != dir || e.Offset < 0 || e.Offset > int64(len(raw)) || len(e.Fields) > maxH2List/entryOverhead {
					t.Fatalf("%+v", e)
				}
				end += int64(len(e.Data))
			}
			h.Write(dir, raw[:n], emit)
			h.Skip(dir, int64(m-n), emit)
			h.Write(dir, raw[m:], emit)
			if s := &h.sides[dir]; s.offset != int64(len(raw)) && s.state != h2AtStart {
				t.Fatalf("at %d of %d", s.offset, len(raw))
			}
			if end > int64(len(raw)) {
				t.Fatalf("%d bytes of data in %d", end, len(raw))
			}
		}
	})
}

// checkH2Cuts: the events do not depend on how the bytes are cut, as long as
// frames follow frames: the search for them decides with what it has.
func checkH2Cuts(t *testing.T, raw []byte, size int) {
	whole, pieces := &h2Log{}, &h2Log{}
	h := NewH2()
	h.Write(0, raw, whole.add)
	g := NewH2()
	for rest := raw; len(rest) > 0; {
		n := min(size, len(rest))
		g.Write(0, rest[:n], pieces.add)
		rest = rest[n:]
	}
	a, b := whole.done(), pieces.done()
	for i := range min(len(a), len(b)) {
		if strings.Contains(a[i], H2PrefaceMissing) || strings.Contains(a[i], H2Desynchronised) {
			return
		}
		if a[i] != b[i] {
			t.Fatalf("in one piece %s, in pieces of %d %s", a[i], size, b[i])
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%d events in one piece, %d in pieces", len(a), len(b))
	}
}
