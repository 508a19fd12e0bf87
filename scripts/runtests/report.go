package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of `go test -json` (see `go doc test2json`).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string // empty: the package as a whole
	Output     string
	Elapsed    float64
}

// report reads events and prints what a person wants of them.
type report struct {
	w        io.Writer
	packages map[string]*pack
	builds   map[string][]string // output of builds
	skips    map[string]int      // allowed ones by reason
	total    tally
}

// pack is what is known of a package that is being tested.
type pack struct {
	output  map[string][]string // by test
	results map[string]string   // pass, fail or skip, by test
}

func newReport(w io.Writer) *report {
	return &report{w: w, packages: map[string]*pack{}, builds: map[string][]string{}, skips: map[string]int{}}
}

func (r *report) read(in io.Reader) error {
	for d := json.NewDecoder(in); ; {
		var e event
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		r.take(e)
	}
}

func (r *report) take(e event) {
	if e.Action == "build-output" {
		r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pack{map[string][]string{}, map[string]string{}}
		r.packages[e.Package] = p
	}
	switch e.Action {
	case "output":
		p.output[e.Test] = append(p.output[e.Test], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.close(e, p)
			delete(r.packages, e.Package)
			return
		}
		p.results[e.Test] = e.Action
		if e.Action == "pass" {
			delete(p.output, e.Test)
		}
	}
}

// close counts and prints a package that has ended.
func (r *report) close(e event, p *pack) {
	var count tally
	for _, test := range sortedKeys(p.results) {
		if p.isGroup(test) {
			continue
		}
		switch p.results[test] {
		case "pass":
			count.passed++
		case "fail":
			count.failed++
			fmt.Fprintf(r.w, "FAIL  %s %s\n%s", e.Package, test, p.outputOf(test))
		case "skip":
			reason := skipReason(p.output[test])
			if allowed(reason) {
				r.skips[reason]++
				continue
			}
			count.failed++
			fmt.Fprintf(r.w, "FAIL  %s %s was skipped: %s\n", e.Package, test, reason)
		}
	}
	if e.Action == "fail" && count.failed == 0 {
		count.failed++
		fmt.Fprint(r.w, strings.Join(r.builds[e.Package], ""), strings.Join(p.output[""], ""))
	}
	r.total = r.total.plus(count)
	switch {
	case count.failed > 0:
		fmt.Fprintf(r.w, "FAIL  %s  %d of %d\n", e.Package, count.failed, count.failed+count.passed)
	case count.passed > 0:
		fmt.Fprintf(r.w, "ok    %s  %d tests  %.1f s\n", e.Package, count.passed, e.Elapsed)
	}
}

// isGroup tells whether a test's result is that of its subtests. A group that
// failed although no subtest did has failed by itself.
func (p *pack) isGroup(test string) bool {
	group := false
	for other, result := range p.results {
		if strings.HasPrefix(other, test+"/") {
			if p.results[test] != "fail" || result == "fail" {
				return true
			}
			group = true
		}
	}
	return group && p.results[test] != "fail"
}

// outputOf is what a test and the groups it is in printed.
func (p *pack) outputOf(test string) string {
	var out []string
	for i := range test {
		if test[i] == '/' {
			out = append(out, p.output[test[:i]]...)
		}
	}
	return strings.Join(append(out, p.output[test]...), "")
}

// end counts what never ended, prints the skips that are allowed, and gives
// the sum.
func (r *report) end() tally {
	for _, name := range sortedKeys(r.packages) {
		fmt.Fprintf(r.w, "FAIL  %s did not end\n", name)
		r.total.failed++
	}
	for _, reason := range sortedKeys(r.skips) {
		fmt.Fprintf(r.w, "skip  %d: %s\n", r.skips[reason], reason)
	}
	return r.total
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
