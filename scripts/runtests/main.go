// Command runtests runs every test of the repository, Go's and the console's,
// and ends non-zero if one failed or was skipped for want of a program.
//
//	go run ./scripts/runtests [PACKAGE ...]
//
// The last line is `N passed, N failed`. With packages, only their Go tests run.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var total tally
	if packages := os.Args[1:]; len(packages) > 0 {
		total = goTests(ctx, os.Stdout, ".", packages...)
	} else {
		total = goTests(ctx, os.Stdout, ".", "./...")
		total = total.plus(goTests(ctx, os.Stdout, "tests/crs", "-short", "-run", "Watching|Blocking", "."))
		total = total.plus(check(ctx, os.Stdout, "web: types", "npm", "run", "--silent", "check"))
		total = total.plus(webTests(ctx, os.Stdout))
	}
	fmt.Printf("%d passed, %d failed\n", total.passed, total.failed)
	if total.failed > 0 || total.passed == 0 {
		stop()
		os.Exit(1)
	}
}

// tally counts tests. A group of subtests is not counted beside its members.
type tally struct{ passed, failed int }

func (t tally) plus(u tally) tally { return tally{t.passed + u.passed, t.failed + u.failed} }

// goTests runs `go test -race` in the folder of a module, prints a line per
// package and the output of what failed, and judges what was skipped.
func goTests(ctx context.Context, w io.Writer, module string, what ...string) tally {
	args := append([]string{"test", "-json", "-race", "-timeout", "10m"}, what...)
	cmd := command(ctx, "go", args...)
	cmd.Dir = module
	// Debian keeps servers where only root's PATH leads.
	cmd.Env = append(cmd.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(w, "run go test:", err)
		return tally{failed: 1}
	}
	r := newReport(w)
	readErr := r.read(out)
	waitErr := cmd.Wait()
	total := r.end()
	if readErr != nil {
		fmt.Fprintln(w, "read the events of go test:", readErr)
		total.failed++
	}
	if waitErr != nil && total.failed == 0 {
		fmt.Fprintln(w, "go test:", waitErr)
		total.failed++
	}
	return total
}

// check runs a command in web/ that passes or fails as a whole.
func check(ctx context.Context, w io.Writer, name, program string, args ...string) tally {
	cmd := command(ctx, program, args...)
	cmd.Dir = "web"
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(w, "FAIL  %s: %v\n%s", name, err, out)
		return tally{failed: 1}
	}
	fmt.Fprintf(w, "ok    %s\n", name)
	return tally{passed: 1}
}

// webTests runs the console's tests.
func webTests(ctx context.Context, w io.Writer) tally {
	folder, err := os.MkdirTemp("", "fanlight-tests-")
	if err != nil {
		fmt.Fprintln(w, "web tests:", err)
		return tally{failed: 1}
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "report.json")
	cmd := command(ctx, "npm", "run", "--silent", "test", "--", "--reporter=default", "--reporter=json", "--outputFile.json="+file)
	cmd.Dir = "web"
	out, runErr := cmd.CombinedOutput()
	total, err := readVitest(file)
	if err != nil || (runErr != nil && total.failed == 0) {
		total.failed++
	}
	if total.failed > 0 {
		fmt.Fprintf(w, "FAIL  web\n%s", out)
		return total
	}
	fmt.Fprintf(w, "ok    web  %d tests\n", total.passed)
	return total
}

// readVitest counts the tests in a report of Vitest. A skipped test is a
// failure: nothing it could need may be missing here.
func readVitest(file string) (tally, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return tally{}, err
	}
	var report struct {
		Total  int `json:"numTotalTests"`
		Passed int `json:"numPassedTests"`
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		return tally{}, fmt.Errorf("read %s: %w", file, err)
	}
	return tally{report.Passed, report.Total - report.Passed}, nil
}

// command is a program that gets time to stop its own children when the run is
// interrupted.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}
