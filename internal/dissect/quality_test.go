package dissect

import (
	"testing"

	"fanlight/internal/packet"
	"fanlight/internal/reassembly"
)

func TestQuality(t *testing.T) {
	type seg struct {
		dir      int
		at       int64 // microseconds
		flags    uint8
		seq, ack uint32
		length   int
		cut      int
		mss, id  uint16
	}
	const ack = packet.ACK
	for _, test := range []struct {
		name string
		segs []seg
		want quality // counters alone
	}{
		{"as they should be", []seg{{flags: packet.SYN, mss: 1460}, {dir: 1, flags: packet.SYN | ack, ack: 1, mss: 1460},
			{at: 1, flags: ack, ack: 1}, {at: 2, flags: ack, seq: 1, ack: 1, length: 1460}}, quality{}},
		{"cut by the snap length", []seg{{flags: ack, length: 1000, cut: 900}}, quality{cut: 1}},
		{"longer than the MSS of its receiver", []seg{{flags: packet.SYN, mss: 1460}, {dir: 1, flags: ack, length: 2920}}, quality{merged: 1}},
		{"the MSS of the sender does not count", []seg{{flags: packet.SYN, mss: 1400}, {flags: ack, length: 1460}}, quality{}},
		{"loopback has an MSS of its own", []seg{{flags: packet.SYN, mss: 65495}, {dir: 1, flags: ack, length: 32000}}, quality{}},
		{"without a SYN", []seg{{dir: 1, flags: ack, length: 32000}}, quality{merged: 1}},
		{"captured twice", []seg{{flags: ack, seq: 5, length: 10, id: 3}, {at: 40, flags: ack, seq: 5, length: 10, id: 3}}, quality{twice: 1}},
		{"sent twice", []seg{{flags: ack, seq: 5, length: 10, id: 3}, {at: 40, flags: ack, seq: 5, length: 10, id: 4}}, quality{}},
		{"sent again later", []seg{{flags: ack, seq: 5, length: 10}, {at: 200_000, flags: ack, seq: 5, length: 10}}, quality{}},
		{"acknowledged twice", []seg{{flags: ack, ack: 5}, {at: 40, flags: ack, ack: 5}}, quality{}},
		{"back in time", []seg{{at: 5_000_000, flags: ack, length: 1}, {at: 1_000_000, flags: ack, seq: 1, length: 1}}, quality{clock: 1}},
		{"another queue", []seg{{at: 5_000_000, flags: ack, length: 1}, {at: 4_999_000, flags: ack, seq: 1, length: 1}}, quality{}},
	} {
		var q quality
		last := int64(0)
		for _, s := range test.segs {
			in := packet.Info{PayloadLen: s.length, Payload: make([]byte, s.length-s.cut), IPID: s.id,
				TCP: packet.TCPHeader{Seq: s.seq, Ack: s.ack, Flags: s.flags, MSS: s.mss}}
			at := 1e15 + s.at*1000
			q.note(s.dir, &in, reassembly.Mark{Time: at}, last)
			last = at
		}
		if got := (quality{cut: q.cut, merged: q.merged, twice: q.twice, clock: q.clock}); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
