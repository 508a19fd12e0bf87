package oracle

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestFormats writes one conversation in all the ways captures come, which must
// all tell the same.
func TestFormats(t *testing.T) {
	t.Parallel()
	b, page := newBench(t), blob(9, 100_000)
	b.nginx(map[string][]byte{"page.bin": page}, "ssl http2", "")
	b.capture(func() {
		b.curl("--http2", b.url("/page.bin"), "-o", "1")
		b.curl("--http1.1", "--tls-max", "1.2", b.url("/page.bin"), "-o", "2", b.url("/none"), "-o", "3")
	})
	want := trace(t, b.file, "--keys", b.keys)
	compareWithSent(t, "fanlight", want.all(), []*exchange{get("/page.bin", page), get("/page.bin", page), unread("GET", "/none", 404)})
	for _, row := range []struct {
		name string
		make func(to string) (files []string, keyed bool)
	}{
		{"pcapng", func(to string) ([]string, bool) { return b.editcap(to, "-F", "pcapng"), false }},
		{"pcapng with secrets", func(to string) ([]string, bool) {
			return b.editcap(to, "-F", "pcapng", "--inject-secrets", "tls,"+b.keys), true
		}},
		{"nanoseconds", func(to string) ([]string, bool) { return b.editcap(to, "-F", "nsecpcap"), false }},
		{"gzip", func(to string) ([]string, bool) { return []string{b.packed(to)}, false }},
		{"a ring of files", func(to string) ([]string, bool) { return b.editcap(to, "-c", "25"), false }},
		{"packets out of order", func(to string) ([]string, bool) { return []string{b.swapped(to)}, false }},
		{"every packet twice", func(to string) ([]string, bool) {
			b.client(program(t, "mergecap"), nil, "-F", "pcap", "-w", to, b.file, b.file)
			return []string{to}, false
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			files, keyed := row.make(b.dir + "/" + filepath.Base(t.Name()) + ".out")
			args := files[1:]
			if !keyed {
				args = append(args, "--keys", b.keys)
			}
			got := trace(t, files[0], args...)
			if len(got.conns) != len(want.conns) {
				t.Fatalf("%d connections, not %d", len(got.conns), len(want.conns))
			}
			for i, c := range got.conns {
				if !reflect.DeepEqual(told(c), told(want.conns[i])) {
					t.Errorf("it tells %+v, the first capture %+v", told(c), told(want.conns[i]))
				}
			}
			compareWithSent(t, "fanlight", got.all(), want.all())
		})
	}
}

// told is a connection without its events, which tell of packets.
func told(c *conn) conn {
	copied := *c
	copied.events, copied.exchanges, copied.resumed = nil, nil, nil
	return copied
}

// editcap writes the capture anew; with -c into several files.
func (b *bench) editcap(to string, args ...string) []string {
	b.t.Helper()
	b.client(program(b.t, "editcap"), nil, append(args, b.file, to)...)
	ext := filepath.Ext(to)
	files, err := filepath.Glob(to[:len(to)-len(ext)] + "*" + ext)
	must(b.t, err)
	if len(files) == 0 {
		b.t.Fatal("editcap wrote nothing")
	}
	return files
}

func (b *bench) packed(to string) string {
	b.t.Helper()
	raw, err := os.ReadFile(b.file)
	must(b.t, err)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write(raw)
	must(b.t, err)
	must(b.t, w.Close())
	return b.write(filepath.Base(to), out.Bytes())
}

// packets gives the header of a pcap file, and its packets with theirs.
func packets(t testing.TB, file string) (head []byte, all [][]byte) {
	t.Helper()
	raw, err := os.ReadFile(file)
	must(t, err)
	head, raw = raw[:24], raw[24:]
	for len(raw) > 0 {
		n := 16 + int(binary.LittleEndian.Uint32(raw[8:]))
		all, raw = append(all, raw[:n]), raw[n:]
	}
	return head, all
}

// swapped exchanges neighbours, but for those that open connections.
func (b *bench) swapped(to string) string {
	b.t.Helper()
	head, all := packets(b.t, b.file)
	for i := 0; i+1 < len(all); i += 2 {
		if a, b := all[i], all[i+1]; !opens(a) && !opens(b) {
			all[i], all[i+1] = all[i+1], all[i]
		}
	}
	return b.write(filepath.Base(to), append(head[:24:24], bytes.Join(all, nil)...))
}

// ends are the addresses and ports of a packet.
func ends(packet []byte) []byte { return packet[16+14+12 : 16+14+24] }

// opens tells whether a packet of IPv4 on Ethernet has SYN.
func opens(packet []byte) bool { return packet[16+14+9] == 6 && packet[16+14+20+13]&2 != 0 }

// TestLost takes packets out: what is missing is told, the rest is right.
func TestLost(t *testing.T) {
	t.Parallel()
	content := blob(10, 300_000)
	b := newBench(t)
	b.goServer(echo(content), nil, false)
	base := "http://" + host + ":" + b.port()
	b.capture(func() {
		b.curl("--http1.1", base+"/?n=10", "-o", "1", base+"/?n=300000", "-o", "2", base+"/?n=20", "-o", "3")
	})
	head, all := packets(t, b.file)
	lost := -1
	for i, p := range all {
		if len(p) > 30_000 { // in the middle of the large body
			lost = i
		}
	}
	if lost < 0 {
		t.Fatal("no large packet")
	}
	all = append(all[:lost:lost], all[lost+1:]...)
	got := trace(t, b.write("lost.pcap", append(head[:24:24], bytes.Join(all, nil)...)))
	c := only(t, got)
	c.must(t, event{kind: "gap", from: "server"})
	if len(c.exchanges) != 3 {
		t.Fatalf("not three exchanges: %s", titles(c.exchanges))
	}
	compareWithSent(t, "fanlight", []*exchange{c.exchanges[0], c.exchanges[2]}, []*exchange{get("/?n=10", content[:10]), get("/?n=20", content[:20])})
	if x := c.exchanges[1]; x.status != 200 || x.gotBody.sum == bodyOf(content).sum {
		t.Errorf("the exchange with a gap: status %d, body %+v", x.status, x.gotBody)
	}
}

// TestLate begins a capture behind the handshake.
func TestLate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.nginx(map[string][]byte{"page.txt": text(100)}, "ssl", "")
	b.capture(func() { b.curl("--http1.1", b.url("/page.txt"), "-o", "1") })
	head, all := packets(t, b.file)
	for i, p := range all { // up to the server's first large flight
		if from := ends(p)[8:10]; len(p) > 1000 && binary.BigEndian.Uint16(from) == b.addr.Port() {
			all = all[i+1:]
			break
		}
	}
	got := trace(t, b.write("late.pcap", append(head[:24:24], bytes.Join(all, nil)...)), "--keys", b.keys)
	c := only(t, got)
	if c.decrypted != "no" || c.whyNot == "" {
		t.Errorf("decrypted: %q, because %q", c.decrypted, c.whyNot)
	}
	t.Log(c.whyNot)
}
