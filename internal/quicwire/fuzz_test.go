package quicwire

import "testing"

// FuzzDatagrams changes one byte of a real conversation, or cuts a datagram.
func FuzzDatagrams(f *testing.F) {
	passed, log := readCapture(f, chrome)
	f.Add(0, 100, byte(1), false)
	f.Add(1, 30, byte(0x80), true)
	f.Add(8, 1, byte(255), false)
	f.Fuzz(func(t *testing.T, which, at int, change byte, cut bool) {
		c := New()
		c.Secrets = log.secrets
		for i, d := range passed {
			b := d.data
			if i == which && at >= 0 && at < len(b) {
				b = append([]byte(nil), b...)
				b[at] ^= change
				if cut {
					b = b[:at]
				}
			}
			c.Datagram(d.dir, b, func(*Event) {})
		}
		for dir := range 2 {
			n := c.Counts(dir)
			for l := range n.Packets {
				if n.Opened[l] > n.Packets[l] {
					t.Errorf("%d packets opened of %d", n.Opened[l], n.Packets[l])
				}
			}
		}
	})
}

// FuzzFrames reads payloads as if they had been opened, and datagrams as they
// come.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{frameCrypto, 0, 2, 1, 1, frameClose, 0, 0, 0})
	f.Add([]byte{frameAck, 1, 1, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(vector(f, "rfc9001-retry"))
	f.Add(vector(f, "rfc9369-server"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := New()
		seen := 0
		emit := func(e *Event) { seen += len(e.Data) }
		for level := Initial; level < levels; level++ {
			c.frames(0, level, b, emit)
		}
		c.Datagram(0, b, emit)
		c.Datagram(1, b, emit)
		if seen > int(levels)*len(b) {
			t.Errorf("%d bytes out of %d", seen, len(b))
		}
	})
}

// TestTruncation cuts every datagram of a conversation everywhere.
func TestTruncation(t *testing.T) {
	passed, log := readCapture(t, chrome)
	for i, d := range passed {
		for n := 0; n < len(d.data); n += max(1, len(d.data)/60) {
			c := New()
			c.Secrets = log.secrets
			for _, before := range passed[:min(i, 6)] {
				c.Datagram(before.dir, before.data, func(*Event) {})
			}
			c.Datagram(d.dir, d.data[:n], func(*Event) {})
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	passed, log := readCapture(b, chrome)
	c := New()
	c.Secrets = log.secrets
	for _, d := range passed {
		c.Datagram(d.dir, d.data, func(*Event) {})
	}
	large := passed[0]
	for _, d := range passed {
		if d.dir == 1 && len(d.data) > 1000 && d.data[0]&longForm == 0 {
			large = d
		}
	}
	b.SetBytes(int64(len(large.data)))
	b.ReportAllocs()
	for b.Loop() {
		c.Datagram(large.dir, large.data, func(*Event) {})
	}
}

func BenchmarkClosed(b *testing.B) {
	c := New()
	p := make([]byte, 1200)
	p[0] = fixedBit
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		c.Datagram(1, p, func(*Event) {})
	}
}
