package tlswire_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"

	"fanlight/internal/tlswire"
)

// bulk records a download of n bytes.
func bulk(t testing.TB, version, suite uint16, n int) (*tape, []byte) {
	t.Helper()
	var log bytes.Buffer
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS10, MaxVersion: version, CipherSuites: []uint16{suite},
		DynamicRecordSizingDisabled: true}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Write(make([]byte, n))
			c.Close()
		}
	}()
	addr, rec, done := relay(t, l.Addr().String())
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &log, MinVersion: tls.VersionTLS10, CipherSuites: config.CipherSuites})
	if got, err := io.Copy(io.Discard, c); err != nil || got != int64(n) {
		t.Fatalf("read %d bytes, %v", got, err)
	}
	c.Close()
	<-done
	return rec, log.Bytes()
}

// BenchmarkSession opens records of 16 KiB, whole and in segments of 1,448
// bytes, beside what the cipher alone does.
func BenchmarkSession(b *testing.B) {
	const n = 8 << 20
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		rec, log := bulk(b, v, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, n)
		keys := keyLog(log)
		for _, size := range []int{1 << 20, 1448} {
			name := tlswire.VersionName(v) + " whole"
			if size < 2000 {
				name = tlswire.VersionName(v) + " segments"
			}
			streams := [2][]byte{rec.sent(0), rec.sent(1)}
			b.Run(name, func(b *testing.B) {
				b.SetBytes(n)
				b.ReportAllocs()
				scratch := &tlswire.Scratch{}
				for b.Loop() {
					s := tlswire.NewSession(keys)
					s.Scratch = scratch
					got := 0
					emit := func(m *tlswire.Message) {
						if m.Kind == tlswire.DataMsg {
							got += len(m.Data)
						}
					}
					s.Write(0, streams[0], emit)
					for p := streams[1]; len(p) > 0; {
						k := min(size, len(p))
						s.Write(1, p[:k], emit)
						p = p[k:]
					}
					if got != n {
						b.Fatalf("opened %d bytes", got)
					}
				}
			})
		}
	}
	b.Run("without keys", func(b *testing.B) {
		rec, _ := bulk(b, tls.VersionTLS13, 0, n)
		client, server := rec.sent(0), rec.sent(1)
		b.SetBytes(n)
		scratch := &tlswire.Scratch{}
		for b.Loop() {
			s := tlswire.NewSession(nil)
			s.Scratch = scratch
			emit := func(m *tlswire.Message) {}
			s.Write(0, client, emit)
			for p := server; len(p) > 0; {
				k := min(1448, len(p))
				s.Write(1, p[:k], emit)
				p = p[k:]
			}
		}
	})
	b.Run("cipher alone", func(b *testing.B) {
		block, _ := aes.NewCipher(make([]byte, 16))
		gcm, _ := cipher.NewGCM(block)
		nonce, ad := make([]byte, 12), make([]byte, 5)
		sealed := gcm.Seal(nil, nonce, make([]byte, 16<<10), ad)
		out := make([]byte, 0, 17<<10)
		b.SetBytes(16 << 10)
		for b.Loop() {
			gcm.Open(out, nonce, sealed, ad)
		}
	})
}

// TestSessionIdleMemory bounds what an open connection costs between records.
func TestSessionIdleMemory(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		rec, log := bulk(t, version, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 1000)
		keys, scratch := keyLog(log), &tlswire.Scratch{}
		const n = 2000
		sessions := make([]*tlswire.Session, n)
		var before, after runtime.MemStats
		rec.play(tlswire.NewSession(keys), 0)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range sessions {
			sessions[i] = tlswire.NewSession(keys)
			sessions[i].Scratch = scratch
			for _, p := range rec.pieces {
				sessions[i].Write(p.dir, p.data, func(*tlswire.Message) {})
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
		t.Logf("TLS %s: %d bytes", tlswire.VersionName(version), each)
		if each > 4096 {
			t.Errorf("TLS %s: a session costs %d bytes", tlswire.VersionName(version), each)
		}
		runtime.KeepAlive(sessions)
	}
}

// TestSessionDoesNotAllocate opens records without allocating.
func TestSessionDoesNotAllocate(t *testing.T) {
	for _, c := range []struct{ version, suite uint16 }{
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		{tls.VersionTLS13, 0},
	} {
		rec, log := bulk(t, c.version, c.suite, 1<<20)
		keys := keyLog(log)
		s := tlswire.NewSession(keys)
		got := 0
		emit := func(m *tlswire.Message) { got += len(m.Data) }
		stream := rec.sent(1)
		s.Write(0, rec.sent(0), emit)
		s.Write(1, stream[:60000], emit)
		stream = stream[60000:]
		if allocs := testing.AllocsPerRun(20, func() {
			for range 30 {
				s.Write(1, stream[:1000], emit)
				stream = stream[1000:]
			}
		}); allocs != 0 || got < 60000 {
			t.Errorf("%s %s: %v allocations for 30,000 bytes", tlswire.VersionName(c.version), tlswire.CipherName(c.suite), allocs)
		}
	}
}
