package reassembly

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fanlight/internal/packet"
)

// followed is a connection and what it gave.
type followed struct {
	client netip.AddrPort
	conn   Conn
	sent   [2][]byte
	missed int64
}

func (f *followed) Bytes(dir int, p []byte, m Mark)              { f.sent[dir] = append(f.sent[dir], p...) }
func (f *followed) Skip(dir int, n int64, m Mark)                { f.missed += n }
func (f *followed) Note(dir int, kind NoteKind, n int64, m Mark) {}

// TestTShark: the connections, and the bytes of both directions, are those that
// tshark follows.
func TestTShark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	files, err := filepath.Glob("../../testdata/captures/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Skip("no captures")
	}
	for _, file := range files {
		if filepath.Base(file) == "ja4-chrome-quic-with-secrets.pcapng" {
			continue // tshark does not write it in the old format, which this test reads
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			ours := follow(t, oldFormat(t, file))
			args := []string{"-r", file, "-T", "fields", "-e", "tcp.stream"}
			for i := range ours {
				args = append(args, "-z", fmt.Sprintf("follow,tcp,raw,%d", i))
			}
			theirs := string(tshark(t, args...))
			seen := map[string]bool{}
			for _, number := range strings.Fields(theirs[:strings.Index(theirs, "===")]) {
				seen[number] = true
			}
			if len(seen) != len(ours) {
				t.Errorf("%d connections, tshark has %d", len(ours), len(seen))
			}
			compareFollowed(t, ours, theirs)
		})
	}
}

// oldFormat gives a capture as pcap.
func oldFormat(t *testing.T, file string) []byte {
	t.Helper()
	capture, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if binary.LittleEndian.Uint32(capture) == 0xa1b2c3d4 {
		return capture
	}
	capture, err = exec.Command("tshark", "-r", file, "-F", "pcap", "-w", "-").Output()
	if err != nil {
		t.Fatalf("write %s in the old format: %v", file, err)
	}
	return capture
}

func tshark(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("tshark", args...).Output()
	if err != nil {
		t.Fatalf("tshark %v: %v", args, err)
	}
	return out
}

// follow reads a capture in the old format, little-endian, of one link type.
func follow(t *testing.T, capture []byte) (conns []*followed) {
	t.Helper()
	link := uint16(binary.LittleEndian.Uint32(capture[20:]))
	open := map[[2]netip.AddrPort]*followed{}
	var d packet.Decoder
	var info packet.Info
	number := 0
	for b := capture[24:]; len(b) >= 16; {
		time := int64(binary.LittleEndian.Uint32(b))*1e9 + int64(binary.LittleEndian.Uint32(b[4:]))*1e3
		n, wire := int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:]))
		frame := b[16 : 16+n]
		b = b[16+n:]
		number++
		if !d.Decode(link, frame, wire, time, &info) || info.Proto != packet.TCP {
			continue
		}
		s := &Segment{Time: time, Packet: number, Seq: info.TCP.Seq, Ack: info.TCP.Ack, Window: info.TCP.Window,
			Flags: info.TCP.Flags, WScale: info.TCP.WScale, Payload: info.Payload, Length: info.PayloadLen}
		key := [2]netip.AddrPort{info.Src, info.Dst}
		if info.Src.Compare(info.Dst) > 0 {
			key = [2]netip.AddrPort{info.Dst, info.Src}
		}
		f := open[key]
		if f == nil || f.conn.Reuse(f.dir(info.Src), s) {
			f = &followed{client: info.Src}
			open[key] = f
			conns = append(conns, f)
		}
		f.conn.Add(f.dir(info.Src), s, f)
	}
	for _, f := range conns {
		f.conn.Flush(f)
	}
	return conns
}

func (f *followed) dir(from netip.AddrPort) int {
	if from == f.client {
		return 0
	}
	return 1
}

// compareFollowed reads what tshark says of each connection: its lines of hex, those
// of one side after a tab.
func compareFollowed(t *testing.T, ours []*followed, theirs string) {
	t.Helper()
	parts := strings.Split(theirs, "Follow: tcp,raw")[1:]
	if len(parts) != len(ours) {
		t.Fatalf("tshark follows %d connections of %d", len(parts), len(ours))
	}
	for _, part := range parts {
		var number int
		var node string
		var sent [2][]byte
		for line := range strings.Lines(part) {
			switch {
			case strings.HasPrefix(line, "Filter:"):
				fmt.Sscanf(line, "Filter: tcp.stream eq %d", &number)
			case strings.HasPrefix(line, "Node 0: "):
				node = strings.TrimSpace(strings.TrimPrefix(line, "Node 0: "))
			default:
				side := 0
				if strings.HasPrefix(line, "\t") {
					side = 1
				}
				if b, err := hex.DecodeString(strings.TrimSpace(line)); err == nil {
					sent[side] = append(sent[side], b...)
				}
			}
		}
		f := ours[number]
		if client := f.client.String(); node != client && node != strings.NewReplacer("[", "", "]", "").Replace(client) {
			sent[0], sent[1] = sent[1], sent[0]
		}
		for side := range sent {
			if !bytes.Equal(sent[side], f.sent[side]) {
				t.Errorf("connection %d side %d: %d bytes, tshark has %d; missed %d", number, side, len(f.sent[side]), len(sent[side]), f.missed)
			}
		}
	}
}

// TestTSharkDisorder: streams cut and disordered at random, as tshark follows them.
func TestTSharkDisorder(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	const conns = 20
	capture := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	capture = append(capture, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, byte(packet.LinkRaw), 0, 0, 0)
	args := []string{"-q"}
	for i := range conns {
		r := rand.New(rand.NewPCG(uint64(i), 4))
		data := randomStream(r, 100+r.IntN(2000))
		isn := -uint32(r.IntN(2000))
		port := uint16(1000 + i)
		capture = appendFrame(capture, port, &Segment{Seq: isn, Flags: packet.SYN})
		for _, s := range disorder(r, data, isn) {
			capture = appendFrame(capture, port, s)
		}
		args = append(args, "-z", fmt.Sprintf("follow,tcp,raw,%d", i))
	}
	file := filepath.Join(t.TempDir(), "disorder.pcap")
	if err := os.WriteFile(file, capture, 0o600); err != nil {
		t.Fatal(err)
	}
	ours := follow(t, capture)
	if len(ours) != conns {
		t.Fatalf("%d connections", len(ours))
	}
	compareFollowed(t, ours, string(tshark(t, append(args, "-r", file)...)))
}

// appendFrame writes a segment from a port of 10.0.0.1 to 10.0.0.2, a millisecond after
// the beginning of the time.
func appendFrame(capture []byte, port uint16, s *Segment) []byte {
	n := 40 + len(s.Payload)
	for _, v := range []int{0, 1000, n, n} {
		capture = binary.LittleEndian.AppendUint32(capture, uint32(v))
	}
	capture = append(capture, 0x45, 0, byte(n>>8), byte(n), 0, 0, 0, 0, 64, packet.TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
	capture = binary.BigEndian.AppendUint16(capture, port)
	capture = append(capture, 1, 187)
	capture = binary.BigEndian.AppendUint32(capture, s.Seq)
	capture = append(capture, 0, 0, 0, 0, 0x50, s.Flags, 1, 0, 0, 0, 0, 0)
	return append(capture, s.Payload...)
}
