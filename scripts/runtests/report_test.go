package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	for _, test := range []struct {
		name, events string
		want         tally
		says         string
	}{
		{"a pass", `
			{"Action":"run","Package":"p","Test":"TestA"}
			{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
			{"Action":"pass","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p","Elapsed":1.5}`, tally{1, 0}, "ok    p  1 tests  1.5 s\n"},
		{"a package without tests", `{"Action":"skip","Package":"p"}`, tally{0, 0}, ""},
		{"subtests count, their group does not", `
			{"Action":"pass","Package":"p","Test":"TestA/x"}
			{"Action":"pass","Package":"p","Test":"TestA/y"}
			{"Action":"pass","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p"}`, tally{2, 0}, "ok    p  2 tests"},
		{"a failed subtest fails once, with its output", `
			{"Action":"output","Package":"p","Test":"TestA/x","Output":"    a_test.go:3: got 1\n"}
			{"Action":"fail","Package":"p","Test":"TestA/x"}
			{"Action":"pass","Package":"p","Test":"TestA/y"}
			{"Action":"fail","Package":"p","Test":"TestA"}
			{"Action":"fail","Package":"p"}`, tally{1, 1}, "FAIL  p TestA/x\n    a_test.go:3: got 1\n"},
		{"a group may fail by itself", `
			{"Action":"pass","Package":"p","Test":"TestA/x"}
			{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: leak\n"}
			{"Action":"fail","Package":"p","Test":"TestA"}
			{"Action":"fail","Package":"p"}`, tally{1, 1}, "a_test.go:9: leak"},
		{"a build that fails", `
			{"Action":"build-output","ImportPath":"p","Output":"p.go:1: syntax error\n"}
			{"Action":"output","Package":"p","Output":"FAIL p [build failed]\n"}
			{"Action":"fail","Package":"p"}`, tally{0, 1}, "p.go:1: syntax error\nFAIL p [build failed]\n"},
		{"a skip for want of a program", `
			{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:5: nginx is not installed\n"}
			{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p"}`, tally{0, 1}, "FAIL  p TestA was skipped: nginx is not installed\n"},
		{"a skip that is allowed", `
			{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:5: this user may read every file\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p"}`, tally{0, 0}, "skip  1: this user may read every file\n"},
		{"a skip without a reason", `
			{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p"}`, tally{0, 1}, "no reason given"},
		{"a package that never ends", `{"Action":"run","Package":"p","Test":"TestA"}`, tally{0, 1}, "p did not end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(test.events)); err != nil {
				t.Fatal(err)
			}
			if got := r.end(); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if !strings.Contains(out.String(), test.says) {
				t.Errorf("printed %q, want %q in it", out.String(), test.says)
			}
		})
	}
}

func TestReadVitest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(file, []byte(`{"numTotalTests":7,"numPassedTests":5,"numFailedTests":1,"numPendingTests":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readVitest(file); err != nil || got != (tally{5, 2}) {
		t.Errorf("got %+v, %v; want 5 passed, 2 failed", got, err)
	}
	if _, err := readVitest(file + ".missing"); err == nil {
		t.Error("a missing report is no success")
	}
}
