package app

import (
	"iter"
	"sync"

	"fanlight/internal/pcap"
)

const (
	// A segment of a packetRing takes 1 MiB together with its index.
	segmentBytes   = 768 << 10
	segmentPackets = (1<<20 - segmentBytes) / 24
)

// packetRing keeps the latest packets in bounded memory. Its methods may be
// called concurrently.
type packetRing struct {
	segments int   // most there are
	age      int64 // nanoseconds after which packets are given up

	mu   sync.Mutex
	kept []packetSegment // oldest first
}

// packetSegment is only ever appended to: who has a copy can read on.
type packetSegment struct {
	data    []byte
	packets []keptPacket
}

type keptPacket struct {
	time       int64 // nanoseconds since the Unix epoch
	length     uint32
	start, end uint32 // in data
}

func newPacketRing(bytes int, age int64) *packetRing {
	return &packetRing{segments: bytes >> 20, age: age}
}

// add copies packets, all of which must be of at most segmentBytes.
func (r *packetRing) add(packets []pcap.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range packets {
		p := &packets[i]
		s := r.room(p)
		start := uint32(len(s.data))
		s.data = append(s.data, p.Data...)
		s.packets = append(s.packets, keptPacket{p.Time, uint32(p.Length), start, uint32(len(s.data))})
	}
}

// room gives the segment that a packet fits into, which may be a new one in the
// place of those that are too old or too many.
func (r *packetRing) room(p *pcap.Packet) *packetSegment {
	if n := len(r.kept); n > 0 {
		last := &r.kept[n-1]
		if len(last.data)+len(p.Data) <= segmentBytes && len(last.packets) < segmentPackets {
			return last
		}
	}
	gone := max(0, len(r.kept)+1-r.segments)
	for gone < len(r.kept) && r.kept[gone].newest() < p.Time-r.age {
		gone++
	}
	kept := append(make([]packetSegment, 0, r.segments), r.kept[gone:]...)
	r.kept = append(kept, packetSegment{make([]byte, 0, segmentBytes), make([]keptPacket, 0, segmentPackets)})
	return &r.kept[len(r.kept)-1]
}

func (s *packetSegment) newest() int64 { return s.packets[len(s.packets)-1].time }

// since gives the packets of a time and later, in the order they were added.
// They stay good whatever is added; Data must not be changed.
func (r *packetRing) since(time int64) iter.Seq[pcap.Packet] {
	r.mu.Lock()
	kept := append([]packetSegment(nil), r.kept...)
	r.mu.Unlock()
	return func(yield func(pcap.Packet) bool) {
		for _, s := range kept {
			for _, p := range s.packets {
				if p.time < time {
					continue
				}
				if !yield(pcap.Packet{Time: p.time, Length: int(p.length), Data: s.data[p.start:p.end:p.end]}) {
					return
				}
			}
		}
	}
}
