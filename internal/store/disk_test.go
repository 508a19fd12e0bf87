package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/flow"
	"fanlight/internal/query"
)

// diskDoor is a door with records on disk.
type diskDoor struct {
	door
	disk *Disk
	stop func()
}

// whole is how much of the processors the writer of a test takes: what it needs.
const whole = 1

func openDoor(t testing.TB, folder string, o DiskOptions) *diskDoor {
	t.Helper()
	o.Share = whole
	disk, err := OpenDisk(folder, o)
	if err != nil {
		t.Fatal(err)
	}
	d := &diskDoor{door: newDoor(8 << 20), disk: disk}
	d.Continue(disk.Highest())
	ctx, cancel := context.WithCancel(context.Background())
	follower, done := d.store.Follow(), make(chan struct{})
	go func() {
		defer close(done)
		disk.Run(ctx, d.store, follower)
	}()
	d.stop = func() {
		cancel()
		<-done
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
		d.stop = func() {}
	}
	t.Cleanup(func() { d.stop() })
	return d
}

// visit records one connection with one exchange, from beginning to end.
func (d *diskDoor) visit(at time.Time, target string, status int, header string) (*flow.Log, flow.ExchangeID) {
	log := d.Open(at, flow.Opening{Source: "live", Self: flow.Server, Scheme: "https", Client: testAddr(1, 50000), Server: testAddr(2, 443)})
	x := d.NextExchange()
	log.Add(flow.Event{At: at, Kind: flow.Chosen, Text: "shop"})
	log.Add(flow.Event{At: at, Kind: flow.Request, Exchange: x, Text: "GET " + target, Header: []byte("Host: Shop.test:8443\r\n" + header)})
	log.Add(flow.Event{At: at.Add(5 * time.Millisecond), Kind: flow.Response, Exchange: x, Status: status, Text: "OK"})
	log.Add(flow.Event{At: at.Add(6 * time.Millisecond), Kind: flow.ResponseDone, Exchange: x, Bytes: 10})
	log.Add(flow.Event{At: at.Add(7 * time.Millisecond), Kind: flow.ExchangeDone, Exchange: x, Text: flow.Complete})
	log.Flush()
	log.Add(flow.Event{At: at.Add(9 * time.Millisecond), Kind: flow.FIN, From: flow.Client})
	log.Add(flow.Event{At: at.Add(9 * time.Millisecond), Kind: flow.Closed, From: flow.Client})
	log.Flush()
	return log, x
}

func (d *diskDoor) flush(t testing.TB) {
	t.Helper()
	if err := d.disk.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (d *diskDoor) targets(t testing.TB, expr string) (out []string) {
	t.Helper()
	s := Search{Limit: 1000}
	if expr != "" {
		f, err := query.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		s.Filter = f
	}
	rows, err := d.disk.Search(t.Context(), s)
	if err != nil {
		t.Fatalf("search %s: %v", expr, err)
	}
	for _, r := range rows {
		out = append(out, r.Target)
	}
	return out
}

func TestDiskGivesBackWhatWasWritten(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "records")
	d := openDoor(t, folder, DiskOptions{})
	log, x := d.visit(start, "/a", 200, "")
	lone := d.open(0)
	lone.Add(flow.Event{At: start, Kind: flow.Closed})
	lone.Flush()
	d.flush(t)
	want := d.store.Trace(log.ID(), lone.ID()).String()
	d.stop()

	d = openDoor(t, folder, DiskOptions{})
	got, err := d.disk.Trace(t.Context(), true, log.ID(), lone.ID(), 99)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("the trace (-memory +disk):\n%s", diff)
	}
	rows, err := d.disk.Search(t.Context(), Search{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	wantRow := Row{Conn: log.ID(), Exchange: x, Time: start, Method: "GET", Host: "shop.test:8443", Target: "/a", Status: 200, Outcome: flow.Complete,
		Wait: 5 * time.Millisecond, Total: 7 * time.Millisecond, Client: testAddr(1, 50000), Server: testAddr(2, 443), Self: flow.Server, Site: "shop"}
	if len(rows) != 2 || rows[0].Conn != lone.ID() || rows[0].Exchange != 0 {
		t.Fatalf("rows: got %+v", rows)
	}
	rows[1].ID, rows[1].lastBlock = 0, 0
	if diff := cmp.Diff(wantRow, rows[1], cmp.AllowUnexported(Row{}), cmp.Comparer(func(a, b flow.Side) bool { return a == b }), comparePorts()); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if next := d.open(0).ID(); next <= lone.ID() {
		t.Errorf("the next connection is %v, which is taken", next)
	}
}

func TestDiskFilesArePrivate(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "records")
	d := openDoor(t, folder, DiskOptions{})
	d.visit(start, "/a", 200, "")
	d.flush(t)
	files, err := os.ReadDir(folder)
	if err != nil || len(files) < 2 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: mode %v, %v", info.Mode(), err)
	}
}

func TestDiskMasksSecrets(t *testing.T) {
	folder := t.TempDir()
	d := openDoor(t, folder, DiskOptions{Mask: flow.NewMask([]byte("key"))})
	log, _ := d.visit(start, "/login?token=topsecret&a=b", 200, "Authorization: Bearer topsecret\r\nCookie: a=topsecret\r\nX-Other: kept\r\n")
	d.flush(t)
	got, err := d.disk.Trace(t.Context(), true, log.ID())
	if err != nil {
		t.Fatal(err)
	}
	if text := got.String(); bytes.Contains([]byte(text), []byte("topsecret")) || !bytes.Contains([]byte(text), []byte("X-Other: kept")) {
		t.Errorf("the record is\n%s", text)
	}
	if target := d.targets(t, "")[0]; bytes.Contains([]byte(target), []byte("topsecret")) {
		t.Errorf("the index has %s", target)
	}
}

// TestDiskSearchAgrees asks the index and the records the same.
func TestDiskSearchAgrees(t *testing.T) {
	d := openDoor(t, t.TempDir(), DiskOptions{})
	for i := range 20 {
		d.visit(start.Add(time.Duration(i)*time.Second), fmt.Sprint("/", i), 200+100*(i%4), fmt.Sprintf("X-Number: %d\r\n", i))
	}
	lone := d.open(0)
	lone.Add(flow.Event{At: start, Kind: flow.Closed})
	lone.Flush()
	d.flush(t)
	ids, err := d.disk.Conns(t.Context(), 0, 100, func(flow.ConnID) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	trace := d.store.Trace(ids...)
	for _, expr := range []string{
		"http.response.code == 500", "http.response.code != 500", "!(http.response.code == 500)", "http.response.code in {200..299 500}",
		"http.response.code not in {200..299}", "http.response.code >= 400", "!http.host", "http.host", "http.host == SHOP.test", "http.host == shop.test:8443",
		"http.host != shop.test", "http.host contains TEST", "!(http.host contains x)", "http.request.uri contains /1 && http.response.code < 400",
		"ip.addr == 192.0.2.0/24", "ip.src == 192.0.2.1", "ip.dst != 192.0.2.1", "!(ip.addr == 10.0.0.0/8)", "tcp.port == 443", "tcp.srcport == 443",
		"http.header.x-number == 7", "http.header.x-number == 7 || http.response.code == 500", "!(http.header.x-number == 7)",
		"!(http.header.x-number == 7 && http.response.code == 500)", "http.request.uri matches ^/1", "conn.site == shop", "conn.self == server", "conn.self == none",
		"http.time >= 5ms", "http.total > 7ms", "time >= 2026-11-21T10:00:10Z", "exchange.id == x3", "conn.id == c3", "http.outcome == complete", "close.by == client",
		"conn.exchanges == 1", "!http", "http", "tls",
	} {
		f, err := query.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, c := range trace.Conns {
			for _, x := range c.Exchanges {
				if f.Exchange(c, x) {
					want = append(want, x.ID.String())
				}
			}
			if len(c.Exchanges) == 0 && f.Conn(c) {
				want = append(want, c.ID.String())
			}
		}
		rows, err := d.disk.Search(t.Context(), Search{Filter: f, Limit: 100})
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		var got []string
		for _, r := range rows {
			if r.Exchange != 0 {
				got = append(got, r.Exchange.String())
			} else {
				got = append(got, r.Conn.String())
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-records +disk)\n%s", expr, diff)
		}
	}
}

// TestDiskTorn cuts the newest segment at many places: what was whole is found,
// the rest is cut off, with an index that knows more and with none.
func TestDiskTorn(t *testing.T) {
	folder, name, all, ends := threeBlocks(t)
	for _, index := range []bool{true, false} {
		for cut := 0; cut <= len(all); cut++ {
			if cut%97 != 0 && !slices.Contains(ends, int64(cut)) && !slices.Contains(ends, int64(cut+1)) {
				continue
			}
			torn := t.TempDir()
			if err := os.WriteFile(filepath.Join(torn, name), all[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			if index {
				copyFile(t, filepath.Join(folder, indexFile), filepath.Join(torn, indexFile))
			}
			checkTorn(t, torn, fmt.Sprintf("cut at %d, index %v", cut, index), wholeBefore(ends, cut))
		}
	}
}

// TestFramesTornAtEveryByte cuts a segment at every byte, and damages every
// byte.
func TestFramesTornAtEveryByte(t *testing.T) {
	folder, name, all, ends := threeBlocks(t)
	path := filepath.Join(folder, name)
	scan := func(content []byte) (blocks int, end int64, damaged int) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		end, damaged, err = scanFrames(f, 0, func(fr frame) error {
			if fr.block > 0 {
				blocks++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return blocks, end, damaged
	}
	for cut := range len(all) + 1 {
		blocks, end, damaged := scan(all[:cut])
		if blocks != wholeBefore(ends, cut) || end > int64(cut) || damaged != 0 {
			t.Errorf("cut at %d: %d blocks, end %d, %d damaged", cut, blocks, end, damaged)
		}
	}
	for at := range all {
		spoilt := bytes.Clone(all)
		spoilt[at] ^= 0x55
		if blocks, _, _ := scan(spoilt); blocks < len(ends)-1 {
			t.Errorf("damaged at %d: %d blocks of %d", at, blocks, len(ends))
		}
	}
}

// threeBlocks writes a segment of three blocks, and tells where each ends.
func threeBlocks(t *testing.T) (folder, name string, all []byte, ends []int64) {
	folder = t.TempDir()
	d := openDoor(t, folder, DiskOptions{})
	for i := range 3 {
		d.visit(start, fmt.Sprint("/", i), 200, "")
		d.flush(t)
		ends = append(ends, d.disk.segment.size)
	}
	d.stop()
	name = segmentName(1, false)
	all, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return folder, name, all, ends
}

func wholeBefore(ends []int64, cut int) (n int) {
	for _, end := range ends {
		if int64(cut) >= end {
			n++
		}
	}
	return n
}

func checkTorn(t *testing.T, folder, what string, whole int) {
	t.Helper()
	disk, err := OpenDisk(folder, DiskOptions{})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	rows, err := disk.Search(t.Context(), Search{Limit: 10})
	if err != nil || len(rows) != whole {
		t.Errorf("%s: %d rows, want %d, %v", what, len(rows), whole, err)
	}
	if tr, err := disk.Records(t.Context(), rows); err != nil || len(tr.Conns) != whole {
		t.Errorf("%s: %d records, want %d, %v", what, len(tr.Conns), whole, err)
	}
	if err := disk.Close(); err != nil {
		t.Error(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
