package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
)

// fill records visits with headers that do not pack well, and writes them in
// small blocks.
func (d *diskDoor) fill(t *testing.T, visits int) (logs []*flow.Log, exchanges []flow.ExchangeID) {
	t.Helper()
	for i := range visits {
		noise := make([]byte, 600)
		seed := uint64(i)*2654435761 + 1
		for k := range noise {
			seed = seed*6364136223846793005 + 1442695040888963407
			noise[k] = 'a' + byte(seed>>59)%26
		}
		log, x := d.visit(time.Now(), fmt.Sprint("/", i), 200, "X-Noise: "+string(noise)+"\r\n")
		logs, exchanges = append(logs, log), append(exchanges, x)
		if i%200 == 199 {
			d.flush(t)
		}
	}
	d.flush(t)
	return logs, exchanges
}

func segmentsIn(t *testing.T, folder, ext string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if filepath.Ext(f.Name()) == ext {
			names = append(names, f.Name())
		}
	}
	return names
}

// TestRetention writes more than there is room for: the oldest goes, what a
// finding names stays, and a rebuilt index says the same.
func TestRetention(t *testing.T) {
	folder := t.TempDir()
	const size = 4 << 20
	d := openDoor(t, folder, DiskOptions{Size: size, Age: time.Hour})
	log, x := d.visit(time.Now(), "/marked", 502, "")
	d.visit(time.Now(), "/beside", 200, "")
	d.flush(t)
	d.disk.Mark(Mark{log.ID(), x, "origin-closed"})
	d.fill(t, 12_000)
	if got := d.disk.Stats(); got.Bytes > size+size/8 || got.Bytes < size/2 || got.Lost > 0 || got.Trouble != "" {
		t.Errorf("stats: %+v, the size is %d", got, size)
	}
	check := func(when string) {
		targets := d.targets(t, "http.request.uri == /marked || http.request.uri == /beside || http.request.uri == /11999")
		if !slices.Equal(targets, []string{"/11999", "/marked"}) {
			t.Errorf("%s: got %v", when, targets)
		}
		tr, err := d.disk.Trace(t.Context(), true, log.ID())
		if err != nil || len(tr.Conns) != 1 || tr.Conns[0].Exchanges[0].Status != 502 || !tr.Conns[0].Close.Ended {
			t.Errorf("%s: record of what is marked: %v, %v", when, tr, err)
		}
		rows, err := d.disk.Search(t.Context(), Search{Limit: 1, Before: 1 << 40, Filter: nil})
		if err != nil || len(rows) != 1 {
			t.Errorf("%s: %v, %v", when, rows, err)
		}
	}
	check("while it runs")
	if len(segmentsIn(t, folder, ".kept")) != 1 {
		t.Errorf("segments of what is kept longer: %v", segmentsIn(t, folder, ".kept"))
	}
	rows, err := d.disk.Search(t.Context(), Search{Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	d.stop()

	if err := os.Remove(filepath.Join(folder, indexFile)); err != nil {
		t.Fatal(err)
	}
	d = openDoor(t, folder, DiskOptions{Size: size, Age: time.Hour})
	check("rebuilt")
	again, err := d.disk.Search(t.Context(), Search{Limit: 100_000})
	if err != nil || len(again) != len(rows) {
		t.Fatalf("rebuilt: %d rows, want %d, %v", len(again), len(rows), err)
	}
	for i := range rows {
		if rows[i].ID != again[i].ID || rows[i].Target != again[i].Target || !slices.Equal(rows[i].Findings, again[i].Findings) {
			t.Fatalf("row %d: %+v, rebuilt %+v", i, rows[i], again[i])
		}
	}
}

func TestRetentionByAge(t *testing.T) {
	d := openDoor(t, t.TempDir(), DiskOptions{Size: 64 << 20, Age: time.Hour})
	log, x := d.visit(time.Now().Add(-2*time.Hour), "/marked", 502, "")
	d.visit(time.Now().Add(-2*time.Hour), "/old", 200, "")
	d.disk.Mark(Mark{log.ID(), x, "origin-closed"})
	d.flush(t)
	d.stop()
	d = openDoor(t, d.disk.folder, DiskOptions{Size: 64 << 20, Age: time.Hour})
	d.visit(time.Now(), "/new", 200, "")
	d.flush(t)
	d.flush(t) // the first answers before the old is given up
	if got := d.targets(t, ""); !slices.Equal(got, []string{"/new", "/marked"}) {
		t.Errorf("got %v", got)
	}
}

// TestDiskFull writes to a segment that takes nothing: the losses are counted,
// the door goes on, and so does writing once there is room.
func TestDiskFull(t *testing.T) {
	d := openDoor(t, t.TempDir(), DiskOptions{})
	d.visit(start, "/before", 200, "")
	d.flush(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full:", err)
	}
	d.stop()
	folder := d.disk.folder
	disk, err := OpenDisk(folder, DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	w := &writer{Disk: disk, source: d.store, follower: d.store.Follow(), pace: newPace(context.Background(), whole), digest: newDigest()}
	if _, err := w.current(); err != nil {
		t.Fatal(err)
	}
	good := w.segment.file
	w.segment.file = full
	d.visit(start, "/lost", 200, "")
	entries, _ := w.follower.read()
	w.take(entries)
	w.flush()
	if got := disk.Stats(); got.Lost != int64(len(entries)) || !strings.Contains(got.Trouble, "no space left") {
		t.Errorf("full: %+v", got)
	}
	w.segment.file = good
	d.visit(start, "/after", 200, "")
	entries, _ = w.follower.read()
	w.take(entries)
	w.flush()
	if got := disk.Stats(); got.Trouble != "" || got.Written != int64(len(entries)) {
		t.Errorf("room again: %+v", got)
	}
	d.disk = disk
	if got := d.targets(t, ""); !slices.Equal(got, []string{"/after", "/before"}) {
		t.Errorf("got %v", got)
	}
}
