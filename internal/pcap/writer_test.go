package pcap_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fanlight/internal/pcap"
)

func TestWriterRoundTrip(t *testing.T) {
	var out bytes.Buffer
	w := pcap.NewWriter(&out, pcap.WriterOptions{OS: "Linux", Application: "fanlight"})
	w.AddInterface(pcap.Ethernet, 1500, "eth0")
	w.AddInterface(pcap.LinuxSLL2, 0, "")
	comment := strings.Repeat("ü", 100)
	for _, err := range []error{
		w.WriteSecrets(pcap.Secrets{Kind: pcap.TLSKeyLog, Data: []byte("a b c")}),
		w.WritePacket(0, 1_700_000_000_123_456_789, 1600, []byte("abcde"), "one", comment),
		w.WritePacket(1, 5, 0, nil),
		w.WriteStatistics(0, 6, 10, pcap.NotRecorded),
		w.WriteStatistics(1, 6, pcap.NotRecorded, 2),
		w.Flush(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if w.Written() != int64(out.Len()) {
		t.Errorf("%d written, %d there", w.Written(), out.Len())
	}
	got, r := read(t, out.Bytes())
	want := []pcap.Packet{
		{Number: 1, Time: 1_700_000_000_123_456_789, HasTime: true, Length: 1600, Data: []byte("abcde"), Link: pcap.Ethernet, Comment: "one\n" + comment},
		{Number: 2, Time: 5, HasTime: true, Data: []byte{}, Link: pcap.LinuxSLL2, Iface: 1},
	}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
	wantInterfaces := []pcap.Interface{
		{Name: "eth0", OS: "Linux", Application: "fanlight", Link: pcap.Ethernet, SnapLen: 1500, Received: 10, Dropped: pcap.NotRecorded},
		{OS: "Linux", Application: "fanlight", Link: pcap.LinuxSLL2, Received: pcap.NotRecorded, Dropped: 2},
	}
	if d := diff(wantInterfaces, r.Interfaces()); d != "" {
		t.Error(d)
	}
}

func TestWriterRefuses(t *testing.T) {
	w := pcap.NewWriter(io.Discard, pcap.WriterOptions{})
	if err := w.WritePacket(0, 0, 0, nil); err == nil {
		t.Error("wrote a packet of no interface")
	}
	w.AddInterface(pcap.Raw, 0, "")
	if err := w.WritePacket(0, 0, 0, make([]byte, 1<<19)); err == nil {
		t.Error("wrote a packet nobody reads")
	}
	if err := w.WriteSecrets(pcap.Secrets{Data: make([]byte, 64<<20)}); err == nil {
		t.Error("wrote secrets nobody reads")
	}
}

// TestWriterBounds writes what just fits, and reads it again.
func TestWriterBounds(t *testing.T) {
	var out bytes.Buffer
	w := pcap.NewWriter(&out, pcap.WriterOptions{})
	w.AddInterface(pcap.Raw, 0, "")
	long := strings.Repeat("c", 70_000)
	comments := make([]string, 20)
	for i := range comments {
		comments[i] = long
	}
	if err := errors.Join(w.WritePacket(0, 0, 0, make([]byte, 256<<10), comments...), w.Flush()); err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, out.Bytes())
	if len(got) != 1 || len(got[0].Data) != 256<<10 || len(got[0].Comment) < 3*65535 {
		t.Errorf("%d packets", len(got))
	}
}

func TestWriterError(t *testing.T) {
	in, out := io.Pipe()
	gone := errors.New("gone")
	in.CloseWithError(gone)
	w := pcap.NewWriter(out, pcap.WriterOptions{})
	w.AddInterface(pcap.Raw, 0, "")
	if err := w.Flush(); !errors.Is(err, gone) {
		t.Error(err)
	}
	if err := w.WritePacket(0, 0, 0, nil); !errors.Is(err, gone) {
		t.Error(err)
	}
}

func TestRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.pcapng")
	const maxBytes, maxFiles, packets = 20_000, 3, 100
	base := int64(1_700_000_000) * second
	written := 0
	// The second ring goes on where the first stopped.
	for range 2 {
		g, err := pcap.NewRing(path, maxBytes, maxFiles, pcap.WriterOptions{Application: "fanlight"})
		if err != nil {
			t.Fatal(err)
		}
		g.AddInterface(pcap.Ethernet, 0, "eth0")
		if err := g.WriteSecrets(pcap.Secrets{Kind: pcap.TLSKeyLog, Data: []byte("a b c\n")}); err != nil {
			t.Fatal(err)
		}
		for range packets {
			if err := g.WritePacket(0, base+int64(written), 1000, make([]byte, 1000), "x"); err != nil {
				t.Fatal(err)
			}
			written++
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		checkRing(t, g.Files(), path, maxBytes, maxFiles)
		all := openAll(t, g.Files()...)
		if last := all[len(all)-1]; last.Time != base+int64(written-1) || len(all) < 2*maxBytes/1100 {
			t.Errorf("%d packets, the last %+v", len(all), last)
		}
	}
}

func checkRing(t *testing.T, files []string, path string, maxBytes int64, maxFiles int) {
	t.Helper()
	there, err := filepath.Glob(strings.TrimSuffix(path, ".pcapng") + "*")
	if err != nil || len(there) != maxFiles || diff(there, files) != "" {
		t.Fatalf("%v, files %v, ring %v", err, there, files)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() > maxBytes+100 {
			t.Error(info, err)
		}
		s, err := pcap.Open([]string{name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		secrets := 0
		s.OnSecrets(func(pcap.Secrets) { secrets++ })
		if _, err := readAll(t, s); err != nil || len(s.Damage()) > 0 || secrets != 1 {
			t.Errorf("%s: %v %v, %d secrets", name, err, s.Damage(), secrets)
		}
		if i := s.Interfaces(0); len(i) != 1 || i[0].Name != "eth0" {
			t.Errorf("%s: %+v", name, i)
		}
		s.Close()
	}
}

// TestRingWithoutLimits is one file of that name, which replaces none.
func TestRingWithoutLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.pcapng")
	g, err := pcap.NewRing(path, 0, 0, pcap.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	g.AddInterface(pcap.Raw, 0, "")
	for i := range 1000 {
		if err := g.WritePacket(0, int64(i), 10, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if len(openAll(t, path)) != 1000 || len(g.Files()) != 1 || g.Files()[0] != path {
		t.Error(g.Files())
	}
	if _, err := pcap.NewRing(path, 0, 0, pcap.WriterOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing file: %v", err)
	}
}
