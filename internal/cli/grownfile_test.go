package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What comes is read once, in whole lines; a file that was replaced or cut is
// read anew.
func TestGrownFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	g := &grownFile{path: path}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		must(err)
		_, err = f.WriteString(text)
		must(err)
		must(f.Close())
	}
	long := strings.Repeat("# a comment\n", 300_000) // more than is read at once
	junk := strings.Repeat("x", grownChunk+10)
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"not there yet", func() {}, ""},
		{"first", func() { add("one\ntwo\n") }, "one\ntwo\n"},
		{"nothing new", func() {}, ""},
		{"half a line", func() { add("thr") }, ""},
		{"its other half", func() { add("ee\nfour\n") }, "three\nfour\n"},
		{"cut and shorter", func() { must(os.Truncate(path, 0)); add("five\n") }, "five\n"},
		{"cut and longer", func() { must(os.Truncate(path, 0)); add("six\nseven\neight\n") }, "six\nseven\neight\n"},
		{"replaced by the same length", func() { must(os.Remove(path)); add("SIX\nSEVEN\nEIGHT\n") }, "SIX\nSEVEN\nEIGHT\n"},
		{"replaced by a copy that is longer", func() { must(os.Remove(path)); add("SIX\nSEVEN\nEIGHT\nnine\n") }, "nine\n"},
		{"moved away", func() { must(os.Rename(path, path+".1")) }, ""},
		{"a new one", func() { add("ten\n") }, "ten\n"},
		{"much at once", func() { add(long) }, long},
		{"a line without end", func() { add(junk) }, junk[:grownChunk]},
		{"its end", func() { add("\neleven\n") }, junk[grownChunk:] + "\neleven\n"},
		{"emptied", func() { must(os.Truncate(path, 0)) }, ""},
		{"after that", func() { add("twelve\n") }, "twelve\n"},
	} {
		step.do()
		var got strings.Builder
		g.news(func(lines []byte) { got.Write(lines) })
		if got.String() != step.want {
			t.Errorf("%s: got %.60q (%d bytes), want %.60q (%d bytes)", step.name, got.String(), got.Len(), step.want, len(step.want))
		}
	}
}

// Looking at a file that has not grown costs little.
func TestGrownFileThatRests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g, none := &grownFile{path: path}, func([]byte) {}
	g.news(none)
	const looks = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range looks {
		g.news(none)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / looks; each > grownChunk/10 {
		t.Errorf("%d bytes are allocated for each look", each)
	}
}
