package pcap_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/pcap"
)

// write puts files into a directory of the test's.
func write(t testing.TB, files ...[]byte) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i, file := range files {
		paths = append(paths, filepath.Join(dir, string(rune('a'+i))+".pcap"))
		if err := os.WriteFile(paths[i], file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// at is a file with a packet at each of some seconds.
func at(seconds ...uint32) []byte {
	o := orders()["little"]
	file := classic(o, 0xa1b2c3d4, 1)
	for _, s := range seconds {
		file = append(file, record(o, s, 0, 1, "x")...)
	}
	return file
}

// order is the seconds and files of packets.
func order(packets []pcap.Packet) (out [][2]int) {
	for _, p := range packets {
		out = append(out, [2]int{int(p.Time / second), p.File})
	}
	return out
}

func TestMerge(t *testing.T) {
	cut := at(1, 4, 9)
	cut = cut[:len(cut)-1]
	for _, test := range []struct {
		name   string
		files  [][]byte
		want   [][2]int
		damage []string
	}{
		{"one", [][]byte{at(2, 1)}, [][2]int{{2, 0}, {1, 0}}, nil},
		{"one cut", [][]byte{cut}, [][2]int{{1, 0}, {4, 0}}, []string{"a.pcap: cut inside packet 3"}},
		{"rotated", [][]byte{at(5, 6), at(3, 4), at(1, 2)}, [][2]int{{1, 2}, {2, 2}, {3, 1}, {4, 1}, {5, 0}, {6, 0}}, nil},
		{"overlap", [][]byte{at(1, 4, 7), at(2, 5, 8), at(3, 6, 9)}, [][2]int{{1, 0}, {2, 1}, {3, 2}, {4, 0}, {5, 1}, {6, 2}, {7, 0}, {8, 1}, {9, 2}}, nil},
		{"equal", [][]byte{at(1, 1, 2), at(1, 2)}, [][2]int{{1, 0}, {1, 0}, {1, 1}, {2, 0}, {2, 1}}, nil},
		{"disorder", [][]byte{at(5, 1, 6), at(2, 7)}, [][2]int{{2, 1}, {5, 0}, {1, 0}, {6, 0}, {7, 1}}, nil},
		{"cut", [][]byte{cut, at(2, 5)}, [][2]int{{1, 0}, {2, 1}, {4, 0}, {5, 1}}, []string{"a.pcap: cut inside packet 3"}},
		{"no packets", [][]byte{at(), at(2)}, [][2]int{{2, 1}}, nil},
		{"empty", [][]byte{at(2), nil, at(1), at()[:10]}, [][2]int{{1, 2}, {2, 0}}, []string{"b.pcap: the file is empty", "d.pcap: cut inside the file header"}},
		{"packed", [][]byte{gzipped(t, at(1, 3)), zstandard(t, at(2, 4))}, [][2]int{{1, 0}, {2, 1}, {3, 0}, {4, 1}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := pcap.Open(write(t, test.files...), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			got, err := readAll(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if d := diff(test.want, order(got)); d != "" {
				t.Error(d)
			}
			for i, p := range got {
				if p.Number != i+1 {
					t.Errorf("packet %d has number %d", i+1, p.Number)
				}
			}
			checkDamage(t, s, test.damage)
			if total, known := s.Size(); !known || len(test.damage) == 0 && s.InputOffset() != total {
				t.Errorf("read %d of %d, %v", s.InputOffset(), total, known)
			}
		})
	}
}

func checkDamage(t *testing.T, s *pcap.Source, want []string) {
	t.Helper()
	if len(s.Damage()) != len(want) {
		t.Fatalf("damage %v, want %v", s.Damage(), want)
	}
	for i, err := range s.Damage() {
		if isDamage(t, err); !strings.Contains(err.Error(), want[i]) {
			t.Errorf("damage %v, want %s", err, want[i])
		}
	}
}

// TestMergedBatches reads files that overlap, then one alone, in whole batches
// of packets in order.
func TestMergedBatches(t *testing.T) {
	var odd, even, later []uint32
	for i := range uint32(200_000) {
		if i%2 == 0 {
			even = append(even, i)
		} else {
			odd = append(odd, i)
		}
		later = append(later, 200_000+i)
	}
	paths := write(t, at(later...), at(odd...), at(even...))
	s, err := pcap.Open(paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b pcap.Batch
	next := 0
	for {
		err := s.NextBatch(&b)
		if err != nil {
			if err != io.EOF || len(b.Packets) > 0 {
				t.Error(err, len(b.Packets))
			}
			break
		}
		for _, p := range b.Packets {
			if p.Time != int64(next)*second || p.Number != next+1 || string(p.Data) != "x" {
				t.Fatalf("packet %+v instead of that of second %d", p, next)
			}
			next++
		}
	}
	if next != 400_000 {
		t.Errorf("%d packets", next)
	}
}

// TestStdinAmongFiles merges what can be read only once, its first secrets
// included.
func TestStdinAmongFiles(t *testing.T) {
	o := orders()["little"]
	piped := bytes.Join([][]byte{
		section(o), iface(o, 1, 0, option(o, 9, "\x00")), block(o, 10, pcap.TLSKeyLog, uint32(5), "a b c"),
		enhanced(o, 0, 2, 0, ""), enhanced(o, 0, 4, 0, ""),
	}, nil)
	paths := write(t, at(1, 3))
	s, err := pcap.Open(append(paths, "-"), bytes.NewReader(piped))
	if err != nil {
		t.Fatal(err)
	}
	if !s.SecretsMayCome() {
		t.Error("a stream of pcapng is not expected to hold secrets")
	}
	secrets := 0
	s.OnSecrets(func(pcap.Secrets) { secrets++ })
	got, err := readAll(t, s)
	if err != nil || secrets != 1 {
		t.Errorf("%v, %d secrets", err, secrets)
	}
	if d := diff([][2]int{{1, 0}, {2, 1}, {3, 0}, {4, 1}}, order(got)); d != "" {
		t.Error(d)
	}
	if _, known := s.Size(); known || s.Name(1) != "stdin" || s.Name(0) != paths[0] || s.InputOffset() != int64(len(piped)+len(at(1, 3))) {
		t.Errorf("size known %v, %q, %q, offset %d", known, s.Name(0), s.Name(1), s.InputOffset())
	}
}

func TestStdinAlone(t *testing.T) {
	s, err := pcap.Open([]string{"-"}, bytes.NewReader(at(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	if s.SecretsMayCome() {
		t.Error("pcap is expected to hold secrets")
	}
	if got, err := readAll(t, s); err != nil || len(got) != 2 {
		t.Error(len(got), err)
	}
}

func TestOpenFails(t *testing.T) {
	good := write(t, at(1))[0]
	text := write(t, []byte("hello, world"))[0]
	empty := write(t, nil)[0]
	for _, test := range []struct {
		paths []string
		is    error
		text  string
	}{
		{[]string{good, "/nowhere/x.pcap"}, fs.ErrNotExist, "/nowhere/x.pcap"},
		{[]string{text}, pcap.ErrFormat, text},
		{[]string{good, text}, pcap.ErrFormat, text},
		{[]string{t.TempDir()}, nil, "is a directory"},
		{[]string{empty}, nil, "the file is empty"},
	} {
		s, err := pcap.Open(test.paths, nil)
		if err == nil || s != nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%v: %v", test.paths, err)
		}
	}
}

// TestManyFiles has only those open whose turn it is.
func TestManyFiles(t *testing.T) {
	var files [][]byte
	for i := range uint32(20) {
		files = append(files, at(10*i, 10*i+5))
	}
	slices.Reverse(files)
	s, err := pcap.Open(write(t, files...), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := openFiles(t)
	var p pcap.Packet
	for n := 0; s.Next(&p) == nil; n++ {
		if p.Time != int64(n)*5*second {
			t.Fatalf("packet %d at %d", n, p.Time)
		}
		if now := openFiles(t); now > before+2 {
			t.Fatalf("%d files are open, %d before", now, before)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no list of open files here:", err)
	}
	return len(list)
}
