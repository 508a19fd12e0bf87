package pcap_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"fanlight/internal/pcap"
)

// benchFile writes a capture of 256 MiB, packets of a size, some starting at
// an odd nanosecond, so that two files interleave.
func benchFile(b *testing.B, size int, ng bool, start int64) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bench.pcap")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	const total = 256 << 20
	data := make([]byte, size)
	if ng {
		w := pcap.NewWriter(file, pcap.WriterOptions{})
		w.AddInterface(pcap.Ethernet, 0, "eth0")
		for w.Written() < total {
			start += 2
			if err := w.WritePacket(0, start, size, data); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
		return path
	}
	o := orders()["little"]
	one := record(o, 1, 1, uint32(size), string(data))
	buf := classic(o, 0xa1b2c3d4, 1)
	for n := 0; n < total; n += len(buf) {
		if n > 0 {
			buf = buf[:0]
		}
		for range 1000 {
			buf = append(buf, one...)
		}
		if _, err := file.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	return path
}

func benchRead(b *testing.B, paths ...string) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	var batch pcap.Batch
	packets := 0
	for b.Loop() {
		s, err := pcap.Open(paths, nil)
		if err != nil {
			b.Fatal(err)
		}
		for err = s.NextBatch(&batch); err == nil; err = s.NextBatch(&batch) {
			packets += len(batch.Packets)
		}
		if err != io.EOF || len(s.Damage()) > 0 {
			b.Fatal(err, s.Damage())
		}
		total, _ := s.Size()
		b.SetBytes(total)
		s.Close()
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(packets), "ns/packet")
}

func BenchmarkNextBatch(b *testing.B) {
	for _, bench := range []struct {
		name string
		size int
		ng   bool
	}{{"pcap-1500", 1500, false}, {"pcapng-1500", 1500, true}, {"pcap-60", 60, false}, {"pcapng-60", 60, true}} {
		b.Run(bench.name, func(b *testing.B) { benchRead(b, benchFile(b, bench.size, bench.ng, 0)) })
	}
	b.Run("merged-1500", func(b *testing.B) {
		benchRead(b, benchFile(b, 1500, true, 0), benchFile(b, 1500, true, 1))
	})
}

func BenchmarkNext(b *testing.B) {
	path := benchFile(b, 1500, true, 0)
	b.ReportAllocs()
	for b.Loop() {
		s, err := pcap.Open([]string{path}, nil)
		if err != nil {
			b.Fatal(err)
		}
		var p pcap.Packet
		for err = s.Next(&p); err == nil; err = s.Next(&p) {
		}
		total, _ := s.Size()
		b.SetBytes(total)
		s.Close()
	}
}

func BenchmarkWritePacket(b *testing.B) {
	w := pcap.NewWriter(io.Discard, pcap.WriterOptions{})
	w.AddInterface(pcap.Ethernet, 0, "eth0")
	data := make([]byte, 1500)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.WritePacket(0, 1, 1500, data); err != nil {
			b.Fatal(err)
		}
	}
}
