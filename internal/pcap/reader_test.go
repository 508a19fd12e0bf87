package pcap_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"fanlight/internal/pcap"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const second = int64(1e9)

func TestClassic(t *testing.T) {
	for name, o := range orders() {
		for _, test := range []struct {
			name     string
			magic    uint32
			fraction int64
			extra    string // of a record's header
		}{
			{"micro", 0xa1b2c3d4, 1000, ""},
			{"nano", 0xa1b23c4d, 1, ""},
			{"modified", 0xa1b2cd34, 1000, "\x00\x00\x00\x02\x00\x08\x00\x00"},
		} {
			t.Run(name+" "+test.name, func(t *testing.T) {
				rec := func(seconds, fraction, wire uint32, data string) []byte {
					b := record(o, seconds, fraction, wire, data)
					return append(b[:16:16], test.extra+data...)
				}
				// The upper half of the link type says that frames have four bytes of check sequence.
				got, r := read(t, classic(o, test.magic, 0x4400_0071, rec(3000000000, 7, 1500, "abc"), rec(1, 999999, 0, "")))
				want := []pcap.Packet{
					{Number: 1, Time: 3000000000*second + 7*test.fraction, HasTime: true, Length: 1500, Data: []byte("abc"), Link: pcap.LinuxSLL},
					{Number: 2, Time: second + 999999*test.fraction, HasTime: true, Data: []byte{}, Link: pcap.LinuxSLL},
				}
				if d := diff(want, got); d != "" {
					t.Error(d)
				}
				if i := r.Interfaces(); len(i) != 1 || i[0].SnapLen != 262144 || i[0].Link != pcap.LinuxSLL || i[0].Dropped != pcap.NotRecorded {
					t.Errorf("interfaces %+v", i)
				}
			})
		}
	}
}

// conversation has every kind of block, and the packets it should yield.
func conversation(o byteOrder) (file []byte, want []pcap.Packet) {
	file = bytes.Join([][]byte{
		section(o, option(o, 2, "Box"), option(o, 3, "Linux"), option(o, 4, "dumpcap\x00"), option(o, 0)),
		iface(o, 1, 0, option(o, 2, "eth0"), option(o, 3, "uplink"), option(o, 11, "\x00port 443"), option(o, 13, "\x04")),
		iface(o, 101, 4, option(o, 9, "\x09"), option(o, 14, uint64(1000)), option(o, 15, "card"), option(o, 12, "BSD")),
		block(o, 4, "names, names"), // name resolution
		enhanced(o, 0, 5_000_001, 60, "abcd"),
		block(o, 10, uint32(0x544c534b), uint32(5), "K 1 2"),
		enhanced(o, 1, 5_000_000_001, 61, "efgh", option(o, 1, "first"), option(o, 2, uint32(2)), option(o, 1, "second"), option(o, 4, uint64(9)), option(o, 0)),
		block(o, 0xbad, uint32(1), "custom"),
		block(o, 3, uint32(3), "abc"), // simple
		block(o, 2, uint16(1), uint16(3), uint32(0), uint32(8), uint32(2), uint32(5), "xy"),
		block(o, 5, uint32(0), uint64(0), option(o, 4, uint64(100)), option(o, 5, uint64(3)), option(o, 7, uint64(4))),
		section(o),
		iface(o, 229, 2, option(o, 9, "\x90")),
		enhanced(o, 0, 3<<16|1<<15, 4, ""),
		block(o, 3, uint32(4), "ab"),
	}, nil)
	return file, []pcap.Packet{
		{Number: 1, Time: 5*second + 1000, HasTime: true, Length: 60, Data: []byte("abcd"), Link: pcap.Ethernet},
		{Number: 2, Time: 1005*second + 1, HasTime: true, Length: 61, Data: []byte("efgh"), Link: pcap.Raw, Iface: 1, Comment: "first\nsecond", Direction: pcap.Outbound, Dropped: 9},
		{Number: 3, Length: 3, Data: []byte("abc"), Link: pcap.Ethernet},
		{Number: 4, Time: 1000*second + 8, HasTime: true, Length: 5, Data: []byte("xy"), Link: pcap.Raw, Iface: 1, Dropped: 3},
		{Number: 5, Time: 3*second + second/2, HasTime: true, Length: 4, Data: []byte{}, Link: pcap.IPv6, Iface: 2},
		{Number: 6, Length: 4, Data: []byte("ab"), Link: pcap.IPv6, Iface: 2},
	}
}

func TestNG(t *testing.T) {
	for name, o := range orders() {
		t.Run(name, func(t *testing.T) {
			file, want := conversation(o)
			got, r := read(t, file)
			if d := diff(want, got); d != "" {
				t.Error(d)
			}
			section := pcap.Interface{Hardware: "Box", OS: "Linux", Application: "dumpcap", Received: pcap.NotRecorded, Dropped: pcap.NotRecorded}
			eth, card, last := section, section, pcap.Interface{Received: pcap.NotRecorded, Dropped: pcap.NotRecorded}
			eth.Name, eth.Description, eth.Filter, eth.Link, eth.Received, eth.Dropped = "eth0", "uplink", "port 443", pcap.Ethernet, 100, 7
			card.Hardware, card.OS, card.Link, card.SnapLen = "card", "BSD", pcap.Raw, 4
			last.Link, last.SnapLen = pcap.IPv6, 2
			if d := diff([]pcap.Interface{eth, card, last}, r.Interfaces()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSectionsOfBothOrders(t *testing.T) {
	var file []byte
	for _, o := range orders() {
		part, _ := conversation(o)
		file = append(file, part...)
	}
	got, r := read(t, file)
	if len(got) != 12 || got[6].Iface != 3 || got[6].Time != 5*second+1000 || len(r.Interfaces()) != 6 {
		t.Errorf("%d interfaces, packets %+v", len(r.Interfaces()), got)
	}
}

func TestSecrets(t *testing.T) {
	for name, o := range orders() {
		t.Run(name, func(t *testing.T) {
			big := bytes.Repeat([]byte("CLIENT_RANDOM 00 11\n"), 200_000)
			file := bytes.Join([][]byte{section(o), block(o, 10, uint32(pcap.TLSKeyLog), uint32(len(big)), big), block(o, 10, uint32(7), uint32(0))}, nil)
			r, err := pcap.NewReader(bytes.NewReader(file), "test")
			if err != nil {
				t.Fatal(err)
			}
			var got []pcap.Secrets
			r.OnSecrets(func(s pcap.Secrets) { got = append(got, s) })
			if _, err := readAll(t, r); err != nil {
				t.Fatal(err)
			}
			want := []pcap.Secrets{{Kind: pcap.TLSKeyLog, Data: big}, {Kind: 7, Data: []byte{}}}
			if d := diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestResolution tries units that are not powers of a thousand.
func TestResolution(t *testing.T) {
	o := orders()["little"]
	for _, test := range []struct {
		resolution string
		units      uint64
		want       int64
	}{
		{"\x00", 7, 7 * second},
		{"\x03", 1_700_000_000_123, 1_700_000_000_123_000_000},
		{"\x0c", 1_234_567_891_234, 1_234_567_891},
		{"\x80", 3, 3 * second},
		{"\x8a", 1<<10 + 512, second + second/2},
		{"\xa0", 1_700_000_000<<32 | 1<<31, 1_700_000_000*second + second/2},
		{"\xbf", 1<<63 | 1<<62, second + second/2},
		{"\x7f", 1, 0},
	} {
		got, _ := read(t, bytes.Join([][]byte{section(o), iface(o, 1, 0, option(o, 9, test.resolution)), enhanced(o, 0, test.units, 0, "")}, nil))
		if got[0].Time != test.want {
			t.Errorf("resolution % x: %d units are %d ns, want %d", test.resolution, test.units, got[0].Time, test.want)
		}
	}
}

func TestPacked(t *testing.T) {
	plain, want := conversation(orders()["little"])
	for name, packed := range map[string][]byte{"gzip": gzipped(t, plain), "zstd": zstandard(t, plain), "zstd after a frame to skip": append([]byte("\x53\x2a\x4d\x18\x02\x00\x00\x00ab"), zstandard(t, plain)...)} {
		t.Run(name, func(t *testing.T) {
			got, r := read2(t, packed)
			if d := diff(want, got); d != "" {
				t.Error(d)
			}
			if r.Offset() != int64(len(plain)) || r.InputOffset() != int64(len(packed)) {
				t.Errorf("offsets %d of %d, %d of %d", r.Offset(), len(plain), r.InputOffset(), len(packed))
			}
			for n := range packed {
				r, err := pcap.NewReader(bytes.NewReader(packed[:n]), "cut")
				if err == nil {
					_, err = readAll(t, r)
					r.Close()
				}
				if err == nil {
					t.Errorf("cut at %d of %d: no error", n, len(packed))
				}
			}
		})
	}
}

// read2 is read for a packed file.
func read2(t *testing.T, file []byte) ([]pcap.Packet, *pcap.Reader) {
	t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(file), "packed")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := readAll(t, r)
	if err != nil {
		t.Fatal(err)
	}
	return got, r
}

func gzipped(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, plain []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(plain, nil)
}

func TestDamage(t *testing.T) {
	o := orders()["little"]
	head := append(section(o), iface(o, 1, 0)...)
	packet := enhanced(o, 0, 1, 4, "abcd")
	at := len(head) + len(packet)
	ng := func(last []byte) []byte { return bytes.Join([][]byte{head, packet, last}, nil) }
	wrongEnd := enhanced(o, 0, 1, 4, "abcd")
	wrongEnd[len(wrongEnd)-4] ^= 4
	for _, test := range []struct {
		name   string
		file   []byte
		offset int64
		packet int
		text   string
	}{
		{"empty", nil, 0, 0, "read bad: the file is empty"},
		{"header", classic(o, 0xa1b2c3d4, 1)[:20], 0, 0, "read bad: cut inside the file header"},
		{"record", classic(o, 0xa1b2c3d4, 1, record(o, 1, 1, 1, "a"), record(o, 1, 1, 2, "ab")[:17]), 41, 2, "read bad: cut inside packet 2 at offset 41"},
		{"record length", classic(o, 0xa1b2c3d4, 1, record(o, 1, 1, 1, "a"), words(o, uint64(0), ^uint32(0), uint32(0))), 41, 2, "read bad: packet 2 at offset 41: captured length 4294967295 is beyond the limit"},
		{"section", section(o)[:20], 0, 0, "read bad: cut inside the file header"},
		{"magic", words(o, uint32(0x0a0d0d0a), uint32(28), "what", make([]byte, 16)), 0, 0, "read bad: byte-order magic is 77 68 61 74"},
		{"version", block(o, 0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(2), uint16(1), ^uint64(0)), 0, 0, "read bad: pcapng version 2.1 is not known"},
		{"block", ng(packet[:20]), int64(at), 2, "cut inside packet 2 at offset"},
		{"block start", ng(packet[:3]), int64(at), 0, "cut inside the block at offset"},
		{"skipped", ng(block(o, 4, make([]byte, 3<<20))[:2<<20]), int64(at), 0, "cut inside the block at offset"},
		{"secrets", ng(block(o, 10, make([]byte, 3<<20))[:2<<20]), int64(at), 0, "cut inside the block at offset"},
		{"secrets length", ng(block(o, 10, uint32(0), uint32(5), "abcd")), int64(at), 0, "secrets of 5 bytes run past"},
		{"secrets size", ng(words(o, uint32(10), uint32(1<<30), uint32(0))), int64(at), 0, "secrets of 1073741824 bytes are beyond"},
		{"no length", ng(make([]byte, 40)), int64(at), 0, "block length is 0"},
		{"odd length", ng(words(o, uint32(99), uint32(13), make([]byte, 40))), int64(at), 0, "block length is 13"},
		{"long packet", ng(words(o, uint32(6), uint32(1<<30), make([]byte, 40))), int64(at), 2, "block length 1073741824 is beyond"},
		{"lengths differ", ng(wrongEnd), int64(at), 2, "block length is 36 before and 32 after it"},
		{"captured", ng(block(o, 6, uint32(0), uint64(0), uint32(9), uint32(9), "abcdefgh")), int64(at), 2, "captured length 9 runs past its block"},
		{"captured beyond", ng(block(o, 6, uint32(0), uint64(0), ^uint32(0), uint32(9), "abcdefgh")), int64(at), 2, "captured length 4294967295 is beyond"},
		{"interface", ng(enhanced(o, 1, 1, 1, "")), int64(at), 2, "interface 1 is not described"},
		{"interface after section", ng(append(section(o), enhanced(o, 0, 1, 1, "")...)), int64(at) + 28, 2, "interface 0 is not described"},
		{"simple without interface", append(section(o), block(o, 3, uint32(0))...), 28, 1, "interface 0 is not described"},
		{"simple", ng(block(o, 3, uint32(9), "abcdefgh")), int64(at), 2, "captured length 9 runs past"},
		{"short packet", ng(block(o, 6, "abcdefgh")), int64(at), 2, "packet block of 8 bytes is too short"},
		{"option", ng(enhanced(o, 0, 1, 4, "abcd", option(o, 1, "hello")[:4])), int64(at), 2, "option 1 of 5 bytes runs past"},
		{"statistics", ng(block(o, 5, uint32(3), uint64(0))), int64(at), 0, "statistics of interface 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// However the bytes arrive, the answer is the same.
			for _, in := range []io.Reader{bytes.NewReader(test.file), iotest.OneByteReader(bytes.NewReader(test.file)), iotest.DataErrReader(bytes.NewReader(test.file))} {
				r, err := pcap.NewReader(in, "bad")
				if err == nil {
					var before []pcap.Packet
					before, err = readAll(t, r)
					if test.packet > 0 && len(before) != test.packet-1 {
						t.Errorf("%d packets before packet %d", len(before), test.packet)
					}
					var p pcap.Packet
					if again := r.Next(&p); again != err {
						t.Errorf("then %v", again)
					}
				}
				d := isDamage(t, err)
				if d.Offset != test.offset || d.Packet != test.packet || !strings.Contains(d.Error(), test.text) {
					t.Errorf("offset %d packet %d %q\nwant offset %d packet %d %q", d.Offset, d.Packet, d, test.offset, test.packet, test.text)
				}
			}
		})
	}
}

func TestNoCapture(t *testing.T) {
	for _, text := range []string{"a", "hello, world", "\x00\x00\x00\x00" + strings.Repeat("x", 99)} {
		if _, err := pcap.NewReader(strings.NewReader(text), "notes.txt"); !errors.Is(err, pcap.ErrFormat) || !strings.HasPrefix(err.Error(), "read notes.txt: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestInputError keeps what came before an error of the input.
func TestInputError(t *testing.T) {
	o := orders()["big"]
	file := classic(o, 0xa1b2c3d4, 1, record(o, 1, 1, 1, "a"), record(o, 1, 1, 1, "b"))
	gone := errors.New("gone")
	r, err := pcap.NewReader(io.MultiReader(bytes.NewReader(file[:50]), iotest.ErrReader(gone)), "pipe")
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(t, r)
	if len(got) != 1 || !errors.Is(err, gone) || !strings.Contains(err.Error(), "read pipe: offset 50") {
		t.Errorf("%d packets, %v", len(got), err)
	}
}

// TestArrival gives packets as they come, without waiting for a full buffer.
func TestArrival(t *testing.T) {
	o := orders()["little"]
	in, out := io.Pipe()
	go out.Write(append(classic(o, 0xa1b2c3d4, 1), record(o, 1, 1, 1, "a")...))
	r, err := pcap.NewReader(in, "pipe")
	if err != nil {
		t.Fatal(err)
	}
	var p pcap.Packet
	if err := r.Next(&p); err != nil || string(p.Data) != "a" {
		t.Errorf("%v %q", err, p.Data)
	}
	out.Close()
}

// TestClose ends while the input still may bring more.
func TestClose(t *testing.T) {
	for name, packed := range map[string][]byte{"plain": at(1, 2), "zstd": zstandard(t, at(1, 2))} {
		t.Run(name, func(t *testing.T) {
			in, out := io.Pipe()
			defer in.Close()
			go out.Write(packed)
			r, err := pcap.NewReader(in, "pipe")
			if err != nil {
				t.Fatal(err)
			}
			var p pcap.Packet
			if err := r.Next(&p); err != nil {
				t.Error(err)
			}
			r.Close()
		})
	}
}

// TestTruncated cuts a file of each kind at every byte: what is whole before
// that is read, then the damage told.
func TestTruncated(t *testing.T) {
	o := orders()["big"]
	ng, ngWant := conversation(o)
	pcapFile := classic(o, 0xa1b2c3d4, 1, record(o, 1, 1, 1, "a"), record(o, 2, 1, 1, "bc"), record(o, 3, 1, 1, ""))
	pcapWant, _ := read(t, pcapFile)
	for name, test := range map[string]struct {
		file []byte
		want []pcap.Packet
	}{"pcap": {pcapFile, pcapWant}, "pcapng": {ng, ngWant}} {
		t.Run(name, func(t *testing.T) {
			clean := 0
			for n := range test.file {
				r, err := pcap.NewReader(bytes.NewReader(test.file[:n]), "cut")
				var got []pcap.Packet
				if err == nil {
					got, err = readAll(t, r)
				}
				if d := diff(test.want[:len(got)], append([]pcap.Packet{}, got...)); d != "" {
					t.Fatalf("cut at %d: %s", n, d)
				}
				switch damage := (*pcap.DamageError)(nil); {
				case err == nil:
					clean++
				case n > 0 && n < 4:
				case !errors.As(err, &damage):
					t.Errorf("cut at %d: %v", n, err)
				case damage.Offset > int64(n) || damage.Packet != 0 && damage.Packet != len(got)+1 || n > 0 && !damage.Cut():
					t.Errorf("cut at %d after %d packets: %+v", n, len(got), damage)
				}
			}
			if blocks := map[string]int{"pcap": 3, "pcapng": 14}[name]; clean != blocks {
				t.Errorf("%d cuts are clean, the file has %d places for that", clean, blocks)
			}
		})
	}
}

// TestBatches reads more than one batch in each way and by turns.
func TestBatches(t *testing.T) {
	o := orders()["little"]
	var records [][]byte
	for i := range 5000 {
		records = append(records, record(o, uint32(i), 0, 1500, strings.Repeat(string(rune('a'+i%26)), i%1500)))
	}
	file := classic(o, 0xa1b2c3d4, 1, records...)
	want, _ := read(t, file)
	r, err := pcap.NewReader(bytes.NewReader(file), "test")
	if err != nil {
		t.Fatal(err)
	}
	var got []pcap.Packet
	for turn := 0; ; turn++ {
		var p pcap.Packet
		var b pcap.Batch // kept, as an analyser would
		if turn%2 == 0 {
			err = r.Next(&p)
			p.Data = bytes.Clone(p.Data)
			got = append(got, p)
		} else {
			err = r.NextBatch(&b)
			got = append(got, b.Packets...)
		}
		if err != nil {
			break
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	if last := got[len(got)-1]; last.Number == 0 {
		got = got[:len(got)-1]
	}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestLargest reads a packet of the limit with comments, in a block that fills
// a batch.
func TestLargest(t *testing.T) {
	o := orders()["little"]
	data := strings.Repeat("x", 256<<10)
	file := bytes.Join([][]byte{section(o), iface(o, 1, 0), enhanced(o, 0, 1, 4, "abcd"), enhanced(o, 0, 1, 1<<20, data, option(o, 1, strings.Repeat("c", 65535))), enhanced(o, 0, 1, 4, "efgh")}, nil)
	got, _ := read(t, file)
	if len(got) != 3 || len(got[1].Data) != len(data) || len(got[1].Comment) != 65535 || string(got[2].Data) != "efgh" {
		t.Errorf("%d packets", len(got))
	}
	exact := block(o, 4, make([]byte, 5<<20))
	got, _ = read(t, bytes.Join([][]byte{file, exact, enhanced(o, 0, 1, 4, "ijkl")}, nil))
	if len(got) != 4 {
		t.Errorf("%d packets around a long block that is skipped", len(got))
	}
}
