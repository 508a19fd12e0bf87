package iisimport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fanlight/internal/config"
)

// FuzzUrlScan holds every file to three things: each line is told of exactly once,
// the questions can be answered, and what comes out is a filter that is taken.
func FuzzUrlScan(f *testing.F) {
	seed(f, "urlscan-*.ini")
	f.Add([]byte("[Options]\nRemoveServerHeader=0\nAlternateServerName=\a\n[Extra]\n"))
	f.Add([]byte("[Options]\nRuleList=a,a,Options\n[a]\nDenyDataSection=a\nScanURL=1\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := answered(t, raw, UrlScan)
		if r == nil {
			return
		}
		text, _, _ := decodeText(raw)
		toldOnce(t, text, r)
		taken(t, r)
	})
}

// FuzzRequestFiltering holds every file to what comes out being taken.
func FuzzRequestFiltering(f *testing.F) {
	seed(f, "*.config")
	f.Add([]byte(twoPlaces))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r := answered(t, raw, RequestFiltering); r != nil {
			taken(t, r)
		}
	})
}

func seed(f *testing.F, pattern string) {
	files, err := filepath.Glob(filepath.Join(samples, pattern))
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds: ", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}

// answered answers each question with the first that is offered.
func answered(t *testing.T, raw []byte, read func([]byte, Answers) (*Result, error)) *Result {
	answers := Answers{}
	for range 1000 {
		r, err := read(raw, answers)
		if r == nil {
			if err == nil {
				t.Fatal("neither a result nor an error")
			}
			return nil
		}
		open := r.Open()
		if len(open) == 0 {
			return r
		}
		for _, q := range open {
			answers[q.Key] = noLimit
			if len(q.Answers) > 0 {
				answers[q.Key] = q.Answers[0].Value
			}
		}
	}
	t.Fatal("the questions do not end")
	return nil
}

func toldOnce(t *testing.T, text string, r *Result) {
	told := map[int]int{}
	for _, l := range r.Lines {
		told[l.Number]++
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, ";")
		if _, heads := heading(strings.TrimSpace(line)); strings.TrimSpace(line) != "" && !heads && told[number] != 1 {
			t.Errorf("line %d %q is told of %d times", number, line, told[number])
		}
	}
}

// taken puts the filter into a site.
func taken(t *testing.T, r *Result) {
	var b strings.Builder
	b.WriteString("sites:\n  shop:\n    bind: [\"127.0.0.2:443 shop.test\"]\n    routes: [{path: /, files: .}]\n")
	for line := range strings.Lines(r.YAML("test")) {
		b.WriteString("    " + line)
	}
	c, err := config.Parse("test.yaml", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	for _, fault := range c.Faults {
		t.Errorf("%s\n%s", fault.Report(), b.String())
	}
}
