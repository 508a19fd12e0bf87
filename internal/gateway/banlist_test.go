package gateway

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/flow"
)

// bans is a ban list that looks at its file each time it is asked.
func bans(t *testing.T, text string) (b *BanList, write func(string), heard func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bans.txt")
	write = func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil { // another file: seen whatever the clock says
			t.Fatal(err)
		}
	}
	write(text)
	var mu sync.Mutex
	var told []string
	b, err := OpenBanList(path, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			told = append(told, "read")
			return
		}
		told = append(told, strings.ReplaceAll(err.Error(), path, "bans.txt"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, write, func() string {
		mu.Lock()
		defer mu.Unlock()
		out := strings.Join(told, "\n")
		told = nil
		return out
	}
}

// due lets the next question look at the file.
func (b *BanList) due() { b.nextLook.Store(int64(time.Since(b.opened))) }

func TestBanList(t *testing.T) {
	b, write, heard := bans(t, "# bans\r\n192.0.2.7\r\n\n  198.51.100.0/24   # a whole net\n2001:db8::/32\n::ffff:203.0.113.0/120\n")
	banned := func(addr, want string) {
		t.Helper()
		block, found := b.find(netip.MustParseAddr(addr))
		if found != (want != "") || found && block.String() != want {
			t.Errorf("%s: %s %v, want %q", addr, block, found, want)
		}
	}
	banned("192.0.2.7", "192.0.2.7/32")
	banned("198.51.100.9", "198.51.100.0/24")
	banned("2001:db8::1", "2001:db8::/32")
	banned("203.0.113.5", "203.0.113.0/24")
	banned("192.0.2.8", "")
	if got := heard(); got != "" {
		t.Errorf("told %q of a good list", got)
	}

	write("192.0.2.8\nnonsense 1\n10.0.0.1/8\n10.0.0.0/33\n")
	banned("192.0.2.8", "") // it is not looked at that often
	b.due()
	banned("192.0.2.8", "192.0.2.8/32")
	banned("192.0.2.7", "")
	want := `ban list bans.txt: line 2 is left out: "nonsense 1" is neither an IP address nor a CIDR block
ban list bans.txt: line 3 is left out: "10.0.0.1/8" has bits set beyond its length; did you mean 10.0.0.0/8?
ban list bans.txt: line 4 is left out: "10.0.0.0/33" is neither an IP address nor a CIDR block
read`
	if got := heard(); got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}

	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
	b.due()
	banned("192.0.2.8", "192.0.2.8/32")
	if got := heard(); !strings.HasPrefix(got, "read ban list: ") || !strings.HasSuffix(got, "; the list before it stays in use") {
		t.Errorf("told %q of a file that is gone", got)
	}
	b.due()
	banned("192.0.2.8", "192.0.2.8/32")
	if got := heard(); got != "" {
		t.Errorf("told again: %q", got)
	}
	write("")
	b.due()
	banned("192.0.2.8", "")
	if got := heard(); got != "read" {
		t.Errorf("told %q of a file that is back", got)
	}
	if _, found := (*BanList)(nil).find(netip.MustParseAddr("::1")); found {
		t.Error("no list holds an address")
	}
}

func TestBanListBounds(t *testing.T) {
	_, bad := parseBans(strings.Repeat("x\n", 25))
	if len(bad) != mostBadLines+1 || bad[mostBadLines].Error() != "15 more lines are left out" {
		t.Errorf("%q", bad)
	}
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, make([]byte, maxBanBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBanList(path, func(error) {}); err == nil {
		t.Error("a file above the limit was read")
	}
	if _, err := OpenBanList(path+"-none", func(error) {}); err == nil {
		t.Error("a site started without the list it names")
	}
}

func FuzzParseBans(f *testing.F) {
	f.Add("192.0.2.7\n10.0.0.0/8 # x\n::1/128\n::ffff:1.2.3.4/96\nfe80::1%eth0\n")
	f.Fuzz(func(t *testing.T, text string) {
		blocks, bad := parseBans(text)
		for _, p := range blocks {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() && p.Bits() >= 96 {
				t.Errorf("%s is no block", p)
			}
		}
		if len(bad) > mostBadLines+1 {
			t.Errorf("%d complaints", len(bad))
		}
	})
}

// A client that is banned while it is connected hears of it with its next request.
func TestBanned(t *testing.T) {
	b, write, _ := bans(t, "192.0.2.0/24\n")
	d := guarded(t, func(s *Site) { s.Guard.Bans = b })
	c := d.dial("app.test")
	if res, _ := c.get("/here"); res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	write("127.0.0.0/8\n")
	b.due()
	res, _ := c.get("/here")
	if in := d.incident(res); res.StatusCode != 403 || in.Cause != "address 127.0.0.1 is denied (127.0.0.0/8 in bans.txt) by site app" {
		t.Errorf("%s, %s", res.Status, in.Cause)
	}
	if n := d.g.Metrics.Fired.All()["access"]; n != 1 {
		t.Errorf("access fired %d times", n)
	}
}

// The exchanges of one client are counted over all its connections, and those
// that a trusted proxy carries for the client it names.
func TestExchangesPerAddress(t *testing.T) {
	o := startOracle(t)
	trusting := func(opt *Options) { opt.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
	d := newDoor(t, trusting)
	d.site(&Site{Name: "app", Exchanges: 2, Routes: []Route{{Prefix: "/", Origins: d.behind(o)}}}, "app.test")
	begin := func(client string) *client {
		c := d.dial("app.test")
		c.send("POST / HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: " + client + "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
		return c
	}
	one, two := begin("192.0.2.1"), begin("192.0.2.1")
	d.settled(func(*flow.Trace) bool { _, got := o.seen(); return got == 2 })
	res, _, err := begin("192.0.2.1").receive("POST")
	if err != nil || res.StatusCode != 429 {
		t.Fatalf("the third at a time: %v %v", res, err)
	}
	if in := d.incident(res); in.Cause != "address 192.0.2.1 has 2 exchanges with site app under way already" || d.g.Metrics.Fired.All()["exchanges-per-address"] != 1 {
		t.Errorf("%s, counted %v", in.Cause, d.g.Metrics.Fired.All())
	}
	finish := func(c *client) {
		t.Helper()
		c.send("0\r\n\r\n")
		if res, _, err := c.receive("POST"); err != nil || res.StatusCode != 200 {
			t.Errorf("%v %v", res, err)
		}
	}
	finish(begin("192.0.2.2")) // somebody else behind the same proxy
	finish(one)
	finish(begin("192.0.2.1")) // there is room again
	finish(two)
	for end := time.Now().Add(hang); ; time.Sleep(time.Millisecond) {
		d.g.underWay.mu.Lock()
		n := len(d.g.underWay.open)
		d.g.underWay.mu.Unlock()
		if n == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d clients are still counted", n)
		}
	}
}
