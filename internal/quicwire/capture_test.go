package quicwire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const chrome = "../../testdata/captures/ja4-chrome-quic-with-secrets.pcapng"

// readCapture gives the datagrams to and from port 443 in a little-endian
// pcapng file of Ethernet frames with IPv6, and its secrets.
func readCapture(t testing.TB, name string) (passed []datagram, log *keyLog) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	log = &keyLog{}
	for ; len(b) >= 12; b = b[binary.LittleEndian.Uint32(b[4:]):] {
		switch binary.LittleEndian.Uint32(b) {
		case 6:
			frame := b[28 : 28+binary.LittleEndian.Uint32(b[20:])]
			if ip := frame[14:]; frame[12] == 0x86 && ip[6] == 17 {
				udp := ip[40:]
				d := datagram{0, udp[8:binary.BigEndian.Uint16(udp[4:])]}
				if binary.BigEndian.Uint16(udp) == 443 {
					d.dir = 1
				}
				passed = append(passed, d)
			}
		case 10:
			log.Write(b[16 : 16+binary.LittleEndian.Uint32(b[12:])])
		}
	}
	return passed, log
}

// TestCaptureOfChrome compares stream frames and the close with what tshark
// finds in the same file.
func TestCaptureOfChrome(t *testing.T) {
	passed, log := readCapture(t, chrome)
	c, got := New(), &recorder{}
	c.Secrets = log.secrets
	for _, d := range passed {
		c.Datagram(d.dir, d.data, got.emit)
	}
	if c.WhyNot() != "" {
		t.Error(c.WhyNot())
	}
	if !bytes.Contains(got.tls[0][Initial], []byte("cloudflare-quic.com")) {
		t.Errorf("ClientHello %x", got.tls[0][Initial])
	}
	for dir := range 2 {
		if n := c.Counts(dir); n.Packets != n.Opened || n.Unknown != 0 {
			t.Errorf("counts of %d: %+v", dir, n)
		}
	}
	var streams, closes []string
	for _, e := range got.events {
		switch e.Kind {
		case Stream:
			streams = append(streams, fmt.Sprintf("%d: %x", e.Stream, e.Data))
		case Close:
			closes = append(closes, fmt.Sprintf("%d %d %q", e.Frame, e.Code, e.Reason))
		}
	}
	if want := tsharkStreams(t); !slices.Equal(streams, want) {
		t.Errorf("streams:\n%s\nwant:\n%s", strings.Join(streams, "\n"), strings.Join(want, "\n"))
	}
	if want := []string{`0 0 "70:net error"`}; !slices.Equal(closes, want) {
		t.Errorf("closes %q, want %q", closes, want)
	}
}

// tsharkStreams lists the STREAM frames that tshark decrypts.
func tsharkStreams(t *testing.T) (streams []string) {
	t.Helper()
	program, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip(err)
	}
	out, err := exec.Command(program, "-r", chrome, "-Y", "quic.stream.stream_id", "-T", "fields",
		"-e", "quic.stream.stream_id", "-e", "quic.stream_data").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		ids, data := strings.Split(f[0], ","), strings.Split(f[1], ",")
		for i, id := range ids {
			streams = append(streams, fmt.Sprintf("%s: %s", id, data[i]))
		}
	}
	return streams
}
