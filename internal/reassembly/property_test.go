package reassembly

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"fanlight/internal/packet"
)

// stream collects one direction, a missing byte as '?'.
type stream struct {
	data    []byte
	skipped int64
	notes   [MidStream + 1]int64
	peak    int64
}

func (s *stream) Bytes(dir int, p []byte, m Mark) {
	if dir == 0 {
		s.data = append(s.data, p...)
	}
}

func (s *stream) Skip(dir int, n int64, m Mark) {
	if dir == 0 {
		s.skipped += n
		s.data = append(s.data, bytes.Repeat([]byte("?"), int(n))...)
	}
}

func (s *stream) Note(dir int, kind NoteKind, n int64, m Mark) { s.notes[kind] += max(n, 1) }

// disorder cuts a stream into segments, some twice, some with the bytes of their
// neighbours, and swaps those that are close.
func disorder(r *rand.Rand, data []byte, isn uint32) []*Segment {
	var out []*Segment
	for at := 0; at < len(data); {
		n := min(1+r.IntN(50), len(data)-at)
		from := at - r.IntN(min(at, 20)+1)
		to := at + n + r.IntN(min(len(data)-at-n, 20)+1)
		s := &Segment{Seq: isn + 1 + uint32(from), Flags: packet.ACK, Payload: data[from:to], Length: to - from}
		out = append(out, s)
		for r.IntN(10) == 0 {
			out = append(out, s)
		}
		at += n
	}
	for range len(out) / 2 {
		i := r.IntN(len(out))
		j := min(i+r.IntN(10), len(out)-1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func randomStream(r *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.IntN(26)) + 'a'
	}
	return data
}

func play(c *Conn, isn uint32, segments []*Segment, fin uint32) *stream {
	var got stream
	c.Add(0, &Segment{Seq: isn, Flags: packet.SYN, WScale: -1}, &got)
	for i, s := range segments {
		s.Packet, s.Time = i, int64(i)*1000
		c.Add(0, s, &got)
		got.peak = max(got.peak, c.held)
	}
	c.Add(0, &Segment{Seq: fin, Flags: packet.ACK | packet.FIN}, &got)
	c.Flush(&got)
	return &got
}

// TestDisorder: in whatever order the segments come, the bytes are the same.
func TestDisorder(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		data := randomStream(r, r.IntN(3000))
		isn := r.Uint32()
		if seed%4 == 0 {
			isn = -uint32(r.IntN(len(data) + 2)) // wraps around within the stream
		}
		var c Conn
		got := play(&c, isn, disorder(r, data, isn), isn+1+uint32(len(data)))
		if !bytes.Equal(got.data, data) || got.skipped != 0 || got.notes[Overlap] != 0 || got.notes[FIN] != 1 {
			t.Fatalf("seed %d: %d bytes of %d, %d skipped, notes %v", seed, len(got.data), len(data), got.skipped, got.notes)
		}
		if c.held != 0 {
			t.Fatalf("seed %d: %d bytes stay", seed, c.held)
		}
	}
}

// TestLoss: what is lost is skipped with its exact length, what is not is given in
// its place, and no more is held than the limit.
func TestLoss(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		data := randomStream(r, 1+r.IntN(3000))
		isn := r.Uint32()
		want := bytes.Repeat([]byte("?"), len(data))
		var kept []*Segment
		for _, s := range disorder(r, data, isn) {
			if r.IntN(3) > 0 {
				kept = append(kept, s)
				copy(want[s.Seq-isn-1:], s.Payload)
			}
		}
		c := Conn{Budget: NewBudget(Limits{PerConn: 1 << 20})}
		got := play(&c, isn, kept, isn+1+uint32(len(data)))
		if !bytes.Equal(got.data, want) || got.skipped != int64(bytes.Count(want, []byte("?"))) || got.skipped != got.notes[Gap] {
			t.Fatalf("seed %d: skipped %d\n got %s\nwant %s", seed, got.skipped, got.data, want)
		}

		const limit = 500
		c = Conn{Budget: NewBudget(Limits{PerConn: limit})}
		got = play(&c, isn, kept, isn+1+uint32(len(data)))
		if len(got.data) != len(data) || got.peak > limit || c.Budget.Held() != 0 {
			t.Fatalf("seed %d: %d bytes of %d, %d held at once, %d stay", seed, len(got.data), len(data), got.peak, c.Budget.Held())
		}
		for i, b := range got.data {
			if b != '?' && b != data[i] {
				t.Fatalf("seed %d: byte %d is in the wrong place", seed, i)
			}
		}
	}
}

// TestSharedBudget: many connections with holes hold no more than the total.
func TestSharedBudget(t *testing.T) {
	const total = 10000
	budget := NewBudget(Limits{Total: total})
	conns := make([]Conn, 50)
	var got stream
	for i := range conns {
		conns[i].Budget = budget
		conns[i].Add(0, &Segment{Seq: 0, Flags: packet.SYN, WScale: -1}, &got)
		for k := range 20 {
			conns[i].Add(0, &Segment{Seq: uint32(1000 + 200*k), Flags: packet.ACK, Payload: make([]byte, 100), Length: 100}, &got)
			if budget.Held() > total {
				t.Fatalf("%d bytes are held", budget.Held())
			}
		}
	}
	if got.notes[Dropped] == 0 {
		t.Error("nothing was dropped")
	}
	for i := range conns {
		conns[i].Flush(&got)
	}
	if budget.Held() != 0 || len(got.data)-int(got.skipped) != 50*20*100 {
		t.Errorf("%d bytes stay, %d were given", budget.Held(), len(got.data)-int(got.skipped))
	}
}

func TestConnIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); n > 400 {
		t.Errorf("an idle connection takes %d bytes", n)
	}
}

type nothing struct{ bytes int }

func (n *nothing) Bytes(dir int, p []byte, m Mark)            { n.bytes += len(p) }
func (*nothing) Skip(dir int, n int64, m Mark)                {}
func (*nothing) Note(dir int, kind NoteKind, n int64, m Mark) {}

func TestAddAllocatesNothing(t *testing.T) {
	var c Conn
	h := &nothing{}
	s := &Segment{Flags: packet.ACK, Payload: make([]byte, 1448), Length: 1448, Window: 10}
	if n := testing.AllocsPerRun(100, func() { c.Add(0, s, h); s.Seq += 1448 }); n != 0 {
		t.Errorf("%v allocations a segment", n)
	}
}

func BenchmarkAddInOrder(b *testing.B) {
	var c Conn
	h := &nothing{}
	c.Add(0, &Segment{Flags: packet.SYN}, h)
	c.Add(1, &Segment{Flags: packet.SYN | packet.ACK, Ack: 1}, h)
	s := &Segment{Seq: 1, Ack: 1, Flags: packet.ACK, Payload: make([]byte, 1448), Length: 1448, Window: 10}
	b.ReportAllocs()
	for b.Loop() {
		c.Add(0, s, h)
		s.Seq += 1448
		s.Time += 1000
	}
	if h.bytes == 0 {
		b.Fatal("nothing was given")
	}
}

// BenchmarkAddSwapped has every second segment before the first.
func BenchmarkAddSwapped(b *testing.B) {
	var c Conn
	h := &nothing{}
	s := &Segment{Flags: packet.ACK, Payload: make([]byte, 1448), Length: 1448, Window: 10}
	c.Add(0, &Segment{Flags: packet.SYN, Seq: 0xffffffff}, h)
	b.ReportAllocs()
	for b.Loop() {
		s.Seq += 1448
		c.Add(0, s, h)
		s.Seq -= 1448
		c.Add(0, s, h)
		s.Seq += 2 * 1448
	}
}

// FuzzConn reads segments of 8 bytes each: direction and flags, sequence number near
// others or far, acknowledgement, length, time.
func FuzzConn(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 0, 9, 1, 0, 0x92, 0, 5, 1, 0, 0, 1, 0, 0x10, 0, 1, 6, 5, 9, 1, 0, 0x11, 0, 9, 6, 0, 9, 1, 0})
	f.Add([]byte{0x10, 255, 250, 0, 20, 9, 1, 0, 0x90, 0, 5, 1, 30, 0, 1, 0, 0x10, 3, 1, 6, 5, 9, 1, 0})
	f.Fuzz(runProgram)
}

func runProgram(t *testing.T, program []byte) {
	const limit = 2000
	c := Conn{Budget: NewBudget(Limits{PerConn: limit})}
	h := &checker{t: t}
	payload := make([]byte, 256)
	for i := 0; len(program) >= 8 && i < 1000; i++ {
		b := program[:8]
		program = program[8:]
		s := &Segment{
			Packet: i, Time: int64(i)*1e5 + int64(b[6])*1e6, Flags: b[0] & 0x1f, Window: uint16(b[5]), WScale: int8(b[6] & 15),
			Seq: uint32(b[1])<<24 + uint32(b[2]), Ack: uint32(b[1])<<24 + uint32(b[3]),
			Payload: payload[:b[4]], Length: int(b[4]) + int(b[7]>>4),
		}
		dir := int(b[0] >> 7)
		if b[0]&0x40 != 0 {
			s.Ack = uint32(b[3])
		}
		if c.Reuse(dir, s) {
			c.Flush(h)
			c = Conn{Budget: c.Budget}
		}
		c.Add(dir, s, h)
		if c.held > limit || c.held < 0 || c.held != c.Budget.Held() {
			t.Fatalf("holds %d", c.held)
		}
		c.half[0].check(t)
		c.half[1].check(t)
	}
	c.Flush(h)
	if c.held != 0 {
		t.Fatalf("%d bytes stay", c.held)
	}
}

type checker struct{ t *testing.T }

func (c *checker) Bytes(dir int, p []byte, m Mark) {
	if len(p) == 0 {
		c.t.Fatal("no bytes")
	}
}

func (c *checker) Skip(dir int, n int64, m Mark) {
	if n <= 0 || n > 1<<31 {
		c.t.Fatalf("skip of %d", n)
	}
}

func (c *checker) Note(dir int, kind NoteKind, n int64, m Mark) {
	if n < 0 || kind < SYN || kind > MidStream {
		c.t.Fatalf("note %v %d", kind, n)
	}
}

// check: the pieces come after next, in order, and none overlaps another.
func (p *half) check(t *testing.T) {
	end := p.next + 1
	for i := range p.pieces {
		q := &p.pieces[i]
		if before(q.seq, end) || q.length <= 0 || len(q.data) > q.length {
			t.Fatalf("piece %d at %d of %d, want it after %d", i, q.seq, q.length, end)
		}
		end = q.end()
	}
}
