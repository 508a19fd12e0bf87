package pcap_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"fanlight/internal/pcap"

	"github.com/google/go-cmp/cmp"
)

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// orders are those a file may be in.
func orders() map[string]byteOrder {
	return map[string]byteOrder{"little": binary.LittleEndian, "big": binary.BigEndian}
}

// words puts integers and byte strings one after the other.
func words(o byteOrder, parts ...any) (b []byte) {
	for _, part := range parts {
		switch v := part.(type) {
		case uint8:
			b = append(b, v)
		case uint16:
			b = o.AppendUint16(b, v)
		case uint32:
			b = o.AppendUint32(b, v)
		case uint64:
			b = o.AppendUint64(b, v)
		case string:
			b = append(b, v...)
		case []byte:
			b = append(b, v...)
		}
	}
	return b
}

// block is a pcapng block.
func block(o byteOrder, kind uint32, parts ...any) []byte {
	body := words(o, parts...)
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	total := uint32(len(body) + 12)
	return words(o, kind, total, body, total)
}

// option is a pcapng option.
func option(o byteOrder, code uint16, parts ...any) []byte {
	value := words(o, parts...)
	b := words(o, code, uint16(len(value)), value)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func section(o byteOrder, options ...any) []byte {
	return block(o, 0x0a0d0d0a, append([]any{uint32(0x1a2b3c4d), uint16(1), uint16(0), ^uint64(0)}, options...)...)
}

func iface(o byteOrder, link uint16, snaplen uint32, options ...any) []byte {
	return block(o, 1, append([]any{link, uint16(0), snaplen}, options...)...)
}

// enhanced is an enhanced packet block whose data need no padding.
func enhanced(o byteOrder, number uint32, units uint64, wire uint32, data string, options ...any) []byte {
	return block(o, 6, append([]any{number, uint32(units >> 32), uint32(units), uint32(len(data)), wire, data}, options...)...)
}

// classic is a pcap file; the records follow.
func classic(o byteOrder, magic, link uint32, records ...[]byte) []byte {
	head := words(o, magic, uint16(2), uint16(4), uint32(0), uint32(0), uint32(262144), link)
	return append(head, bytes.Join(records, nil)...)
}

func record(o byteOrder, seconds, fraction, wire uint32, data string) []byte {
	return words(o, seconds, fraction, uint32(len(data)), wire, data)
}

// readAll reads until the first error, which is nil for a clean end. Data are
// copied.
func readAll(t testing.TB, r interface{ Next(*pcap.Packet) error }) (all []pcap.Packet, end error) {
	t.Helper()
	for {
		var p pcap.Packet
		switch err := r.Next(&p); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return all, err
		}
		p.Data = bytes.Clone(p.Data)
		all = append(all, p)
	}
}

func read(t testing.TB, file []byte) ([]pcap.Packet, *pcap.Reader) {
	t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(file), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := readAll(t, r)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Offset(); got != int64(len(file)) {
		t.Errorf("offset %d at the end of %d bytes", got, len(file))
	}
	return all, r
}

func isDamage(t testing.TB, err error) *pcap.DamageError {
	t.Helper()
	var damage *pcap.DamageError
	if !errors.As(err, &damage) {
		t.Fatalf("%v (%T) is no damage", err, err)
	}
	return damage
}

// diff is cmp.Diff, quick about bytes.
func diff(want, got any) string {
	ignoreClock := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".clock" }, cmp.Ignore())
	sameBytes := cmp.Comparer(bytes.Equal)
	d := cmp.Diff(want, got, sameBytes, ignoreClock)
	return d[:min(len(d), 4000)]
}
