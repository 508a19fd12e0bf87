package packet

import "testing"

func BenchmarkDecode(b *testing.B) {
	frame := ethernet(etherIPv4, ipv4("10.0.0.1", "10.0.0.2", TCP, segment(40000, 443, 1, 2, ACK, make([]byte, 1448))))
	var d Decoder
	var info Info
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if !d.Decode(LinkEthernet, frame, len(frame), 1, &info) {
			b.Fatal(info.Skip)
		}
	}
}

func BenchmarkQuickKey(b *testing.B) {
	frame := ethernet(etherIPv4, ipv4("10.0.0.1", "10.0.0.2", TCP, segment(40000, 443, 1, 2, ACK, make([]byte, 1448))))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := QuickKey(LinkEthernet, frame); !ok {
			b.Fatal("no key")
		}
	}
}
