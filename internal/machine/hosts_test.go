package machine

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var byAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func hostsFile(t *testing.T, content string) Hosts {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return Hosts{path}
}

func (h Hosts) content(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(h.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func entry(ip string, names ...string) HostEntry {
	return HostEntry{IP: netip.MustParseAddr(ip), Names: names}
}

func blockOf(owner, lines string) string {
	return "# >>> fanlight " + owner + " by " + processID(os.Getpid()) + " >>> taken out when that process ends\n" +
		lines + "# <<< fanlight " + owner + " <<<\n"
}

const stale = "# >>> fanlight old by 999999999@1 >>> taken out when that process ends\n127.0.0.99 old.test\n# <<< fanlight old <<<\n"

func TestHostsSet(t *testing.T) {
	const plain = "127.0.0.1\tlocalhost # me\n\n# a comment\n::1 localhost\n"
	mine := []HostEntry{entry("127.0.0.5", "shop.test", "www.shop.test"), entry("::1", "shop.test")}
	block := blockOf("dev", "127.0.0.5 shop.test www.shop.test\n::1 shop.test\n")
	for _, test := range []struct{ name, before, after, cleared string }{
		{"plain", plain, plain + block, plain},
		{"empty", "", block, ""},
		{"no last line end", plain + "# end", plain + block + "# end", plain + "# end"},
		{"one line without end", "127.0.0.1 localhost", block + "127.0.0.1 localhost", "127.0.0.1 localhost"},
		{"CRLF", strings.ReplaceAll(plain, "\n", "\r\n"), strings.ReplaceAll(plain+block, "\n", "\r\n"), strings.ReplaceAll(plain, "\n", "\r\n")},
		{"a block of ours", blockOf("dev", "127.0.0.6 gone.test\n") + plain, plain + block, plain},
		{"another run", plain + blockOf("other", "127.0.0.7 a.test\n"), plain + blockOf("other", "127.0.0.7 a.test\n") + block, plain + blockOf("other", "127.0.0.7 a.test\n")},
		{"a run that ended", stale + plain, plain + block, plain},
		{"a block without its end", "# >>> fanlight dev by 1@1 >>>\n" + plain, "# >>> fanlight dev by 1@1 >>>\n" + plain + block, "# >>> fanlight dev by 1@1 >>>\n" + plain},
		{"bytes that are not text", "\xff\xfe\x00 x\n", "\xff\xfe\x00 x\n" + block, "\xff\xfe\x00 x\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := hostsFile(t, test.before)
			for range 2 {
				if err := h.Set("dev", mine); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.after, h.content(t)); diff != "" {
					t.Errorf("after Set (-want +got):\n%s", diff)
				}
			}
			if err := h.Clear("dev"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.cleared, h.content(t)); diff != "" {
				t.Errorf("after Clear (-want +got):\n%s", diff)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(h.Path), ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestHostsManyNames(t *testing.T) {
	h := hostsFile(t, "")
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("n%d.test", i)
	}
	if err := h.Set("dev", []HostEntry{entry("127.0.0.5", names...)}); err != nil {
		t.Fatal(err)
	}
	entries, err := h.Entries()
	if err != nil || len(entries) != 3 {
		t.Errorf("got %v, %v, want three lines", entries, err)
	}
}

func TestHostsEntriesAndConflicts(t *testing.T) {
	h := hostsFile(t, "\ufeff127.0.0.1 localhost loop # one two\n# 1.2.3.4 commented.test\nnonsense here\n10.0.0.1\n"+
		stale+blockOf("dev", "127.0.0.5 Shop.Test\n")+blockOf("other", "127.0.0.6 shop.test\n")+"fe80::1%lo0 shop.test.\n")
	entries, err := h.Entries()
	if err != nil {
		t.Fatal(err)
	}
	want := []HostEntry{
		{netip.MustParseAddr("127.0.0.1"), []string{"localhost", "loop"}, "", 1},
		{netip.MustParseAddr("127.0.0.5"), []string{"Shop.Test"}, "dev", 9},
		{netip.MustParseAddr("127.0.0.6"), []string{"shop.test"}, "other", 12},
		{netip.MustParseAddr("fe80::1%lo0"), []string{"shop.test."}, "", 14},
	}
	if diff := cmp.Diff(want, entries, byAddr); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	got, err := h.Conflicts("dev", "SHOP.test", "free.test")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[2:], got, byAddr); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	if got, _ := h.Conflicts("dev", "old.test", "commented.test"); len(got) != 0 {
		t.Errorf("conflicts that are none: %v", got)
	}
}

func TestHostsRefuses(t *testing.T) {
	h := hostsFile(t, "127.0.0.1 localhost\n")
	for _, test := range []struct {
		owner string
		entry HostEntry
		want  string
	}{
		{"dev", entry("127.0.0.5", "a.test\n10.0.0.1 bank.example"), `name "a.test\n10.0.0.1 bank.example": not a host name`},
		{"dev", entry("127.0.0.5", "a#b"), `name "a#b": not a host name`},
		{"dev", entry("127.0.0.5", ""), `name "": not a host name`},
		{"dev", entry("127.0.0.5"), "entry 127.0.0.5 []: an address and a name are needed"},
		{"dev", HostEntry{Names: []string{"a.test"}}, "entry invalid IP [a.test]: an address and a name are needed"},
		{"two words", entry("127.0.0.5", "a.test"), `owner "two words": one word is needed`},
		{"", entry("127.0.0.5", "a.test"), `owner "": one word is needed`},
	} {
		err := h.Set(test.owner, []HostEntry{test.entry})
		if want := "write names to " + h.Path + ": " + test.want; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if got := h.content(t); got != "127.0.0.1 localhost\n" {
		t.Errorf("the file changed: %q", got)
	}
	missing := Hosts{filepath.Join(t.TempDir(), "hosts")}
	if err := missing.Set("dev", nil); err == nil {
		t.Error("a file that is not there was written")
	}
}

func TestHostsKeepsModeAndLink(t *testing.T) {
	h := hostsFile(t, "127.0.0.1 localhost\n")
	if err := os.Chmod(h.Path, 0o664); err != nil {
		t.Fatal(err)
	}
	link := Hosts{filepath.Join(t.TempDir(), "link")}
	if err := os.Symlink(h.Path, link.Path); err != nil {
		t.Skip(err)
	}
	if err := link.Set("dev", []HostEntry{entry("127.0.0.5", "a.test")}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link.Path); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	info, err := os.Stat(h.Path)
	if err != nil || info.Mode().Perm() != 0o664 {
		t.Errorf("mode %v, %v, want 0664", info.Mode(), err)
	}
	if !strings.Contains(h.content(t), "127.0.0.5 a.test\n") {
		t.Error("the file behind the link was not written")
	}
}

func TestHostsOverwrite(t *testing.T) {
	h := hostsFile(t, "a long line that is to go\n")
	if err := h.overwrite([]byte(h.content(t)), []byte("short\n")); err != nil {
		t.Fatal(err)
	}
	if got := h.content(t); got != "short\n" {
		t.Errorf("got %q", got)
	}
}

func TestHostsForeignChangeIsKept(t *testing.T) {
	h := hostsFile(t, "one\n")
	first := true
	err := h.update(func(old []byte) []byte {
		if first {
			first = false
			if err := os.WriteFile(h.Path, []byte("one\ntwo\n"), 0o644); err != nil {
				t.Error(err)
			}
		}
		return append(bytes.Clone(old), "ours\n"...)
	})
	if got := h.content(t); err != nil || got != "one\ntwo\nours\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestHostsManyWriters(t *testing.T) {
	h := hostsFile(t, "127.0.0.1 localhost\n")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := h.Set(fmt.Sprintf("run%d", i), []HostEntry{entry("127.0.0.5", fmt.Sprintf("n%d.test", i))}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if entries, err := h.Entries(); err != nil || len(entries) != 9 {
		t.Errorf("got %d entries, %v, want 9", len(entries), err)
	}
}

// FuzzHosts checks that a block put in and taken out leaves every byte alone.
func FuzzHosts(f *testing.F) {
	f.Add("127.0.0.1 localhost\r\n")
	f.Add(stale + "x")
	f.Add("# >>> fanlight a by b >>>\n# >>> fanlight c by d >>>\n# <<< fanlight a <<<\n")
	f.Fuzz(func(t *testing.T, content string) {
		clean := removeBlocks([]byte(content), "dev")
		with := insertBlock(clean, "dev", processID(os.Getpid()), []HostEntry{entry("127.0.0.5", "a.test")})
		if again := removeBlocks(with, "dev"); !bytes.Equal(again, clean) {
			t.Errorf("%q became %q", clean, again)
		}
	})
}

func TestFreeLoopback(t *testing.T) {
	const port = 0 // any: what counts here is the address
	first, err := FreeLoopback("shop.test", port, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := FreeLoopback("shop.test", port, nil)
	if err != nil || again != first {
		t.Errorf("the same name got %v and %v, %v", first, again, err)
	}
	other, err := FreeLoopback("shop.test", port, []netip.Addr{first})
	if err != nil || other == first || !other.IsLoopback() {
		t.Errorf("with %v taken: got %v, %v", first, other, err)
	}
	var all []netip.Addr
	for a := range loopbackCandidates("shop.test") {
		all = append(all, a)
		if b := a.As4(); b[0] != 127 || b[3] < 2 || b[3] > 251 || b[3] == 53 || b[3] == 54 {
			t.Errorf("candidate %v", a)
		}
	}
	if _, err := FreeLoopback("shop.test", port, all); err == nil || err.Error() != "choose a loopback address for shop.test: every address that was tried is taken" {
		t.Errorf("with all taken: got %v", err)
	}
	if cmp.Equal(all, func() (b []netip.Addr) {
		for a := range loopbackCandidates("other.test") {
			b = append(b, a)
		}
		return b
	}(), byAddr, cmpopts.EquateEmpty()) {
		t.Error("two names have the same candidates")
	}
}
