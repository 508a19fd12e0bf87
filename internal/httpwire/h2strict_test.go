package httpwire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// strictLog reads frames to the end of b or to an error.
func strictLog(b []byte) (lines []string, rest int, err *H2Error) {
	r := &FrameReader{}
	for {
		f, n, err := r.Read(b)
		if err != nil && err.Stream == 0 || n == 0 {
			return lines, len(b), err
		}
		b = b[n:]
		if err != nil {
			lines = append(lines, err.Error())
			continue
		}
		lines = append(lines, fmt.Sprintf("%d %d %q %d %d %v %v %v", f.Type, f.Stream, f.Payload, f.Code, f.Last, f.EndStream(), f.EndHeaders(), f.Ack()))
	}
}

// Frames of every kind, by the framer of x/net, and by ours.
func TestFramesAreWrittenAndRead(t *testing.T) {
	var foreign bytes.Buffer
	f := http2.NewFramer(&foreign, nil)
	f.WriteSettings(http2.Setting{ID: 4, Val: 1 << 20}, http2.Setting{ID: 3, Val: 7})
	f.WriteSettingsAck()
	f.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, 1, []byte("block"))
	f.WriteRawFrame(http2.FrameHeaders, 0, 3, []byte("1234"))
	f.WriteContinuation(3, false, []byte("5678"))
	f.WriteContinuation(3, true, []byte("9"))
	f.WriteData(3, false, []byte("hello"))
	f.WriteData(3, true, nil)
	f.WritePing(false, [8]byte{1, 2, 3})
	f.WritePing(true, [8]byte{1, 2, 3})
	f.WriteRSTStream(3, http2.ErrCodeCancel)
	f.WriteWindowUpdate(0, 77)
	f.WriteGoAway(3, http2.ErrCodeEnhanceYourCalm, []byte("calm"))
	f.WriteRawFrame(16, 0, 0, []byte("\x00\x00\x00\x05u=1"))

	var own []byte
	own = AppendSettings(own, H2Setting{4, 1 << 20}, H2Setting{3, 7})
	own = AppendSettingsAck(own)
	own = AppendBlock(own, 1, []byte("block"), true, 100)
	own = AppendBlock(own, 3, []byte("123456789"), false, 4)
	own = AppendData(own, 3, []byte("hello"), false)
	own = AppendData(own, 3, nil, true)
	own = AppendPing(own, [8]byte{1, 2, 3}, false)
	own = AppendPing(own, [8]byte{1, 2, 3}, true)
	own = AppendReset(own, 3, CodeCancel)
	own = AppendWindow(own, 0, 77)
	own = AppendGoAway(own, 3, CodeEnhanceYourCalm, "calm")
	own = AppendPriorityUpdate(own, 5, "u=1")
	if !bytes.Equal(own, foreign.Bytes()) {
		t.Errorf("written\n%x\nx/net writes\n%x", own, foreign.Bytes())
	}
	lines, rest, err := strictLog(own)
	if err != nil || rest != 0 || len(lines) != 14 {
		t.Fatalf("read %d frames, %d bytes left, %v: %q", len(lines), rest, err, lines)
	}
	for cut := range own {
		if _, _, err := strictLog(own[:cut]); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

// EndBlock makes what AppendBlock makes.
func TestBlockMadeInPlace(t *testing.T) {
	block := bytes.Repeat([]byte("0123456789"), 10)
	for _, most := range []int{7, 10, 99, 100, 101} {
		dst := append([]byte("before"), make([]byte, FrameHeadLength)...)
		got := EndBlock(append(dst, block...), len("before"), 5, true, most)
		if want := AppendBlock([]byte("before"), 5, block, true, most); !bytes.Equal(got, want) {
			t.Errorf("at most %d: got %x, want %x", most, got, want)
		}
	}
}

func TestStrictFramesAreRefused(t *testing.T) {
	frame := func(kind FrameType, flags byte, stream uint32, payload string) string {
		return string(AppendFrameHead(nil, len(payload), kind, flags, stream)) + payload
	}
	settings := frame(FrameSettings, 0, 0, "")
	for _, c := range []struct {
		name, bytes string
		code        uint32
		stream      uint32
	}{
		{"no settings first", frame(FramePing, 0, 0, "12345678"), CodeProtocol, 0},
		{"acknowledged settings first", frame(FrameSettings, 1, 0, ""), CodeProtocol, 0},
		{"too long", settings + frame(FrameData, 0, 1, strings.Repeat("x", 16385)), CodeFrameSize, 0},
		{"data on 0", settings + frame(FrameData, 0, 0, "x"), CodeProtocol, 0},
		{"headers on 0", settings + frame(FrameHeaders, 4, 0, "x"), CodeProtocol, 0},
		{"all padding", settings + frame(FrameData, 8, 1, "\x04xxx"), CodeProtocol, 0},
		{"padding not there", settings + frame(FrameData, 8, 1, ""), CodeFrameSize, 0},
		{"priority cut", settings + frame(FrameHeaders, 4|0x20, 1, "1234"), CodeFrameSize, 0},
		{"priority of 4", settings + frame(FramePriority, 0, 3, "1234"), CodeFrameSize, 3},
		{"priority of itself", settings + frame(FramePriority, 0, 3, "\x00\x00\x00\x03\x00"), CodeProtocol, 3},
		{"reset of 3", settings + frame(FrameReset, 0, 3, "123"), CodeFrameSize, 0},
		{"reset on 0", settings + frame(FrameReset, 0, 0, "1234"), CodeProtocol, 0},
		{"settings on 1", frame(FrameSettings, 0, 1, ""), CodeProtocol, 0},
		{"settings of 5", frame(FrameSettings, 0, 0, "12345"), CodeFrameSize, 0},
		{"acknowledgement with settings", settings + frame(FrameSettings, 1, 0, "123456"), CodeFrameSize, 0},
		{"push 2", frame(FrameSettings, 0, 0, "\x00\x02\x00\x00\x00\x02"), CodeProtocol, 0},
		{"window 2^31", frame(FrameSettings, 0, 0, "\x00\x04\x80\x00\x00\x00"), CodeFlowControl, 0},
		{"max frame 16383", frame(FrameSettings, 0, 0, "\x00\x05\x00\x00\x3f\xff"), CodeProtocol, 0},
		{"max frame 2^24", frame(FrameSettings, 0, 0, "\x00\x05\x01\x00\x00\x00"), CodeProtocol, 0},
		{"push promise", settings + frame(FramePush, 4, 1, "\x00\x00\x00\x02"), CodeProtocol, 0},
		{"ping of 7", settings + frame(FramePing, 0, 0, "1234567"), CodeFrameSize, 0},
		{"ping on 1", settings + frame(FramePing, 0, 1, "12345678"), CodeProtocol, 0},
		{"goaway of 7", settings + frame(FrameGoAway, 0, 0, "1234567"), CodeFrameSize, 0},
		{"goaway on 1", settings + frame(FrameGoAway, 0, 1, "12345678"), CodeProtocol, 0},
		{"window of 3", settings + frame(FrameWindow, 0, 1, "123"), CodeFrameSize, 0},
		{"window 0", settings + frame(FrameWindow, 0, 0, "\x00\x00\x00\x00"), CodeProtocol, 0},
		{"window 0 of a stream", settings + frame(FrameWindow, 0, 5, "\x80\x00\x00\x00"), CodeProtocol, 5},
		{"continuation alone", settings + frame(FrameContinuation, 4, 1, "x"), CodeProtocol, 0},
		{"continuation after the end", settings + frame(FrameHeaders, 4, 1, "x") + frame(FrameContinuation, 4, 1, "x"), CodeProtocol, 0},
		{"continuation of another", settings + frame(FrameHeaders, 0, 1, "x") + frame(FrameContinuation, 4, 3, "x"), CodeProtocol, 0},
		{"data within a block", settings + frame(FrameHeaders, 0, 1, "x") + frame(FrameData, 0, 1, "x"), CodeProtocol, 0},
		{"unknown within a block", settings + frame(FrameHeaders, 0, 1, "x") + frame(99, 0, 1, "x"), CodeProtocol, 0},
		{"priority update of 0", settings + frame(FramePriorityUpdate, 0, 0, "\x00\x00\x00\x00u=1"), CodeProtocol, 0},
	} {
		r, b := &FrameReader{}, []byte(c.bytes)
		for {
			_, n, err := r.Read(b)
			if err != nil {
				if err.Code != c.code || err.Stream != c.stream {
					t.Errorf("%s: %v on stream %d", c.name, err, err.Stream)
				}
				break
			}
			if n == 0 {
				t.Errorf("%s: taken", c.name)
				break
			}
			b = b[n:]
		}
	}
}

// The examples of RFC 7541, appendices C.2 to C.6: blocks of one connection
// each, with the fields they stand for.
func TestHPACKExamples(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		blocks []string // hex, then fields
	}{
		{"C.2.1", 4096, []string{"400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header\r\n"}},
		{"C.2.2", 4096, []string{"040c2f73616d706c652f70617468", ":path: /sample/path\r\n"}},
		{"C.2.3", 4096, []string{"100870617373776f726406736563726574", "password: secret\r\n"}},
		{"C.2.4", 4096, []string{"82", ":method: GET\r\n"}},
		{"C.3", 4096, []string{
			"828684410f7777772e6578616d706c652e636f6d", ":method: GET\r\n:scheme: http\r\n:path: /\r\n:authority: www.example.com\r\n",
			"828684be58086e6f2d6361636865", ":method: GET\r\n:scheme: http\r\n:path: /\r\n:authority: www.example.com\r\ncache-control: no-cache\r\n",
			"828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", ":method: GET\r\n:scheme: https\r\n:path: /index.html\r\n:authority: www.example.com\r\ncustom-key: custom-value\r\n"}},
		{"C.4", 4096, []string{
			"828684418cf1e3c2e5f23a6ba0ab90f4ff", ":method: GET\r\n:scheme: http\r\n:path: /\r\n:authority: www.example.com\r\n",
			"828684be5886a8eb10649cbf", ":method: GET\r\n:scheme: http\r\n:path: /\r\n:authority: www.example.com\r\ncache-control: no-cache\r\n",
			"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", ":method: GET\r\n:scheme: https\r\n:path: /index.html\r\n:authority: www.example.com\r\ncustom-key: custom-value\r\n"}},
		{"C.5", 256, []string{
			"4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
			":status: 302\r\ncache-control: private\r\ndate: Mon, 21 Oct 2013 20:13:21 GMT\r\nlocation: https://www.example.com\r\n",
			"4803333037c1c0bf", ":status: 307\r\ncache-control: private\r\ndate: Mon, 21 Oct 2013 20:13:21 GMT\r\nlocation: https://www.example.com\r\n",
			"88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
			":status: 200\r\ncache-control: private\r\ndate: Mon, 21 Oct 2013 20:13:22 GMT\r\nlocation: https://www.example.com\r\ncontent-encoding: gzip\r\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\r\n"}},
		{"C.6", 256, []string{
			"488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
			":status: 302\r\ncache-control: private\r\ndate: Mon, 21 Oct 2013 20:13:21 GMT\r\nlocation: https://www.example.com\r\n",
			"4883640effc1c0bf", ":status: 307\r\ncache-control: private\r\ndate: Mon, 21 Oct 2013 20:13:21 GMT\r\nlocation: https://www.example.com\r\n",
			"88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
			":status: 200\r\ncache-control: private\r\ndate: Mon, 21 Oct 2013 20:13:22 GMT\r\nlocation: https://www.example.com\r\ncontent-encoding: gzip\r\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\r\n"}},
	} {
		d := NewHPACKDecoder(c.size)
		for i := 0; i < len(c.blocks); i += 2 {
			block, err := hex.DecodeString(c.blocks[i])
			if err != nil {
				t.Fatal(err)
			}
			got, ok := decodeLines(&d, block)
			if !ok || got != c.blocks[i+1] {
				t.Errorf("%s, block %d: got %q (%v), want %q", c.name, i/2, got, ok, c.blocks[i+1])
			}
		}
	}
}

func decodeLines(d *HPACKDecoder, block []byte) (lines string, ok bool) {
	b, ok := d.sizes(block)
	var dst []byte
	for ok && len(b) > 0 {
		dst, _, b, ok = d.line(dst, b, true)
	}
	return string(dst), ok
}

func TestHPACKRefused(t *testing.T) {
	for name, block := range map[string]string{
		"index 0":             "80",
		"index beyond":        "be",
		"size over the limit": "3fe21f",
		"size behind a field": "8220",
		"integer without end": "ffffffffffff",
		"integer too large":   "7fffffffff7f",
		"string cut":          "00036162",
		"value missing":       "000161",
		"huffman padding":     "008161ff",
		"huffman zeros":       "0001618118",
		"huffman eos":         "000161843fffffff",
	} {
		b, err := hex.DecodeString(block)
		if err != nil {
			t.Fatal(err)
		}
		d := NewHPACKDecoder(4096)
		if got, ok := decodeLines(&d, b); ok {
			t.Errorf("%s: taken as %q", name, got)
		}
	}
}

// Huffman coding is that of x/net, for every byte and every pair.
func TestHuffmanIsThatOfOthers(t *testing.T) {
	for i := range 1 << 16 {
		s := string([]byte{byte(i >> 8), byte(i), 'a'})
		want := hpack.AppendHuffmanString(nil, s)
		got := appendHuffman(nil, s)
		if !bytes.Equal(got, want) || huffmanLength(s) != len(want) {
			t.Fatalf("%q: got %x, want %x", s, got, want)
		}
		if back, ok := appendHuffmanDecoded(nil, got); !ok || string(back) != s {
			t.Fatalf("%q comes back as %q, %v", s, back, ok)
		}
	}
}

// What x/net encodes with a table that is made smaller and larger is read as
// x/net reads it.
func TestHPACKOfAnEncoderWithATable(t *testing.T) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	d := NewHPACKDecoder(4096)
	foreign := hpack.NewDecoder(4096, nil)
	for round := range 300 {
		block.Reset()
		switch round % 50 {
		case 10:
			enc.SetMaxDynamicTableSize(100)
		case 20:
			enc.SetMaxDynamicTableSize(0)
		case 30:
			enc.SetMaxDynamicTableSize(4096)
		}
		for i := range 12 {
			enc.WriteField(hpack.HeaderField{Name: fmt.Sprintf("x-%d", (round+i)%40), Value: strings.Repeat("v", (round*i)%90), Sensitive: i == 3})
		}
		fields, err := foreign.DecodeFull(block.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, ok := decodeLines(&d, block.Bytes())
		if want := fieldText(fields); !ok || got != want {
			t.Fatalf("round %d: got %q (%v), want %q", round, got, ok, want)
		}
		if d.size > 4096 || len(d.arena) > 3*4096 {
			t.Fatalf("round %d: the table has %d bytes, its memory %d", round, d.size, len(d.arena))
		}
	}
}

func fieldText(fields []hpack.HeaderField) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	return b.String()
}

// What we encode x/net decodes.
func TestHPACKEncoder(t *testing.T) {
	var e HPACKEncoder
	lines := "Content-Type: text/html\r\nX-Long: " + strings.Repeat("~long", 60) + "\r\nSet-Cookie: a=b\r\nVary: Accept-Encoding\r\n" +
		"Connection: close\r\nETag:\r\nAccept-Encoding: gzip, deflate\r\n"
	block := AppendHPACKLines(AppendStatus(e.Begin(nil), 404), []byte(lines))
	block = AppendHPACK(AppendStatus(e.Begin(block), 299), "authorization", "Basic abc")
	foreign := hpack.NewDecoder(4096, nil)
	fields, err := foreign.DecodeFull(block)
	if err != nil {
		t.Fatal(err)
	}
	want := ":status: 404\r\ncontent-type: text/html\r\nx-long: " + strings.Repeat("~long", 60) + "\r\nset-cookie: a=b\r\nvary: Accept-Encoding\r\n" +
		"etag: \r\naccept-encoding: gzip, deflate\r\n:status: 299\r\nauthorization: Basic abc\r\n"
	if got := fieldText(fields); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, f := range fields {
		if secret := f.Name == "set-cookie" || f.Name == "authorization"; f.Sensitive != secret {
			t.Errorf("%s: never indexed %v", f.Name, f.Sensitive)
		}
	}
}

// requestHead reads a request from pairs of name and value.
func requestHead(t testing.TB, h *H2Head, pairs ...string) error {
	t.Helper()
	w := newH2Writer(false)
	d := NewHPACKDecoder(4096)
	return h.ReadRequest(&d, w.fields(pairs...), Limits{})
}

func TestHeadOfHTTP2(t *testing.T) {
	var h H2Head
	get := []string{":method", "GET", ":scheme", "https", ":path", "/a?b", ":authority", "shop.test"}
	if err := requestHead(t, &h, append(slices.Clone(get), "cookie", "a=1", "accept", "*/*", "te", "trailers", "cookie", "b=2", "content-length", "5")...); err != nil {
		t.Fatal(err)
	}
	if len(h.Irregular) > 0 {
		t.Fatal(h.Irregular)
	}
	var lines []string
	for _, f := range h.Fields {
		lines = append(lines, string(h.Bytes(f.Name))+": "+string(h.Bytes(f.Value)))
	}
	if got, want := strings.Join(lines, "|"), "Host: shop.test|cookie: a=1; b=2|accept: */*|te: trailers|content-length: 5"; got != want {
		t.Errorf("fields %q, want %q", got, want)
	}
	if got, want := string(h.FieldLines()), "cookie: a=1\r\naccept: */*\r\nte: trailers\r\ncookie: b=2\r\ncontent-length: 5\r\n"; got != want {
		t.Errorf("lines %q, want %q", got, want)
	}
	if f := h.RequestFraming(); f.Length != 5 || string(h.Bytes(h.Target)) != "/a?b" || string(h.Bytes(h.Method)) != "GET" || string(h.Bytes(h.Scheme)) != "https" {
		t.Errorf("framing %v, %q %q %q", f, h.Bytes(h.Method), h.Bytes(h.Target), h.Bytes(h.Scheme))
	}
	for _, c := range []struct {
		name  string
		pairs []string
		want  string
	}{
		{"host alone", []string{":method", "GET", ":scheme", "https", ":path", "/", "a", "b", "host", "shop.test"}, ""},
		{"host the same", append(slices.Clone(get), "a", "b", "host", "Shop.test"), ""},
		{"another host", append(slices.Clone(get), "host", "other.test"), H2HostDiffers},
		{"no host", []string{":method", "GET", ":scheme", "https", ":path", "/"}, HostMissing},
		{"user information", []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a@shop.test"}, BadHost},
		{"upper case", append(slices.Clone(get), "X-A", "b"), H2ForbiddenField},
		{"connection", append(slices.Clone(get), "connection", "close"), H2ForbiddenField},
		{"transfer-encoding", append(slices.Clone(get), "transfer-encoding", "chunked"), H2ForbiddenField},
		{"te", append(slices.Clone(get), "te", "gzip"), H2ForbiddenField},
		{"line feed", append(slices.Clone(get), "a", "b\nc: d"), H2ForbiddenField},
		{"blank in front", append(slices.Clone(get), "a", " b"), H2ForbiddenField},
		{"colon in a name", append(slices.Clone(get), "a:b", "c"), H2ForbiddenField},
		{"no name", append(slices.Clone(get), "", "c"), H2ForbiddenField},
		{"pseudo behind", append(slices.Clone(get[:6]), "a", "b", ":authority", "shop.test"), H2BadPseudo},
		{"pseudo twice", append(slices.Clone(get), ":path", "/"), H2BadPseudo},
		{"pseudo unknown", append(slices.Clone(get), ":status", "200"), H2BadPseudo},
		{"no path", []string{":method", "GET", ":scheme", "https", ":authority", "shop.test"}, H2BadPseudo},
		{"empty path", []string{":method", "GET", ":scheme", "https", ":path", "", ":authority", "shop.test"}, BadTarget},
		{"absolute path", []string{":method", "GET", ":scheme", "https", ":path", "https://b/", ":authority", "shop.test"}, BadTarget},
		{"blank in path", []string{":method", "GET", ":scheme", "https", ":path", "/a b", ":authority", "shop.test"}, BadStartLine},
		{"line in path", []string{":method", "GET", ":scheme", "https", ":path", "/a\r\nb", ":authority", "shop.test"}, H2ForbiddenField},
		{"line in method", []string{":method", "GET / HTTP/1.1\r\n", ":scheme", "https", ":path", "/a", ":authority", "shop.test"}, H2ForbiddenField},
		{"lengths differ", append(slices.Clone(get), "content-length", "5", "content-length", "6"), LengthsDiffer},
		{"star", []string{":method", "OPTIONS", ":scheme", "https", ":path", "*", ":authority", "shop.test"}, ""},
		{"connect", []string{":method", "CONNECT", ":authority", "shop.test:443"}, ""},
		{"connect with path", []string{":method", "CONNECT", ":path", "/", ":authority", "shop.test:443"}, H2BadPseudo},
		{"extended connect", []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "shop.test"}, ""},
		{"protocol of a GET", append(slices.Clone(get), ":protocol", "websocket"), H2BadPseudo},
	} {
		if err := requestHead(t, &h, c.pairs...); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := ""
		if len(h.Irregular) > 0 {
			got = h.Irregular[0].Name
		}
		if got != c.want {
			t.Errorf("%s: irregular %q, want %q", c.name, got, c.want)
		}
		if host := h.Fields; c.want == "" && !strings.EqualFold(string(h.Bytes(host[0].Name)), "host") {
			t.Errorf("%s: the first field is %q", c.name, h.Bytes(host[0].Name))
		}
	}
}

// A block beyond a limit leaves the table as its sender has it.
func TestHeadOverItsLimit(t *testing.T) {
	w, d := newH2Writer(false), NewHPACKDecoder(4096)
	var h H2Head
	lim := Limits{HeadBytes: 1000, Fields: 20}
	big := w.fields(":method", "GET", "x-big", strings.Repeat("b", 2000), "x-kept", "kept")
	if err := h.ReadRequest(&d, big, lim); err != ErrHeadTooLarge {
		t.Fatalf("got %v", err)
	}
	many := []string{":method", "GET"}
	for range 21 {
		many = append(many, "a", "")
	}
	if err := h.ReadRequest(&d, w.fields(many...), lim); err != ErrTooManyFields {
		t.Fatalf("got %v", err)
	}
	ok := w.fields(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.test", "x-kept", "kept")
	if err := h.ReadRequest(&d, ok, lim); err != nil || string(h.Get("x-kept")) != "kept" {
		t.Errorf("afterwards: %v, %q", err, h.FieldLines())
	}
}

// A bomb: one large field in the table and a reference to it for each byte.
func TestHPACKBombIsCheap(t *testing.T) {
	w, d := newH2Writer(false), NewHPACKDecoder(4096)
	block := w.fields("x", strings.Repeat("b", 4000))
	block = append(block, bytes.Repeat([]byte{0xbe}, 1<<20)...)
	var h H2Head
	if err := h.ReadRequest(&d, block, Limits{}); err != ErrHeadTooLarge {
		t.Fatalf("got %v", err)
	}
	if cap(h.Buf) > 256<<10 {
		t.Errorf("took %d bytes", cap(h.Buf))
	}
}

func TestReadingHeadsAllocatesNothing(t *testing.T) {
	w, d := newH2Writer(false), NewHPACKDecoder(4096)
	var h H2Head
	read := func(block []byte) {
		if err := h.ReadRequest(&d, block, Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	pairs := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.test", "accept", "*/*", "user-agent", "h2load nghttp2/1.64.0"}
	read(w.fields(pairs...))
	again := w.fields(pairs...)
	if n := testing.AllocsPerRun(100, func() { read(again) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestResponseHeadOfHTTP2(t *testing.T) {
	var h H2Head
	w, d := newH2Writer(false), NewHPACKDecoder(4096)
	for _, c := range []struct {
		pairs []string
		want  string
	}{
		{[]string{":status", "204", "server", "x"}, ""},
		{[]string{"server", "x"}, H2BadPseudo},
		{[]string{":status", "101"}, BadStatus},
		{[]string{":status", "20"}, BadStatus},
		{[]string{":status", "200", ":path", "/"}, H2BadPseudo},
		{[]string{":status", "200", "transfer-encoding", "chunked"}, H2ForbiddenField},
	} {
		if err := h.ReadResponse(&d, w.fields(c.pairs...), Limits{}); err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(h.Irregular) > 0 {
			got = h.Irregular[0].Name
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.pairs, got, c.want)
		}
	}
	if err := h.ReadTrailers(&d, w.fields("x-sum", "1", "host", "x"), Limits{}); err != nil || len(h.Irregular) == 0 {
		t.Errorf("trailers: %v %v", err, h.Irregular)
	}
	if err := h.ReadTrailers(&d, w.fields("x-sum", "1"), Limits{}); err != nil || len(h.Irregular) > 0 || string(h.FieldLines()) != "x-sum: 1\r\n" {
		t.Errorf("trailers: %v %v %q", err, h.Irregular, h.FieldLines())
	}
}

func TestWindows(t *testing.T) {
	w := NewSendWindow(10)
	w.Take(10)
	if w.Room() != 0 || !w.Add(-5) || w.Room() != 0 || !w.Add(7) || w.Room() != 2 {
		t.Errorf("room %d", w.Room())
	}
	if w.Add(MaxWindow) {
		t.Error("larger than any window may be")
	}
	r := NewReceiveWindow(10)
	if !r.Take(10) || r.Take(1) {
		t.Error("took more than there was room for")
	}
	if r.Release(4) != 0 || r.Release(1) != 5 || !r.Take(5) || r.Take(1) {
		t.Error("released otherwise")
	}
}
