package httpwire

import (
	"bytes"
	"slices"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// FuzzH2Frames: what the strict reader takes the tolerant one reads alike.
func FuzzH2Frames(f *testing.F) {
	seed := AppendSettings(nil, H2Setting{4, 100})
	seed = AppendBlock(seed, 1, []byte{0x82, 0x84, 0x86}, false, 2)
	seed = AppendData(seed, 1, []byte("hello"), true)
	seed = AppendPing(seed, [8]byte{1}, false)
	seed = AppendWindow(AppendReset(seed, 1, CodeCancel), 0, 5)
	f.Add(AppendPriorityUpdate(AppendGoAway(seed, 0, 2, "x"), 1, "u=3"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var want []string
		strict, d := &FrameReader{}, NewHPACKDecoder(defaultTableSize)
		var block []byte
		var end bool
		rest := b
		for {
			frame, n, err := strict.Read(rest)
			if n == 0 || err != nil {
				break
			}
			line, ok := strictEvent(&frame, &d, &block, &end)
			if !ok {
				break
			}
			if rest = rest[n:]; line != "" {
				want = append(want, line)
			}
		}
		tolerant, log := NewH2(), &h2Log{}
		tolerant.Write(1, b[:len(b)-len(rest)], log.add)
		got := log.done()
		if !slices.Equal(got, want) {
			t.Errorf("strict\n%q\ntolerant\n%q", want, got)
		}
	})
}

// strictEvent is the line of h2Log for a frame; false: it is not to be compared.
func strictEvent(f *Frame, d *HPACKDecoder, block *[]byte, end *bool) (string, bool) {
	e := H2Event{Dir: 1, Stream: f.Stream, Code: f.Code, Last: f.Last, Ack: f.Ack(), Data: f.Payload}
	switch f.Type {
	case FrameData:
		pad := 0
		if f.Flags&h2FlagPadded != 0 {
			pad = f.Length - len(f.Payload) - 1
		}
		log := &h2Log{}
		log.add(&H2Event{Kind: H2Data, Dir: 1, Stream: f.Stream, Data: f.Payload, Padded: pad, EndStream: f.EndStream()})
		return log.done()[0], true
	case FrameHeaders, FrameContinuation:
		if f.Type == FrameHeaders {
			*block, *end = nil, f.EndStream()
		}
		if *block = append(*block, f.Payload...); !f.EndHeaders() {
			return "", f.Type != FrameHeaders || !f.Priority.Given
		}
		fields, ok := blockFields(d, *block)
		if !ok || f.Priority.Given {
			return "", false
		}
		e = H2Event{Kind: H2Headers, Dir: 1, Stream: f.Stream, EndStream: *end, Fields: fields}
	case FramePriority:
		e = H2Event{Kind: H2Priority, Dir: 1, Stream: f.Stream, Priority: f.Priority}
	case FrameReset:
		e.Kind = H2Reset
	case FrameSettings:
		if e.Kind = H2Settings; f.Ack() {
			e.Kind = H2SettingsAck
			return h2Line(&H2Event{Kind: H2SettingsAck, Dir: 1}), true
		}
		for i := range min(f.Settings(), 64) {
			e.Settings = append(e.Settings, f.Setting(i))
		}
	case FramePing:
		e.Kind = H2Ping
	case FrameGoAway:
		e.Kind, e.Text = H2GoAway, string(f.Payload[:min(len(f.Payload), 1024)])
	case FrameWindow:
		e.Kind = H2Window
	case FramePriorityUpdate:
		e = H2Event{Kind: H2Priority, Dir: 1, Stream: f.Last, Text: string(f.Payload[:min(len(f.Payload), 256)])}
	default:
		e = H2Event{Kind: H2Unknown, Dir: 1, Stream: f.Stream, Code: uint32(f.Type)}
	}
	e.Ack = e.Ack && f.Type == FramePing
	return h2Line(&e), true
}

// blockFields decodes a block; false if it cannot be, or is long.
func blockFields(d *HPACKDecoder, block []byte) (fields []H2Field, ok bool) {
	b, ok := d.sizes(block)
	size := 0
	for ok && len(b) > 0 {
		var line []byte
		name := 0
		if line, name, b, ok = d.line(nil, b, true); ok {
			fields = append(fields, H2Field{Name: string(line[:name]), Value: string(line[name+2 : len(line)-2])})
			size += len(line) + entryOverhead
		}
	}
	return fields, ok && size < fairH2List
}

// FuzzHPACK: a block that both take is read as x/net reads it, and what it
// holds can be written and read back.
func FuzzHPACK(f *testing.F) {
	w := newH2Writer(false)
	f.Add(w.fields(":method", "GET", "x", "y", "cookie", "a=b"), w.fields("x", "y"))
	f.Add([]byte{0x3f, 0x01, 0x82}, []byte{0x00, 0x81, 0x1f, 0x00})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		foreign, own := hpack.NewDecoder(defaultTableSize, nil), NewHPACKDecoder(defaultTableSize)
		for _, block := range [][]byte{first, second} {
			want, err := foreign.DecodeFull(block)
			got, ok := decodeLines(&own, block)
			if err != nil || !ok {
				if err == nil && !bytes.ContainsAny(block, "\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f\x30\x31\x32\x33\x34\x35\x36\x37\x38\x39\x3a\x3b\x3c\x3d\x3e\x3f") {
					t.Errorf("%x is refused, x/net takes it", block)
				}
				return
			}
			if got != fieldText(want) {
				t.Fatalf("%x: got %q, x/net %q", block, got, fieldText(want))
			}
			var e HPACKEncoder
			again := e.Begin(nil)
			for _, f := range want {
				again = AppendHPACK(again, f.Name, f.Value)
			}
			back := NewHPACKDecoder(0)
			lowered := make([]hpack.HeaderField, len(want))
			for i, f := range want {
				lowered[i] = hpack.HeaderField{Name: string(lowerName(f.Name)), Value: f.Value}
			}
			if lines, ok := decodeLines(&back, again); !ok || lines != fieldText(lowered) {
				t.Fatalf("%q comes back as %q, %v", fieldText(lowered), lines, ok)
			}
		}
	})
}

func lowerName(name string) []byte {
	b := []byte(name)
	for i := range b {
		b[i] = lower(b[i])
	}
	return b
}
