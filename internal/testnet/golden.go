package testnet

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// Golden compares text with a golden file and fails the test with the
// difference. A path file.txtar#section names one section of a txtar archive;
// any other path is a file of its own. A final newline more or less is no
// difference. `go test -update` writes what it got instead; tests which run in
// parallel and share an archive must not be updated together.
func Golden(t testing.TB, path, got string) {
	t.Helper()
	got = ending(got)
	if *update {
		writeGolden(t, path, got)
		return
	}
	want, found := readGolden(t, path)
	if !found {
		t.Errorf("%s: no golden text (run with -update to write it); got:\n%s", path, got)
	} else if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", path, diff)
	}
}

func readGolden(t testing.TB, path string) (want string, found bool) {
	t.Helper()
	file, section, isArchive := strings.Cut(path, "#")
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return "", false
	}
	must(t, err)
	if !isArchive {
		return ending(string(data)), true
	}
	for _, f := range txtar.Parse(data).Files {
		if f.Name == section {
			return ending(string(f.Data)), true
		}
	}
	return "", false
}

func writeGolden(t testing.TB, path, got string) {
	t.Helper()
	file, section, isArchive := strings.Cut(path, "#")
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	data := []byte(got)
	if isArchive {
		old, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		data = replaceSection(old, section, data)
	}
	must(t, os.WriteFile(file, data, 0o644))
}

func replaceSection(archive []byte, section string, data []byte) []byte {
	a := txtar.Parse(archive)
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == section })
	if i < 0 {
		i = len(a.Files)
		a.Files = append(a.Files, txtar.File{Name: section})
	}
	a.Files[i].Data = data
	return txtar.Format(a)
}

// ending gives the text exactly one final newline, unless it is empty.
func ending(s string) string {
	if s = strings.TrimRight(s, "\n"); s == "" {
		return ""
	}
	return s + "\n"
}
