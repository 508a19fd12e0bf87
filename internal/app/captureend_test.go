package app_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"testing"
)

// captureEnd is a datagram that is captured after everything before it: once it
// is in tcpdump's file nothing is on its way there any more, however busy the
// machine is.
type captureEnd struct {
	port string
	text []byte
}

func newCaptureEnd(t *testing.T) captureEnd {
	t.Helper()
	port := freePort(t)
	return captureEnd{port, []byte("the capture ends here, says " + port)}
}

func (e captureEnd) filter() string { return "udp dst port " + e.port }

// reached sends it, and reports whether one that was sent before is in the file.
func (e captureEnd) reached(t *testing.T, file string) bool {
	t.Helper()
	if bytes.Contains([]byte(read(t, file)), e.text) {
		return true
	}
	c, err := net.Dial("udp", "127.0.0.1:"+e.port)
	must(t, err)
	defer c.Close()
	_, err = c.Write(e.text)
	must(t, err)
	return false
}

// cut gives the capture without it: tcpdump writes pcap, a head of 24 bytes, and
// before each packet 16 with its length in the third four.
func (e captureEnd) cut(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	must(t, err)
	kept := raw[:24:24]
	for rest := raw[24:]; len(rest) > 16; {
		size := min(16+int(binary.NativeEndian.Uint32(rest[8:])), len(rest))
		if !bytes.Contains(rest[:size], e.text) {
			kept = append(kept, rest[:size]...)
		}
		rest = rest[size:]
	}
	return kept
}
