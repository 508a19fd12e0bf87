package app

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// disk is a writer that can be full.
type disk struct {
	bytes.Buffer
	full bool
}

func (d *disk) Write(p []byte) (int, error) {
	if d.full {
		return 0, errors.New("no space left")
	}
	return d.Buffer.Write(p)
}

// What a log begins with is not lost where the disk was full as it began.
func TestLogBeginsAfterAFullDisk(t *testing.T) {
	d := disk{full: true}
	w := newJSONLines(&d, "access log", slog.New(slog.DiscardHandler))
	w.begin(func(time.Time) string { return "#Fields: line\n" })
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		w.writeLine([]byte(line))
		w.flush()
		d.full = false
	}
	if got, want := d.String(), "\n#Fields: line\ntwo\nthree\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

// A log that was cut, as with copytruncate, begins anew.
func TestLogBeginsAfterACut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	w, err := openJSONLines(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.path = path
	w.begin(func(time.Time) string { return "#Fields: line\n" })
	write := func(line string) {
		w.looked = time.Time{} // a second has gone by
		w.writeLine([]byte(line))
		w.flush()
	}
	write("one\n")
	write("two\n")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write("three\n")
	write("four\n")
	w.close()
	if got, err := os.ReadFile(path); err != nil || string(got) != "#Fields: line\nthree\nfour\n" {
		t.Errorf("the log is %q, %v", got, err)
	}
}

func TestJSONLinesOutliveAFullDisk(t *testing.T) {
	var said bytes.Buffer
	var d disk
	w := newJSONLines(&d, "records", slog.New(slog.NewTextHandler(&said, nil)))
	lost := func(line string) int64 {
		w.write(line)
		w.write(line)
		return w.flush()
	}
	if n := lost("one"); n != 0 {
		t.Errorf("lost %d lines of an empty disk", n)
	}
	d.full = true
	for range 2 {
		if n := lost("two"); n != 2 {
			t.Errorf("lost %d lines, want 2", n)
		}
	}
	d.full = false
	if n := lost("three"); n != 0 || w.close() != 0 {
		t.Errorf("lost %d lines of a disk with space again", n)
	}
	if got, want := d.String(), "\"one\"\n\"one\"\n\n\"three\"\n\"three\"\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if n := strings.Count(said.String(), "cannot be written"); n != 1 || !strings.Contains(said.String(), "written again") {
		t.Errorf("said %d times that it cannot write:\n%s", n, said.String())
	}
}
