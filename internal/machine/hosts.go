package machine

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Hosts is a hosts file. Fanlight writes to it only blocks between marked
// lines, one for each owner; every other byte stays as it is. A block ends
// with the process that wrote it: whoever writes next takes out the blocks of
// processes that are gone. Methods may be called concurrently, and by several
// processes.
type Hosts struct{ Path string }

// HostEntry maps names to an address.
type HostEntry struct {
	IP    netip.Addr
	Names []string
	Owner string // of the block it is in; empty: not ours. Set does not read it
	Line  int    // from 1. Set does not read it
}

// SystemHosts is the file the system's resolver reads.
func SystemHosts() Hosts {
	if runtime.GOOS == "windows" {
		return Hosts{filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", "hosts")}
	}
	return Hosts{"/etc/hosts"}
}

// Set makes entries the block of owner, in place of the one it had. An owner is
// one word.
func (h Hosts) Set(owner string, entries []HostEntry) error {
	err := checkOwner(owner)
	for _, e := range entries {
		if err == nil {
			err = e.check()
		}
	}
	if err == nil {
		err = h.update(func(old []byte) []byte {
			return insertBlock(removeBlocks(old, owner), owner, processID(os.Getpid()), entries)
		})
	}
	if err != nil {
		return fmt.Errorf("write names to %s: %w", h.Path, err)
	}
	return nil
}

// Clear takes out the block of owner. No block is no error.
func (h Hosts) Clear(owner string) error {
	err := h.update(func(old []byte) []byte { return removeBlocks(old, owner) })
	if err != nil {
		return fmt.Errorf("clear names from %s: %w", h.Path, err)
	}
	return nil
}

// Entries gives what the file says, blocks of ended processes left out. Lines
// that are not entries are passed over, as resolvers do.
func (h Hosts) Entries() ([]HostEntry, error) {
	content, err := h.read()
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	lines := splitLines(content)
	owners := make([]string, len(lines))
	stale := make([]bool, len(lines))
	for _, b := range findBlocks(lines) {
		for i := b.first; i <= b.last; i++ {
			owners[i], stale[i] = b.owner, b.stale()
		}
	}
	var entries []HostEntry
	for i, line := range lines {
		if e, ok := parseEntry(line); ok && !stale[i] {
			e.Owner, e.Line = owners[i], i+1
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// Conflicts gives the entries outside owner's block that map one of the names:
// resolvers take the first entry of a file, or several, so that the name may
// lead elsewhere.
func (h Hosts) Conflicts(owner string, names ...string) ([]HostEntry, error) {
	entries, err := h.Entries()
	return slices.DeleteFunc(entries, func(e HostEntry) bool {
		return e.Owner == owner || !slices.ContainsFunc(e.Names, func(have string) bool {
			return slices.ContainsFunc(names, func(name string) bool {
				return strings.EqualFold(strings.TrimSuffix(have, "."), strings.TrimSuffix(name, "."))
			})
		})
	}), err
}

// parseEntry reads a line as described in hosts(5).
func parseEntry(line []byte) (HostEntry, bool) {
	text, _, _ := strings.Cut(string(line), "#")
	fields := strings.Fields(strings.TrimPrefix(text, "\ufeff"))
	if len(fields) < 2 {
		return HostEntry{}, false
	}
	ip, err := netip.ParseAddr(fields[0])
	return HostEntry{IP: ip, Names: fields[1:]}, err == nil
}

func (e HostEntry) check() error {
	if !e.IP.IsValid() || len(e.Names) == 0 {
		return fmt.Errorf("entry %v %v: an address and a name are needed", e.IP, e.Names)
	}
	for _, name := range e.Names {
		if name == "" || len(name) > 253 || strings.ContainsFunc(name, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r)
		}) {
			return fmt.Errorf("name %q: not a host name", name)
		}
	}
	return nil
}

func checkOwner(owner string) error {
	if owner == "" || strings.ContainsFunc(owner, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("owner %q: one word is needed", owner)
	}
	return nil
}

// splitLines keeps the line ends.
func splitLines(content []byte) [][]byte {
	lines := bytes.SplitAfter(content, []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	return lines
}
