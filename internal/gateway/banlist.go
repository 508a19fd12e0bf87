package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery bounds how often a ban list is looked at for a change.
	lookEvery = time.Second
	// maxBanBytes bounds its file: about a million addresses.
	maxBanBytes = 16 << 20
	// mostBadLines bounds how many lines are named at a time.
	mostBadLines = 10
)

// BanList is the client addresses of a file that may not come: an address or a
// CIDR block a line, the rest behind # a comment. The file is read again when it
// changes; one that cannot be read leaves the list as it was. A nil pointer
// holds none. Its methods may be called concurrently.
type BanList struct {
	path     string
	told     func(error) // of each thing wrong at a later reading, nil after one without
	opened   time.Time
	nextLook atomic.Int64 // nanoseconds since opened
	list     atomic.Pointer[Addresses]

	mu     sync.Mutex // held while looking and reading
	seen   os.FileInfo
	failed bool // to read it, the last time
}

// OpenBanList reads a list for the first time. told hears of lines that are left
// out, and later of what becomes of the file.
func OpenBanList(path string, told func(error)) (*BanList, error) {
	b := &BanList{path: path, told: told, opened: time.Now()}
	b.nextLook.Store(int64(lookEvery))
	if err := b.read(); err != nil {
		return nil, err
	}
	return b, nil
}

// find gives the block that an address is banned by.
func (b *BanList) find(addr netip.Addr) (block netip.Prefix, found bool) {
	if b == nil {
		return block, false
	}
	b.lookIfDue()
	return b.list.Load().find(addr)
}

// lookIfDue lets one caller in each interval look for a changed file; all others
// go on with what is known.
func (b *BanList) lookIfDue() {
	now, next := int64(time.Since(b.opened)), b.nextLook.Load()
	if now < next || !b.nextLook.CompareAndSwap(next, now+int64(lookEvery)) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if info, err := os.Stat(b.path); err == nil && !b.failed && sameFile(info, b.seen) {
		return
	}
	before := b.failed
	err := b.read()
	b.failed = err != nil
	switch {
	case err == nil:
		b.told(nil)
	case !before: // else that was told already
		b.told(fmt.Errorf("%w; the list before it stays in use", err))
	}
}

func sameFile(a, b os.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (b *BanList) read() error {
	b.seen, _ = os.Stat(b.path)
	f, err := os.Open(b.path)
	if err != nil {
		return fmt.Errorf("read ban list: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBanBytes+1))
	switch {
	case err != nil:
		return fmt.Errorf("read ban list: %w", err)
	case len(text) > maxBanBytes:
		return fmt.Errorf("read ban list %s: it is longer than %d bytes", b.path, maxBanBytes)
	}
	blocks, bad := parseBans(string(text))
	for _, err := range bad {
		b.told(fmt.Errorf("ban list %s: %w", b.path, err))
	}
	b.list.Store(NewAddresses(blocks))
	return nil
}

// parseBans leaves out the lines that are neither an address nor a block.
func parseBans(text string) (blocks []netip.Prefix, bad []error) {
	n, wrong := 0, 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		block, err := parseBan(line)
		if err == nil {
			blocks = append(blocks, block)
		} else if wrong++; wrong <= mostBadLines {
			bad = append(bad, fmt.Errorf("line %d is left out: %w", n, err))
		}
	}
	if wrong > mostBadLines {
		bad = append(bad, fmt.Errorf("%d more lines are left out", wrong-mostBadLines))
	}
	return blocks, bad
}

func parseBan(s string) (netip.Prefix, error) {
	shown := strconv.Quote(s[:min(len(s), 60)])
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch mapped := 128 - 32; {
	case err != nil:
		return p, errors.New(shown + " is neither an IP address nor a CIDR block")
	case p != p.Masked():
		return p, errors.New(shown + " has bits set beyond its length; did you mean " + p.Masked().String() + "?")
	case p.Addr().Is4In6() && p.Bits() >= mapped:
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped), nil
	}
	return p, nil
}
