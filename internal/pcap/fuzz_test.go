package pcap_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"fanlight/internal/pcap"
)

// FuzzReader holds the reader to its word for any input: it ends, with damage
// inside the file or clean; numbers count; data are bounded; and what it could
// read is what it reads again from a writer.
func FuzzReader(f *testing.F) {
	for _, o := range orders() {
		file, _ := conversation(o)
		f.Add(file)
		f.Add(gzipped(f, file))
		f.Add(zstandard(f, file))
		for _, magic := range []uint32{0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34} {
			f.Add(classic(o, magic, 1, record(o, 1, 2, 3, "abc"), record(o, 2, 3, 12, "defghijklmno")))
		}
	}
	small, err := filepath.Glob("../../testdata/captures/zeek-certificate*.pcap")
	if err != nil || len(small) == 0 {
		f.Fatal("no captures", err)
	}
	for _, name := range small {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := pcap.NewReader(bytes.NewReader(file), "fuzz")
		if err != nil {
			return
		}
		defer r.Close()
		r.OnSecrets(func(s pcap.Secrets) {
			if len(s.Data) > 64<<20 {
				t.Errorf("%d bytes of secrets", len(s.Data))
			}
		})
		all, err := readSome(r)
		for i, p := range all {
			if p.Number != i+1 || len(p.Data) > 256<<10 || p.Iface >= len(r.Interfaces()) {
				t.Fatalf("packet %d: %+v", i+1, p)
			}
		}
		var damage *pcap.DamageError
		if errors.As(err, &damage) && (damage.Offset < 0 || damage.Offset > r.Offset()+2<<20 || damage.Error() == "") {
			t.Errorf("%+v at %d", damage, r.Offset())
		}
		writeAgain(t, r.Interfaces(), all)
	})
}

// readSome reads the first packets of what may unpack to very many.
func readSome(r *pcap.Reader) (all []pcap.Packet, err error) {
	for len(all) < 10_000 {
		var p pcap.Packet
		if err = r.Next(&p); err != nil {
			break
		}
		p.Data = bytes.Clone(p.Data)
		all = append(all, p)
	}
	return all, err
}

func writeAgain(t *testing.T, interfaces []pcap.Interface, all []pcap.Packet) {
	var out bytes.Buffer
	w := pcap.NewWriter(&out, pcap.WriterOptions{})
	for _, i := range interfaces {
		w.AddInterface(i.Link, i.SnapLen, i.Name)
	}
	for _, p := range all {
		if err := w.WritePacket(p.Iface, p.Time, p.Length, p.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := pcap.NewReader(&out, "again")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range all {
		var got pcap.Packet
		if err := r.Next(&got); err != nil {
			t.Fatal(err)
		}
		if got.Time != want.Time || got.Length != want.Length || got.Link != want.Link || !bytes.Equal(got.Data, want.Data) {
			t.Fatalf("packet %d: %+v became %+v", i+1, want, got)
		}
	}
	var p pcap.Packet
	if err := r.Next(&p); err != io.EOF {
		t.Fatal(err)
	}
}
