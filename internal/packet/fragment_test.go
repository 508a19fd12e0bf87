package packet

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fragmented is a segment with payload in IPv4 fragments of 16 bytes.
func fragmented(payload string) [][]byte {
	return fragmentedID(payload, 5)
}

func fragmentedID(payload string, id int) (parts [][]byte) {
	seg := segment(40000, 443, 1, 2, ACK, []byte(payload))
	for off := 0; off < len(seg); off += 16 {
		place := off / 8
		if off+16 < len(seg) {
			place |= 0x2000
		}
		parts = append(parts, ipv4Place(hostA, hostB, TCP, id, place, seg[off:min(off+16, len(seg))]))
	}
	return parts
}

func fragmentedIPv6(payload string) (parts [][]byte) {
	seg := join([]byte{TCP, 0}, make([]byte, 6), segment(40000, 443, 1, 2, ACK, []byte(payload)))
	for off := 0; off < len(seg); off += 16 {
		place := off
		if off+16 < len(seg) {
			place |= 1
		}
		head := join([]byte{protoDest, 0}, be16(place), be32(9))
		parts = append(parts, ipv6(six1, six2, protoFragment, join(head, seg[off:min(off+16, len(seg))])))
	}
	return parts
}

func TestFragments(t *testing.T) {
	payload := strings.Repeat("0123456789", 20)
	for name, parts := range map[string][][]byte{"v4": fragmented(payload), "v6": fragmentedIPv6(payload)} {
		for seed := range uint64(50) {
			r := rand.New(rand.NewPCG(seed, 1))
			order := r.Perm(len(parts))
			order = slices.Insert(order, 1, order[0]) // one comes twice
			var d Decoder
			var got Info
			for i, at := range order {
				ok := d.Decode(LinkRaw, parts[at], len(parts[at]), int64(i), &got)
				if ok != (i == len(order)-1) {
					t.Fatalf("%s seed %d: fragment %d of %d: %v %s", name, seed, i, len(order), ok, got.Skip)
				}
			}
			if string(got.Payload) != payload || got.PayloadLen != len(payload) || !got.Fragment {
				t.Fatalf("%s: %q of %d", name, got.Payload, got.PayloadLen)
			}
			if len(d.frags.open) != 0 || d.Dropped() != 0 {
				t.Fatalf("%s: %+v stays", name, d.frags)
			}
		}
	}
}

func TestFragmentsSnapped(t *testing.T) {
	var d Decoder
	var got Info
	for _, part := range fragmented(strings.Repeat("x", 100)) {
		d.Decode(LinkRaw, part[:len(part)-1], len(part), 1, &got)
	}
	if got.Skip != SkipTruncated {
		t.Errorf("cut off in the header: %q", got.Skip)
	}
	parts := fragmented(strings.Repeat("x", 100))
	for i, part := range parts {
		cut := part
		if i == 2 {
			cut = part[:len(part)-1]
		}
		d.Decode(LinkRaw, cut, len(part), 1, &got)
	}
	if len(got.Payload) != 3*16-20-1 || got.PayloadLen != 100 {
		t.Errorf("%d of %d", len(got.Payload), got.PayloadLen)
	}
}

func TestFragmentsContradicting(t *testing.T) {
	place := func(flag, offset, n int) []byte {
		return ipv4Place(hostA, hostB, TCP, 5, flag|offset/8, make([]byte, n))
	}
	const more = 0x2000
	for name, parts := range map[string][][]byte{
		"overlap the one before":  {place(more, 0, 16), place(more, 8, 16)},
		"overlap the one after":   {place(more, 8, 16), place(more, 0, 16)},
		"same place, other size":  {place(more, 8, 16), place(more, 8, 24)},
		"end before the last":     {place(more, 32, 16), place(0, 16, 8)},
		"two ends":                {place(0, 32, 16), place(0, 16, 8)},
		"past the end":            {place(0, 16, 8), place(more, 32, 16)},
		"longer than a datagram":  {place(more, 0xfff8, 16)},
		"of no bytes at all":      {place(more, 8, 0)},
		"overlap with a last one": {place(more, 0, 24), place(0, 16, 16)},
	} {
		var d Decoder
		var got Info
		for _, part := range parts {
			d.Decode(LinkRaw, part, len(part), 1, &got)
		}
		if d.Dropped() != 1 || len(d.frags.open) != 0 {
			t.Errorf("%s: dropped %d, %d stay", name, d.Dropped(), len(d.frags.open))
		}
	}
}

func TestFragmentLimits(t *testing.T) {
	var d Decoder
	var got Info
	const second = int64(1e9)
	for id := range maxDatagrams + 3 {
		part := fragmentedID("xxxxxxxxxxxxxxxxxxxxxxxx", id)[0]
		d.Decode(LinkRaw, part, len(part), int64(id), &got)
	}
	if len(d.frags.open) != maxDatagrams || d.Dropped() != 3 {
		t.Errorf("%d datagrams, dropped %d", len(d.frags.open), d.Dropped())
	}
	big := ipv4Place(hostA, hostB, TCP, 1000, 0x2000, make([]byte, 65000))
	for id := range 2 * maxDatagrams {
		big[4], big[5] = 3, byte(id)
		d.Decode(LinkRaw, big, len(big), second, &got)
		if held, open := d.frags.held(); held > 4<<20 || open > maxDatagrams {
			t.Fatalf("holds %d bytes of %d datagrams", held, open)
		}
	}
	if _, open := d.frags.held(); open != maxDatagrams {
		t.Errorf("%d large datagrams", open)
	}
	d.Decode(LinkRaw, big, len(big), 40*second, &got)
	if len(d.frags.open) != 1 {
		t.Errorf("%d datagrams are held after their time", len(d.frags.open))
	}
}

// held is the bytes of the datagrams, and how many of these there are.
func (s *fragments) held() (bytes, open int) {
	for _, g := range s.open {
		for _, p := range g.pieces {
			bytes += len(p.data)
		}
	}
	return bytes, len(s.open)
}

// TestFragmentsOfATunnel: a mirrored frame is longer than the path takes, so the
// tunnel comes in fragments.
func TestFragmentsOfATunnel(t *testing.T) {
	payload := strings.Repeat("x", 1460)
	inner := ethernet(etherIPv4, ipv4(hostA, hostB, TCP, segment(40000, 443, 1, 2, ACK, []byte(payload))))
	outer := join(be16(0x1000), be16(etherERSPAN), make([]byte, 12), inner)
	parts := [][]byte{
		ipv4Place("192.0.2.1", "192.0.2.2", protoGRE, 8, 0x2000, outer[:1480]),
		ipv4Place("192.0.2.1", "192.0.2.2", protoGRE, 8, 1480/8, outer[1480:]),
	}
	var d Decoder
	var got Info
	for i, part := range parts {
		if key, ok := QuickKey(LinkRaw, part); key != 0 || !ok {
			t.Errorf("part %d: key %x %v", i, key, ok)
		}
		if ok := d.Decode(LinkRaw, part, len(part), 1, &got); ok != (i == 1) {
			t.Fatalf("part %d: %v %s", i, ok, got.Skip)
		}
	}
	if string(got.Payload) != payload || got.Tunnel != "erspan" || !got.Fragment || got.Src.Port() != 40000 {
		t.Errorf("%d bytes, tunnel %q, from %v", len(got.Payload), got.Tunnel, got.Src)
	}
}
