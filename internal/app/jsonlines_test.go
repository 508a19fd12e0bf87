package app

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
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
