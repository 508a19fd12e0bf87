package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

var searchColumns = []column{{"ms", "%.1f"}}

// Questions to the records on disk, by what bounds their time: a page is full
// after a look at the newest records; a search goes through all of them, or
// through those that failed.
const (
	fullPages = `^(no_filter|200|shop7.test_and_agent)$`
	searches  = `^(502|shop7.test_and_5xx|absent_target|absent_incident)$`
)

// storeSearch asks a million exchanges on disk. The store is filled and asked by
// its own benchmark, once for each round: what was recorded by a door at full
// speed would not be the same in each.
func storeSearch(questions string) func(b *bench) ([]subject, error) {
	return func(b *bench) ([]subject, error) {
		program := filepath.Join(b.dir, "store.test")
		if out, err := exec.CommandContext(b.ctx, "go", "test", "-c", "-o", program, "./internal/store").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the store's benchmark: %w: %s", err, out)
		}
		run := exec.CommandContext(b.ctx, program, "-test.run", "^$", "-test.bench", "^BenchmarkSearch$/"+questions,
			"-test.benchtime", "20x", "-test.count", strconv.Itoa(b.rounds))
		out, err := run.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("run the store's benchmark: %w: %s", err, out)
		}
		names, times := readBenchmark(out)
		var subjects []subject
		for _, name := range names {
			subjects = append(subjects, samples(name, times[name]))
		}
		if len(subjects) == 0 {
			return nil, fmt.Errorf("read the store's benchmark: no result in %q", out)
		}
		return subjects, nil
	}
}

// samples is a subject that was measured before, as often as it will be asked.
func samples(name string, taken []float64) subject {
	return subject{name: name, own: true, measure: func(context.Context) ([]float64, error) {
		if len(taken) == 0 {
			return nil, fmt.Errorf("no result is left")
		}
		next := taken[0]
		taken = taken[1:]
		return []float64{next}, nil
	}}
}

// readBenchmark reads lines such as "BenchmarkSearch/502-2  20  1234567 ns/op";
// times are in milliseconds.
func readBenchmark(out []byte) (names []string, times map[string][]float64) {
	times = map[string][]float64{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != "ns/op" {
			continue
		}
		_, name, found := strings.Cut(fields[0], "/")
		ns, err := strconv.ParseFloat(fields[2], 64)
		if !found || err != nil {
			continue
		}
		if cpu := strings.LastIndexByte(name, '-'); cpu > 0 {
			name = name[:cpu]
		}
		if times[name] == nil {
			names = append(names, name)
		}
		times[name] = append(times[name], ns/1e6)
	}
	return names, times
}
