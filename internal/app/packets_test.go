package app

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/config"
	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/pcap"
	"fanlight/internal/store"
)

// frame is an IPv4 packet with a TCP segment.
func frame(at time.Time, src, dst string, payload string) pcap.Packet {
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	b := make([]byte, 40, 40+len(payload))
	b[0], b[8], b[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(b[2:], uint16(40+len(payload)))
	copy(b[12:], from.Addr().AsSlice())
	copy(b[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[20:], from.Port())
	binary.BigEndian.PutUint16(b[22:], to.Port())
	b[32], b[33] = 5<<4, 0x18
	b = append(b, payload...)
	return pcap.Packet{Time: at.UnixNano(), Length: len(b), Data: b}
}

// quietPackets have no capture behind them.
func quietPackets(folder string, log *slog.Logger) *packets {
	p := newPackets(explain.Warning, folder, store.New(0), &keyLines{limit: keyLogLines, always: true}, log)
	p.link, p.counts = pcap.Raw, func() (uint64, uint64) { return 10, 1 }
	return p
}

func TestPacketRingForgetsByAge(t *testing.T) {
	r := newPacketRing(4<<20, int64(30*time.Second))
	start := time.Unix(1000, 0)
	body := strings.Repeat("x", 100<<10)
	for i := range 100 {
		r.add([]pcap.Packet{frame(start.Add(time.Duration(i)*10*time.Second), "127.0.0.1:1", "127.0.0.1:2", body)})
	}
	if n := len(r.kept); n > 2 {
		t.Errorf("%d segments are kept of the last 30 s, in which there were 3 packets", n)
	}
	n := 0
	for p := range r.since(start.Add(970 * time.Second).UnixNano()) {
		if len(p.Data) != 40+len(body) || p.Length != len(p.Data) {
			t.Errorf("a packet came back with %d of %d bytes", len(p.Data), p.Length)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d packets are of the last 30 s, want 3", n)
	}
}

func TestPacketRingIsBounded(t *testing.T) {
	for size, n := range map[int]int{0: 100_000, 60_000: 200, 256<<10 - 40: 30} { // several times what fits
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := newPacketRing(3<<20, int64(time.Hour))
			body := strings.Repeat("x", size)
			for i := range n {
				r.add([]pcap.Packet{frame(time.Unix(0, int64(i)), "127.0.0.1:1", "127.0.0.1:2", body)})
			}
			var bytes int
			for _, s := range r.kept {
				bytes += cap(s.data) + 24*cap(s.packets)
			}
			if bytes > 3<<20 {
				t.Errorf("%d bytes are kept, want at most 3 MiB", bytes)
			}
			next := int64(-1)
			for p := range r.since(0) {
				if next >= 0 && p.Time != next {
					t.Fatalf("packet %d comes after %d", p.Time, next-1)
				}
				next = p.Time + 1
			}
			if next != int64(n) {
				t.Errorf("the last packet kept is %d, want %d", next-1, n-1)
			}
		})
	}
}

// Who reads is not disturbed by what is added.
func TestPacketRingIsReadWhileItGrows(t *testing.T) {
	r := newPacketRing(2<<20, int64(time.Hour))
	add := func(from int) {
		for i := from; i < from+50_000; i++ {
			r.add([]pcap.Packet{frame(time.Unix(0, int64(i)), "127.0.0.1:1", "127.0.0.1:2", fmt.Sprint(i))})
		}
	}
	add(0)
	done := make(chan struct{})
	all := r.since(0)
	go func() { defer close(done); add(50_000) }()
	for p := range all {
		if got := string(p.Data[40:]); got != fmt.Sprint(p.Time) {
			t.Fatalf("packet %d holds %q", p.Time, got)
		}
	}
	<-done
}

func TestKeyLinesKeepTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keyLines{limit: 3, always: true}
		start := time.Now()
		for i := range 5 {
			fmt.Fprintf(k, "line %d\n", i)
			time.Sleep(time.Second)
		}
		at := func(s int) int64 { return start.Add(time.Duration(s) * time.Second).UnixNano() }
		for _, test := range []struct {
			from, to int
			want     string
		}{{0, 10, "line 2\nline 3\nline 4\n"}, {3, 3, "line 3\n"}, {5, 9, ""}, {0, 1, ""}} {
			if got := string(k.between(at(test.from), at(test.to))); got != test.want {
				t.Errorf("between %d and %d: %q, want %q", test.from, test.to, got, test.want)
			}
		}
	})
}

// Findings that are known, slight, or come too fast get no file.
func TestPacketsAreWrittenInMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := quietPackets(t.TempDir(), slog.New(slog.DiscardHandler))
		start := time.Now()
		for _, step := range []struct {
			at       time.Duration
			id       string
			severity explain.Severity
			known    bool
			want     bool
		}{
			{0, "slight", explain.Note, false, false},
			{0, "known", explain.Error, true, false},
			{0, "a", explain.Warning, false, true},
			{0, "b", explain.Error, false, false}, // within a second of a
			{900 * time.Millisecond, "b", explain.Error, false, false},
			{time.Second, "b", explain.Error, false, true},
			{9 * time.Second, "a", explain.Warning, false, false}, // within ten seconds of a
			{10 * time.Second, "a", explain.Warning, false, true},
		} {
			time.Sleep(time.Until(start.Add(step.at)))
			p.hear(explain.Finding{ID: step.id, Severity: step.severity}, step.known)
			got := len(p.wanted) > 0
			if got {
				<-p.wanted
			}
			if got != step.want {
				t.Errorf("%s after %v: wanted %v, want %v", step.id, step.at, got, step.want)
			}
		}
		for i := range 100 { // nobody takes them: it must not wait
			time.Sleep(time.Second)
			p.hear(explain.Finding{ID: fmt.Sprint(i), Severity: explain.Error}, false)
		}
	})
}

// A file is written once what follows the finding is there, or at the end.
func TestPacketsWaitForWhatFollows(t *testing.T) {
	for name, end := range map[string]time.Duration{"delay": time.Hour, "end": time.Second} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				p := quietPackets(folder, slog.New(slog.DiscardHandler))
				ctx, stop := context.WithCancel(t.Context())
				read, done := make(chan struct{}), make(chan struct{})
				go func() { defer close(done); p.run(ctx, read) }()
				p.recent.add([]pcap.Packet{frame(time.Now(), "127.0.0.1:1", "127.0.0.1:2", "")})
				p.hear(explain.Finding{ID: "some", Severity: explain.Error}, false)
				time.Sleep(end - time.Millisecond)
				p.recent.add([]pcap.Packet{frame(time.Now(), "127.0.0.1:1", "127.0.0.1:2", "later")})
				stop()
				synctest.Wait()
				files := p.names()
				if wrote := len(files) == 1; wrote != (end > packetDelay) {
					t.Errorf("before the capture has ended: %q", files)
				}
				close(read)
				<-done
				if files = p.names(); len(files) != 1 {
					t.Fatalf("at the end: %q", files)
				}
				if n := len(packetsIn(t, filepath.Join(folder, files[0]))); end < packetDelay && n != 2 {
					t.Errorf("%d packets, want also the one that came after the finding", n)
				}
			})
		})
	}
}

func packetsIn(t *testing.T, path string) (out []pcap.Packet) {
	t.Helper()
	src, err := pcap.Open([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var p pcap.Packet
	for src.Next(&p) == nil {
		p.Data = bytes.Clone(p.Data)
		out = append(out, p)
	}
	if damage := src.Damage(); len(damage) > 0 {
		t.Fatal(damage)
	}
	return out
}

// Of the packets those of the finding's connections are written, and all if
// there are none of them.
func TestPacketsArePicked(t *testing.T) {
	now := time.Now()
	p := quietPackets(t.TempDir(), slog.New(slog.DiscardHandler))
	p.recent.add([]pcap.Packet{
		frame(now.Add(-time.Minute), "127.0.0.1:1000", "127.0.0.2:443", "too old"),
		frame(now, "127.0.0.1:1000", "127.0.0.2:443", "request"),
		frame(now, "127.0.0.1:1001", "127.0.0.2:443", "other"),
		{Time: now.UnixNano(), Length: 3, Data: []byte{1, 2, 3}},
		frame(now, "127.0.0.2:443", "127.0.0.1:1000", "response"),
		frame(now, "127.0.0.3:8443", "127.0.0.1:2000", "origin"),
	})
	legs := map[leg]int{
		legOf(netip.MustParseAddrPort("127.0.0.2:443"), netip.MustParseAddrPort("[::ffff:127.0.0.1]:1000")): 0,
		legOf(netip.MustParseAddrPort("127.0.0.1:2000"), netip.MustParseAddrPort("127.0.0.3:8443")):         1,
	}
	var got []string
	for packet, n := range p.pick(p.recent.since(now.Add(-packetAge).UnixNano()), legs) {
		got = append(got, fmt.Sprint(n, " ", string(packet.Data[40:])))
	}
	if diff := cmp.Diff([]string{"0 request", "0 response", "1 origin"}, got); diff != "" {
		t.Error(diff)
	}
	path := filepath.Join(p.folder, "all.pcapng")
	n, err := p.write(t.Context(), path, packetRequest{explain.Finding{ID: "some", Cause: "Something happened."}, now})
	if err != nil || n != 5 {
		t.Fatalf("%d packets were written, want all 5 of the last 30 s: %v", n, err)
	}
	in := packetsIn(t, path)
	if len(in) != 5 || in[0].Comment != "some: Something happened." || in[1].Comment != "" {
		t.Errorf("the file has %d packets, which begin with %+v", len(in), in[:min(2, len(in))])
	}
}

// The legs of a finding are those it names and the other legs of their
// exchanges, but not other clients of a shared origin connection.
func TestLegsOfAFinding(t *testing.T) {
	trace, err := flow.Parse(`
conn 1  127.0.0.1:1001 -> 127.0.0.2:443  self server
  +0.001 > GET /one x1
conn 2  127.0.0.1:2001 -> 127.0.0.3:8443  self client  parent 1
  +0.002 > GET /one x2 for x1   +0.012 > GET /two x4 for x3
conn 3  127.0.0.1:1002 -> 127.0.0.2:443  self server
  +0.011 > GET /two x3
conn 4  127.0.0.1:1003 -> 127.0.0.2:443  self server
conn 5  127.0.0.1:2002 -> 127.0.0.3:8443  self client  parent 4
`)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		conns     []flow.ConnID
		exchanges []flow.ExchangeID
		want      []flow.ConnID
	}{
		"exchange of a shared origin connection": {[]flow.ConnID{2}, []flow.ExchangeID{4}, []flow.ConnID{2, 3}},
		"client":                                 {[]flow.ConnID{3}, nil, []flow.ConnID{2, 3}},
		"client without an exchange":             {[]flow.ConnID{4}, nil, []flow.ConnID{4, 5}},
		"origin connection without an exchange":  {[]flow.ConnID{5}, nil, []flow.ConnID{4, 5}},
		"both legs":                              {[]flow.ConnID{2, 3}, []flow.ExchangeID{3, 4}, []flow.ConnID{2, 3}},
		"forgotten":                              {[]flow.ConnID{9}, []flow.ExchangeID{9}, nil},
		"of no connection":                       {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []flow.ConnID
			for _, c := range about(trace, explain.Finding{Conns: test.conns, Exchanges: test.exchanges}) {
				got = append(got, c.ID)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Only the latest files stay; what is not ours is left alone.
func TestOldPacketsAreRemoved(t *testing.T) {
	var log bytes.Buffer
	p := quietPackets(t.TempDir(), slog.New(slog.NewTextHandler(&log, nil)))
	p.files = 2
	for _, name := range []string{"0000-mine.pcapng", "2026-11-21T14-03-05Z-note.txt"} {
		if err := os.WriteFile(filepath.Join(p.folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	p.recent.add([]pcap.Packet{frame(now, "127.0.0.1:1", "127.0.0.1:2", "")})
	for i := range 4 {
		p.save(t.Context(), packetRequest{explain.Finding{ID: fmt.Sprint("f", i)}, now.Add(time.Duration(i) * time.Second)})
	}
	var ids []string
	for _, name := range p.names() {
		ids = append(ids, name[len(packetFileTime)+1:])
	}
	if diff := cmp.Diff([]string{"f2.pcapng", "f3.pcapng"}, ids); diff != "" {
		t.Error(diff)
	}
	if entries, _ := os.ReadDir(p.folder); len(entries) != 4 {
		t.Errorf("the folder holds %v", entries)
	}
	if n := strings.Count(log.String(), "old packets removed"); n != 2 {
		t.Errorf("the log tells of %d removals, want 2:\n%s", n, &log)
	}
}

// A folder that cannot be written to is told of, and nothing else happens.
func TestPacketsThatCannotBeWritten(t *testing.T) {
	var log bytes.Buffer
	folder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := quietPackets(folder, slog.New(slog.NewTextHandler(&log, nil)))
	p.secrets.Write([]byte("CLIENT_RANDOM 00 11\n"))
	p.recent.add([]pcap.Packet{frame(time.Now(), "127.0.0.1:1", "127.0.0.1:2", "")})
	p.save(t.Context(), packetRequest{explain.Finding{ID: "some"}, time.Now()})
	if !strings.Contains(log.String(), "make folder of captures: ") || strings.Contains(log.String(), "CLIENT_RANDOM") {
		t.Errorf("the log says %q", &log)
	}
}

func TestTrafficPorts(t *testing.T) {
	cfg, err := config.Parse(filepath.Join(t.TempDir(), "fanlight.yaml"), []byte(`
sites:
  one:
    bind: ["127.0.0.2:4430 one.test", "http://127.0.0.2:8000 one.test"]
    routes: [{path: /, to: ["https://10.0.0.5:8443", "http://10.0.0.6"]}]
  two:
    bind: ["127.0.0.3:4430 two.test"]
    routes: [{path: /, to: "https://10.0.0.5:8443"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint16{80, 4430, 8000, 8443}, trafficPorts(cfg)); diff != "" {
		t.Error(diff)
	}
}

// The exit code tells that a right is missing, as for an address.
func TestMissingRightIsAPermissionFault(t *testing.T) {
	missing := fmt.Errorf("capture on any: needs CAP_NET_RAW: %w", syscall.EPERM)
	for err, want := range map[error]StartFault{missing: PermissionFault, errors.New("capture on any: only Linux can do that"): ConfigFault} {
		wrapped := fmt.Errorf("keep packets for findings: %w", err)
		if got := FaultOf(wrapped); got != want || wrapped.Error() != "keep packets for findings: "+err.Error() {
			t.Errorf("%v is of kind %v, want %v", wrapped, got, want)
		}
	}
}

// Without the option the secrets of handshakes go nowhere.
func TestKeyLogIsOffByDefault(t *testing.T) {
	cfg, err := config.Parse(filepath.Join(t.TempDir(), "fanlight.yaml"), []byte(`
console: off
sites:
  one:
    bind: ["127.0.0.2:4430 one.test"]
    routes: [{path: /, to: "https://10.0.0.5:8443"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	note := explain.Note
	for name, test := range map[string]struct {
		options Options
		kept    bool
	}{"off": {Options{}, false}, "on": {Options{CaptureOn: &note}, true}} {
		a, err := New(cfg, test.options)
		if err != nil {
			t.Fatal(err)
		}
		if kept := a.gateway.KeyLog() != nil; kept != test.kept {
			t.Errorf("%s: the site's secrets are kept: %v", name, kept)
		}
		o, err := a.builder(cfg).buildOrigin(cfg.Sites["one"].Routes[0].To[0], &cfg.Sites["one"].Routes[0])
		if err != nil {
			t.Fatal(err)
		}
		if kept := o.KeyLog() != nil; kept != test.kept {
			t.Errorf("%s: the origin's secrets are kept: %v", name, kept)
		}
		a.Shutdown(t.Context())
	}
}
