package tlswire_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/tlswire"
)

func record(typ byte, payload ...byte) []byte {
	return append([]byte{typ, 3, 3, byte(len(payload) >> 8), byte(len(payload))}, payload...)
}

func TestScannerNotTLS(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"GET / HTTP/1.1\r\n", "read TLS record 1: not TLS, looks like plain HTTP"},
		{"HTTP/1.1 400 Bad Request\r\n", "read TLS record 1: not TLS, looks like plain HTTP"},
		{"PRI * HTTP/2.0\r\n", "read TLS record 1: not TLS, looks like plain HTTP/2"},
		{"PROXY TCP4 ", "read TLS record 1: not TLS, looks like a PROXY protocol header"},
		{"\r\n\r\n\x00\r\nQUIT\n", "read TLS record 1: not TLS, looks like a PROXY protocol header"},
		{"SSH-2.0-x\r\n", "read TLS record 1: not TLS, looks like SSH"},
		{"220 mail ready\r\n", "read TLS record 1: not TLS, looks like SMTP or FTP, where the server speaks first"},
		{"\x03\x00\x00\x13\x0e", "read TLS record 1: not TLS, looks like RDP"},
		{"\x80\x2e\x01\x00\x02\x00\x15", "read TLS record 1: not TLS, looks like an SSL 2.0 ClientHello that offers ssl2"},
		{"\x80\x2e\x01\x03\x01\x00\x15", "read TLS record 1: not TLS, looks like an SSL 2.0 ClientHello that offers 1.0"},
		{"hello world", "read TLS record 1: not TLS, looks like text"},
		{"\x00\x00\x00\x00\x00", "read TLS record 1: not TLS"},
		{"\x16\x02\x00\x00\x00", "read TLS record 1: not TLS"},
		{"\x16\x03\x01\xff\xff", "read TLS record 1: not TLS"},
	} {
		for size := 1; size <= len(c.in); size += 4 {
			_, err := scan(t, []byte(c.in), size)
			var not *tlswire.NotTLSError
			if !errors.As(err, &not) || err.Error() != c.want {
				t.Errorf("%q in pieces of %d: got %v, want %s", c.in, size, err, c.want)
			}
		}
	}
}

func TestScannerLosesItsWay(t *testing.T) {
	for _, c := range []struct{ then, want string }{
		{"GET / HTTP/1.1", "read TLS record 2: its type is 71, which is none of TLS"},
		{"\x17\x04\x03\x00\x01", "read TLS record 2: its major version is 4 instead of 3"},
		{"\x17\x03\x03\x48\x01", "read TLS record 2: it claims 18433 bytes, more than the 18432 allowed"},
	} {
		var s tlswire.Scanner
		n := 0
		err := s.Write(append(record(23, 1, 2), c.then...), func(tlswire.Record) { n++ })
		if err == nil || err.Error() != c.want || n != 1 {
			t.Errorf("got %d records, %v; want 1, %s", n, err, c.want)
		}
		if again := s.Write(record(23, 1), func(tlswire.Record) { n++ }); again != err || n != 1 {
			t.Errorf("after the error: got %d records, %v", n, again)
		}
		if s.Incomplete() {
			t.Error("incomplete after an error")
		}
	}
}

func TestScannerKeeps(t *testing.T) {
	stream := slices.Concat(record(22, 1, 0, 0, 0), record(23, 9, 9), record(21, 1, 0), record(22), record(20, 1), record(22, 7, 7, 7))
	var s tlswire.Scanner
	s.Keep = true
	var got []string
	if err := s.Write(stream[:len(stream)-1], func(r tlswire.Record) {
		got = append(got, r.Type.String()+" "+string(r.Payload))
		if r.Payload == nil != (r.Type == tlswire.ApplicationData || r.Type == tlswire.ChangeCipherSpec) {
			t.Errorf("%v: payload %v", r.Type, r.Payload)
		}
		if r.Type == tlswire.ChangeCipherSpec {
			s.Keep = false
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !s.Incomplete() {
		t.Error("not incomplete inside a record")
	}
	if err := s.Write(stream[len(stream)-1:], func(r tlswire.Record) {
		if r.Payload != nil || !r.Sealed || r.Length != 3 || r.Version != 0x0303 {
			t.Errorf("last record: %+v", r)
		}
	}); err != nil || s.Incomplete() {
		t.Errorf("%v, incomplete %v", err, s.Incomplete())
	}
	equal(t, got, []string{"handshake \x01\x00\x00\x00", "application_data ", "alert \x01\x00", "handshake ", "change_cipher_spec "})
}

func TestScannerDoesNotAllocate(t *testing.T) {
	stream := record(23, make([]byte, 3000)...)
	s := tlswire.Scanner{Keep: true}
	n := 0
	emit := func(tlswire.Record) { n++ }
	if got := testing.AllocsPerRun(100, func() {
		s.Write(stream[:3], emit)
		s.Write(stream[3:2000], emit)
		s.Write(stream[2000:], emit)
	}); got != 0 || n == 0 {
		t.Errorf("%v allocations a record, %d records", got, n)
	}
}

// A message that claims too much is passed over, whatever pieces it comes in,
// and nothing of it is kept.
func TestHandshakesLimits(t *testing.T) {
	for _, test := range []struct {
		typ    uint8
		length int
		want   string
	}{
		{tlswire.TypeServerKeyExchange, 128<<10 + 1, "server_key_exchange: it claims 131073 bytes, more than the 131072"},
		{tlswire.TypeServerKeyExchange, 128 << 10, ""},
		{tlswire.TypeCertificate, 1<<20 + 1, "certificate: it claims 1048577 bytes, more than the 1048576"},
		{tlswire.TypeCertificate, 1 << 20, ""},
		{tlswire.TypeClientHello, 1<<24 - 1, "client_hello: it claims 16777215 bytes"},
	} {
		stream := append([]byte{test.typ, byte(test.length >> 16), byte(test.length >> 8), byte(test.length)}, make([]byte, test.length)...)
		stream = append(stream, tlswire.TypeServerHelloDone, 0, 0, 0)
		var h tlswire.Handshakes
		var types []uint8
		said, most := "", 0
		for piece := range slices.Chunk(stream, 16000) {
			if err := h.Add(piece, func(typ uint8, _ []byte) { types = append(types, typ) }); err != nil {
				said += err.Error()
			}
			most = max(most, h.Held())
		}
		want := []uint8{test.typ, tlswire.TypeServerHelloDone}
		if test.want != "" {
			want = want[1:]
		}
		equal(t, types, want)
		if (said == "") != (test.want == "") || !strings.Contains(said, test.want) || h.Incomplete() {
			t.Errorf("%d of %d bytes: it says %q, incomplete %v", test.typ, test.length, said, h.Incomplete())
		}
		if test.want != "" && most > 0 {
			t.Errorf("%d of %d bytes: %d are held", test.typ, test.length, most)
		}
	}
}

func TestHandshakesAcrossRecords(t *testing.T) {
	body := bytes.Repeat([]byte("abc"), 40000)
	stream := slices.Concat([]byte{0, 0, 0, 0}, []byte{11, 1, 0xd4, 0xc0}, body, []byte{14, 0, 0, 0})
	for _, size := range []int{1, 3, 4, 5, 16384, len(stream)} {
		var h tlswire.Handshakes
		var types []uint8
		for piece := range slices.Chunk(stream, size) {
			if err := h.Add(piece, func(typ uint8, b []byte) {
				types = append(types, typ)
				if typ == tlswire.TypeCertificate && !bytes.Equal(b, body) {
					t.Errorf("pieces of %d: wrong body", size)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, types, []uint8{0, 11, 14})
		if h.Incomplete() {
			t.Errorf("pieces of %d: incomplete", size)
		}
	}
}

// FuzzScanner checks that a stream gives the same records, messages and error
// however it is cut.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(3))
	f.Add(slices.Concat(record(22, 1, 0, 0, 1, 5), record(20, 1), record(22, 4, 5, 6), record(23), record(21, 2, 40)), uint8(1))
	f.Add(slices.Concat(record(22, 1, 0), record(22, 0, 1, 5), record(22, 2, 0, 0, 2, 3, 3), record(20, 1), record(22, 2, 0, 0, 2, 3, 3)), uint8(2))
	f.Add(slices.Concat(record(22, 1, 255, 255, 255), record(99)), uint8(4))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole, errWhole := collect(stream, len(stream)+1)
		cut, errCut := collect(stream, int(size)+1)
		if errWhole != errCut || whole != cut {
			t.Errorf("whole: %s, %s\ncut: %s, %s", whole, errWhole, cut, errCut)
		}
	})
}
