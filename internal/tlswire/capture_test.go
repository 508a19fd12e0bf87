package tlswire_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// segments of one direction of a TCP connection, by source port and
// destination port.
type streams map[[2]uint16][]segment

type segment struct {
	seq  uint32
	data []byte
}

// readCapture collects the TCP segments of a pcap or pcapng file of Ethernet
// frames, little-endian, as the files under testdata are.
func readCapture(t testing.TB, name string) streams {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../testdata/captures", name))
	if err != nil {
		t.Fatal(err)
	}
	s := streams{}
	le := binary.LittleEndian
	if le.Uint32(raw) == 0xa1b2c3d4 {
		for b := raw[24:]; len(b) >= 16; {
			n := le.Uint32(b[8:])
			s.frame(b[16 : 16+n])
			b = b[16+n:]
		}
		return s
	}
	for b := raw; len(b) >= 12; b = b[le.Uint32(b[4:]):] {
		if le.Uint32(b) == 6 {
			s.frame(b[28 : 28+le.Uint32(b[20:])])
		}
	}
	return s
}

func (s streams) frame(b []byte) {
	be := binary.BigEndian
	switch be.Uint16(b[12:]) {
	case 0x0800:
		if ip := b[14:]; ip[9] == 6 {
			s.tcp(ip[int(ip[0]&15)*4 : be.Uint16(ip[2:])])
		}
	case 0x86dd:
		if ip := b[14:]; ip[6] == 6 {
			s.tcp(ip[40 : 40+be.Uint16(ip[4:])])
		}
	}
}

func (s streams) tcp(b []byte) {
	be := binary.BigEndian
	if data := b[int(b[12]>>4)*4:]; len(data) > 0 {
		key := [2]uint16{be.Uint16(b), be.Uint16(b[2:])}
		s[key] = append(s[key], segment{be.Uint32(b[4:]), data})
	}
}

// sent gives what the client, or else the server, of a client port sent, up to
// the first gap.
func (s streams) sent(port uint16, byClient bool) []byte {
	for key, list := range s {
		if byClient && key[0] != port || !byClient && key[1] != port {
			continue
		}
		slices.SortStableFunc(list, func(a, b segment) int { return int(int32(a.seq - b.seq)) })
		var out []byte
		next := list[0].seq
		for _, seg := range list {
			if skip := int32(next - seg.seq); skip < 0 {
				break
			} else if int(skip) < len(seg.data) {
				out = append(out, seg.data[skip:]...)
				next = seg.seq + uint32(len(seg.data))
			}
		}
		return out
	}
	return nil
}

// afterConnect leaves out the plain head of a CONNECT and of its answer.
func afterConnect(b []byte) []byte {
	if head, rest, found := bytes.Cut(b, []byte("\r\n\r\n")); found && (bytes.HasPrefix(head, []byte("CONNECT ")) || bytes.HasPrefix(head, []byte("HTTP/1."))) {
		return rest
	}
	return b
}
