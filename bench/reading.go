package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"time"
)

// reader is a program that reads captures, and how it is told to.
type reader struct {
	name, version string
	own           bool
	program       string
	args          []string
	// record matches the lines of output that are counted in a check.
	record *regexp.Regexp
}

// reading is what it took to read a capture.
type reading struct {
	elapsed time.Duration
	cpu     time.Duration // user and system
	peak    float64       // MB of resident memory
}

func (r reader) command(ctx context.Context, stdin *os.File) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.program, r.args...)
	cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR=/nonexistent") // tshark as it comes
	if stdin != nil {
		cmd.Stdin = stdin
	}
	return cmd
}

// read runs it with its output to /dev/null.
func (r reader) read(ctx context.Context, stdin *os.File) (reading, error) {
	cmd := r.command(ctx, stdin)
	var words bytes.Buffer
	cmd.Stderr = &words
	began := time.Now()
	err := cmd.Run()
	elapsed := time.Since(began)
	if err != nil {
		return reading{}, fmt.Errorf("run %s: %w: %.300s", r.name, err, bytes.TrimSpace(words.Bytes()))
	}
	state := cmd.ProcessState
	peak, err := peakMB(state)
	if err != nil {
		return reading{}, err
	}
	return reading{elapsed, state.UserTime() + state.SystemTime(), peak}, nil
}

// check runs it once to see that it gives as many records as there are: a
// program that understands less is quicker. The capture is in the page cache
// afterwards.
func (r reader) check(ctx context.Context, want int) error {
	n, err := r.records(ctx)
	if err == nil && n != want {
		err = fmt.Errorf("check %s: it gave %d records, want %d", r.name, n, want)
	}
	return err
}

// records counts what it gives.
func (r reader) records(ctx context.Context) (n int, err error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	cmd := r.command(ctx, nil)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if r.record.Match(line) {
			n++
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
	}
	if err := cmd.Wait(); err != nil {
		return n, fmt.Errorf("run %s: %w", r.name, err)
	}
	return n, nil
}

// idleMemory streams a capture into it, leaves the stream open, and gives its
// resident memory in bytes when it has nothing more to do.
func (r reader) idleMemory(ctx context.Context, stream func(io.Writer) error) (memory int64, err error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	from, to, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer to.Close()
	cmd := r.command(ctx, from)
	err = cmd.Start()
	from.Close()
	if err != nil {
		return 0, err
	}
	defer cmd.Wait()
	defer end()
	if err := stream(to); err != nil {
		return 0, fmt.Errorf("stream to %s: %w", r.name, err)
	}
	for used := -time.Second; ; time.Sleep(time.Second) {
		now, err := readStat(cmd.Process.Pid)
		if err != nil || ctx.Err() != nil {
			return 0, errors.Join(err, ctx.Err())
		}
		if now.cpu-used <= idleCPU {
			return now.resident, nil
		}
		used = now.cpu
	}
}

// idleCPU is what an idle program may use in a second.
const idleCPU = 10 * time.Millisecond

// streamed runs it on what stream writes into its standard input.
func (r reader) streamed(ctx context.Context, stream func(io.Writer) error) (reading, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return reading{}, err
	}
	written := make(chan error, 1)
	go func() {
		defer to.Close()
		written <- stream(to)
	}()
	got, err := r.read(ctx, from)
	from.Close() // the writer ends too if the program has
	return got, errors.Join(err, <-written)
}
