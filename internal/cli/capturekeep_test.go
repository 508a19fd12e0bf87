package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fanlight/internal/pcap"
)

// What keeps packets from being written is said once, when it happens, and is
// the error at the end.
func TestKeeperThatCannotWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ring, err := pcap.NewRing(filepath.Join(dir, "ring.pcapng"), 1000, 0, pcap.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	k := &keeper{ring: ring, iface: ring.AddInterface(pcap.Raw, 0, ""), warn: &said}
	b := &pcap.Batch{Packets: []pcap.Packet{{Length: 600, Data: make([]byte, 600)}}}
	k.batch(b)
	if said.Len() > 0 || k.err != nil {
		t.Fatalf("the first file: %q, %v", &said, k.err)
	}
	if err := os.RemoveAll(dir); err != nil { // the next file cannot be made
		t.Fatal(err)
	}
	for range 3 {
		k.batch(b)
		k.secrets([]byte("CLIENT_RANDOM 00 11\n"))
	}
	if text := said.String(); strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "fanlight: packets are no longer kept: ") {
		t.Errorf("it said %q", text)
	}
	if err := k.close(); err == nil || !strings.HasPrefix(err.Error(), "keep packets: ") {
		t.Errorf("at the end: %v", err)
	}
}
