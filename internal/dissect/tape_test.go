package dissect

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/pcap"
)

// tape makes a capture of one connection out of lines such as
//
//	> A 100 300 "bytes"
//
// direction (> from 192.0.2.1:40000, < from 198.51.100.1), flags, sequence
// number, acknowledgement, payload with ^ for CRLF. A packet comes a
// millisecond after the one before it, or with t=50 so many later.
func tape(t testing.TB, serverPort uint16, script string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := pcap.NewWriter(&out, pcap.WriterOptions{})
	face := w.AddInterface(pcap.LinkType(packet.LinkRaw), 0, "")
	now := int64(1e18)
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		frame, later := tapePacket(t, serverPort, line)
		now += later * 1e6
		if err := w.WritePacket(face, now, len(frame), frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tapePacket(t testing.TB, serverPort uint16, line string) (frame []byte, later int64) {
	t.Helper()
	line, text, _ := strings.Cut(line, ` "`)
	payload := strings.ReplaceAll(strings.TrimSuffix(text, `"`), "^", "\r\n")
	payload, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.ReplaceAll(payload, "\r", `\r`), "\n", `\n`) + `"`)
	words := strings.Fields(line)
	if err != nil || len(words) < 4 {
		t.Fatalf("line %q: %v", line, err)
	}
	later = 1
	if len(words) > 4 {
		later, _ = strconv.ParseInt(strings.TrimPrefix(words[4], "t="), 10, 64)
	}
	number := func(s string) uint32 {
		n, _ := strconv.ParseUint(s, 10, 32)
		return uint32(n)
	}
	flags := byte(0)
	for _, f := range words[1] {
		flags |= map[rune]byte{'S': packet.SYN, 'A': packet.ACK, 'F': packet.FIN, 'R': packet.RST}[f]
	}
	ends, ports := [2][4]byte{{192, 0, 2, 1}, {198, 51, 100, 1}}, [2]uint16{40000, serverPort}
	from := strings.Index("><", words[0])
	frame = append(frame, 0x45, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(40+len(payload)))
	frame = append(frame, 0, 0, 0x40, 0, 64, packet.TCP, 0, 0)
	frame = append(append(frame, ends[from][:]...), ends[1-from][:]...)
	frame = binary.BigEndian.AppendUint16(frame, ports[from])
	frame = binary.BigEndian.AppendUint16(frame, ports[1-from])
	frame = binary.BigEndian.AppendUint32(frame, number(words[2]))
	frame = binary.BigEndian.AppendUint32(frame, number(words[3]))
	frame = append(frame, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	return append(frame, payload...), later
}

// played is what a tape tells.
func played(t *testing.T, serverPort uint16, script string) *flow.Trace {
	t.Helper()
	trace, _, err := analyse(t, tape(t, serverPort, script), "tape", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}
