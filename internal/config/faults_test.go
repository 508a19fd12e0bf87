package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Each archive of testdata/faults holds cases: a folder with the files of a
// configuration, and what a user is told about it in the file want.
func TestFaults(t *testing.T) {
	archives, err := filepath.Glob("testdata/faults/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := txtar.Write(archive, dir); err != nil {
				t.Fatal(err)
			}
			checkArchive(t, archive, dir)
			if update() && !t.Failed() {
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func checkArchive(t *testing.T, archive *txtar.Archive, dir string) {
	for i := range archive.Files {
		f := &archive.Files[i]
		if path.Base(f.Name) != "want" {
			continue
		}
		t.Run(path.Dir(f.Name), func(t *testing.T) {
			t.Chdir(filepath.Join(dir, path.Dir(f.Name)))
			got := told(t)
			if update() {
				f.Data = []byte(got)
				return
			}
			if diff := cmp.Diff(string(f.Data), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// update says that the archives are to be rewritten: go test -args update.
func update() bool { return flag.Arg(0) == "update" }

// told is what a user is told: each fault with what it fails, then the warnings.
func told(t *testing.T) string {
	var b strings.Builder
	tell := func(f Fault) {
		what := "everything"
		if f.Site != "" {
			what = f.Site
		}
		fmt.Fprintf(&b, "fails %s: %s\n", what, f.Report())
	}
	c, err := Load("fanlight.yaml")
	var faults *Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range *faults {
			tell(f)
		}
	case err != nil:
		t.Fatal(err)
	default:
		for _, f := range c.Faults {
			if c.Sites[f.Site] == nil || c.Sites[f.Site].Name != f.Site {
				t.Errorf("failed site %q is not listed", f.Site)
			}
			tell(f)
		}
		for _, f := range c.Warnings() {
			fmt.Fprintf(&b, "warns: %s\n", f.Report())
		}
	}
	if b.Len() == 0 {
		return "fine\n"
	}
	return b.String()
}
