package quicwire

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vector is a datagram of appendix A of RFC 9001 or RFC 9369.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	return unhex(t, strings.Join(strings.Fields(string(text)), ""))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recorder keeps what emit was told.
type recorder struct {
	events []Event
	tls    [2]map[Level][]byte
}

func (r *recorder) emit(e *Event) {
	kept := *e
	kept.Data = bytes.Clone(e.Data)
	kept.ConnectionID = bytes.Clone(e.ConnectionID)
	kept.Versions = slices.Clone(e.Versions)
	r.events = append(r.events, kept)
	if e.Kind == Crypto {
		if r.tls[e.Dir] == nil {
			r.tls[e.Dir] = map[Level][]byte{}
		}
		r.tls[e.Dir][e.Level] = append(r.tls[e.Dir][e.Level], e.Data...)
	}
}

func (r *recorder) kinds() (kinds []Kind) {
	for _, e := range r.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestVectorsOfInitialPackets(t *testing.T) {
	for rfc, version := range map[string]uint32{"rfc9001": Version1, "rfc9369": Version2} {
		t.Run(rfc, func(t *testing.T) {
			c, got := New(), &recorder{}
			c.Datagram(0, vector(t, rfc+"-client"), got.emit)
			c.Datagram(1, vector(t, rfc+"-server"), got.emit)
			if want := []Kind{Began, Crypto, Crypto}; !slices.Equal(got.kinds(), want) {
				t.Fatalf("events %v, want %v", got.kinds(), want)
			}
			began := got.events[0]
			if began.Version != version || hex.EncodeToString(began.ConnectionID) != "8394c8f03e515708" {
				t.Errorf("began %+v", began)
			}
			hello := got.tls[0][Initial]
			if len(hello) != 241 || !bytes.Contains(hello, []byte("example.com")) {
				t.Errorf("ClientHello of %d bytes: %x", len(hello), hello)
			}
			if s := got.tls[1][Initial]; len(s) != 90 || s[0] != 2 {
				t.Errorf("ServerHello of %d bytes: %x", len(s), s)
			}
			if c.tls.suite != aes128gcm {
				t.Errorf("cipher suite %#x", c.tls.suite)
			}
			for dir := range 2 {
				if n := c.Counts(dir); n.Packets[Initial] != 1 || n.Opened[Initial] != 1 {
					t.Errorf("counts of %d: %+v", dir, n)
				}
			}
			if c.WhyNot() != "" {
				t.Error(c.WhyNot())
			}
		})
	}
}

func TestVectorsOfRetry(t *testing.T) {
	for rfc, version := range map[string]uint32{"rfc9001": Version1, "rfc9369": Version2} {
		t.Run(rfc, func(t *testing.T) {
			retry := vector(t, rfc+"-retry")
			c, got := New(), &recorder{}
			c.Datagram(0, vector(t, rfc+"-client"), got.emit)
			forged := bytes.Clone(retry)
			forged[len(forged)-1] ^= 1
			c.Datagram(1, forged, got.emit)
			c.Datagram(1, retry, got.emit)
			if want := []Kind{Began, Crypto, Retry}; !slices.Equal(got.kinds(), want) {
				t.Fatalf("events %v, want %v", got.kinds(), want)
			}
			if e := got.events[2]; e.Version != version || hex.EncodeToString(e.ConnectionID) != "f067a5502a4262b5" {
				t.Errorf("retry %+v", e)
			}
			if n := c.Counts(1).Retries; n != 2 {
				t.Errorf("%d Retry packets counted, want 2", n)
			}
		})
	}
}

// TestVectorsOfShortHeader opens appendix A.5 of both documents.
func TestVectorsOfShortHeader(t *testing.T) {
	const secret = "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b"
	for _, v := range []struct {
		version    uint32
		packet, ku string
	}{
		{Version1, "4cfe4189655e5cd55c41f69080575d7999c25a5bfb", "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"},
		{Version2, "5558b1c60ae7b6b932bc27d786f4bc2bb20f2162ba", "c69374c49e3d2a9466fa689e49d476db5d0dfbc87d32ceeaa6343fd0ae4c7d88"},
	} {
		k, err := newKeys(v.version, chacha, unhex(t, secret))
		if err != nil {
			t.Fatal(err)
		}
		var o opener
		pk, ok := o.unprotect(k, unhex(t, v.packet), 1, 654360560)
		if !ok || pk.number != 654360564 || hex.EncodeToString(pk.header) != "4200bff4" {
			t.Fatalf("version %#x: number %d, header %x", v.version, pk.number, pk.header)
		}
		if payload, ok := o.open(k, pk); !ok || !bytes.Equal(payload, []byte{framePing}) {
			t.Errorf("version %#x: payload %x", v.version, payload)
		}
		if next, ok := k.next(); !ok || hex.EncodeToString(next.secret) != v.ku {
			t.Errorf("version %#x: next secret %x", v.version, next.secret)
		}
	}
}

// TestFullNumber has the examples of RFC 9000, appendix A, and the ends of the range.
func TestFullNumber(t *testing.T) {
	for _, v := range []struct {
		truncated, next, want uint64
		n                     int
	}{
		{0x9b32, 0xa82f30ea + 1, 0xa82f9b32, 2},
		{0, 0, 0, 1},
		{0xff, 0, 0xff, 1},
		{0x01, 0xff, 0x101, 1},
		{0xff, 0x101, 0xff, 1},
	} {
		if got := fullNumber(v.truncated, v.n, v.next); got != v.want {
			t.Errorf("%#x expecting %#x: %#x, want %#x", v.truncated, v.next, got, v.want)
		}
	}
}
