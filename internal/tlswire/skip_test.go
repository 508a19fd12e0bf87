package tlswire_test

import (
	"bytes"
	"crypto/tls"
	"math/rand/v2"
	"strings"
	"testing"

	"fanlight/internal/tlswire"
)

// TestSessionSkip loses a part of the answer, at every place and of every
// length that makes a difference, and expects the plain text after it.
func TestSessionSkip(t *testing.T) {
	const n = 400_000
	for _, c := range []struct{ version, suite uint16 }{
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		{tls.VersionTLS10, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		{tls.VersionTLS13, 0},
	} {
		rec, log := bulk(t, c.version, c.suite, n)
		stream := rec.sent(1)
		for _, size := range []int{1, 100, 1448, 16000, 16401, 40_000, 100_000} {
			for _, at := range []int{50_000, 60_001, 82_000, 100_003} {
				s := tlswire.NewSession(keyLog(log))
				var h heard
				s.Write(0, rec.sent(0), h.take)
				write := func(b []byte) {
					for len(b) > 0 {
						k := min(1448, len(b))
						if err := s.Write(1, b[:k], h.take); err != nil {
							t.Fatal(err)
						}
						b = b[k:]
					}
				}
				write(stream[:at])
				s.Skip(1, int64(size), h.take)
				write(stream[at+size:])
				s.Close(1, h.take)
				state, why := s.Decrypted()
				lost := n - h.plain[1].Len()
				if lost < size-600 || lost > size+3*17_000 || !h.has(1, "bad") || !strings.HasSuffix(strings.Join(h.words[1], " "), "data alert") {
					t.Errorf("%s %s, %d bytes at %d: lost %d, %v", tlswire.VersionName(c.version), tlswire.CipherName(c.suite), size, at, lost, h.words[1])
				}
				if state != tlswire.Partial || !strings.HasPrefix(why, "packet lost at byte ") {
					t.Errorf("got %v %q", state, why)
				}
			}
		}
	}
}

// TestSessionSkipHandshake loses the server's hello.
func TestSessionSkipHandshake(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		rec, log := bulk(t, version, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 100_000)
		s := tlswire.NewSession(keyLog(log))
		var h heard
		b := rec.sent(0)
		s.Write(0, b[:len(b)-1], h.take)
		s.Skip(1, 300, h.take)
		s.Write(1, rec.sent(1)[300:], h.take)
		s.Close(0, h.take)
		s.Close(1, h.take)
		if state, why := s.Decrypted(); state != tlswire.No || why != "packet lost inside the handshake" && why != "capture began after the handshake" {
			t.Errorf("TLS %s: got %v %q", tlswire.VersionName(version), state, why)
		}
	}
}

// TestSessionMidstream begins inside a record.
func TestSessionMidstream(t *testing.T) {
	rec, log := bulk(t, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 200_000)
	s := tlswire.NewSession(keyLog(log))
	var h heard
	s.Skip(1, 30_000, h.take)
	if err := s.Write(1, rec.sent(1)[30_000:], h.take); err != nil {
		t.Fatal(err)
	}
	s.Close(1, h.take)
	if state, why := s.Decrypted(); state != tlswire.No || why != "capture began after the handshake" || h.opaque < 100_000 {
		t.Errorf("got %v %q, %d bytes, %v", state, why, h.opaque, h.words)
	}
}

// TestSessionGapAnywhere loses any part of a whole conversation; nothing may
// panic, and no byte may be given that was not sent.
func TestSessionGapAnywhere(t *testing.T) {
	rec, log := bulk(t, tls.VersionTLS13, 0, 60_000)
	zero := make([]byte, 60_000)
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		s := tlswire.NewSession(keyLog(log))
		s.Hold = random.IntN(2) * 30_000
		var h heard
		for _, p := range rec.pieces {
			from := random.IntN(len(p.data) + 1)
			to := from + random.IntN(len(p.data)-from+1)
			s.Write(p.dir, p.data[:from], h.take)
			if n := int64(to - from); random.IntN(9) > 0 {
				s.Skip(p.dir, n, h.take)
			} else {
				s.Skip(p.dir, -1, h.take)
			}
			s.Write(p.dir, p.data[to:], h.take)
		}
		s.Close(0, h.take)
		s.Close(1, h.take)
		if !bytes.HasPrefix(zero, h.plain[1].Bytes()) {
			t.Fatalf("got what was not sent: %d bytes, %q, %v", h.plain[1].Len(), bytes.Trim(h.plain[1].Bytes(), "\x00"), h.words)
		}
	}
}

func FuzzSession(f *testing.F) {
	for _, c := range []struct{ version, suite uint16 }{
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		{tls.VersionTLS11, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		{tls.VersionTLS13, 0},
	} {
		rec, log := bulk(f, c.version, c.suite, 300)
		f.Add(rec.sent(0), rec.sent(1), log, uint8(9), uint8(0))
		f.Add(rec.sent(0), rec.sent(1), log, uint8(200), uint8(40))
	}
	f.Fuzz(func(t *testing.T, client, server, log []byte, cut, gap uint8) {
		s := tlswire.NewSession(keyLog(log))
		s.Hold = int(gap) * 100
		emit := func(m *tlswire.Message) {
			if m.Kind == tlswire.NoMessage || len(m.Data) > 200_000 {
				t.Errorf("got %+v", m)
			}
		}
		streams := [2][]byte{client, server}
		for dir := 0; len(streams[0])+len(streams[1]) > 0; dir = 1 - dir {
			n := min(int(cut)+1, len(streams[dir]))
			s.Write(dir, streams[dir][:n], emit)
			streams[dir] = streams[dir][n:]
			if n := min(int(gap), len(streams[dir])); gap > 0 && len(streams[dir])%7 == 0 {
				s.Skip(dir, int64(n), emit)
				streams[dir] = streams[dir][n:]
			}
		}
		s.Close(0, emit)
		s.Close(1, emit)
		if s.Waiting() {
			t.Error("waits after the end")
		}
		s.Decrypted()
	})
}
