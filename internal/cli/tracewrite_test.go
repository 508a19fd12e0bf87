//go:build unix

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A copy of more connections than are kept says how many it lacks; one of the
// whole capture has them all.
func TestCopyOfTooManyConnections(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "many.pcap")
	if err := os.WriteFile(path, manySYNs(keptConns+10), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		more []string
		want string
	}{
		"all":    {nil, fmt.Sprintf("%d packets written to %s, without secrets\n", keptConns+10, filepath.Join(dir, "all"))},
		"chosen": {[]string{"--filter", "tcp.port == 443"}, ", without secrets; without those of 10 connections that were printed: there were too many\n"},
	} {
		cmd := exec.Command("fanlight", append([]string{"trace", path, "--jsonl", "-w", filepath.Join(dir, name)}, test.more...)...)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(said.String(), test.want) {
			t.Errorf("%s: it said %q, want %q", name, &said, test.want)
		}
	}
}
