package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The server under test has one core, load and origin share the other.
const (
	serverCPU = "0"
	loadCPU   = "1"
)

// process is a program that was started on one core.
type process struct {
	cmd  *exec.Cmd
	log  string // file with what it printed
	done chan struct{}
}

// start runs a program on one core until the row ends.
func (b *bench) start(name, cpu string, env []string, program string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(b.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("taskset", append([]string{"-c", cpu, program}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, log, log
	cmd.Env = append(os.Environ(), env...)
	apart(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd, log: log.Name(), done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	b.onClose(p.stop)
	return p, nil
}

// stop asks the program to end, and ends it and its children after 5 s.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return
	case <-time.After(5 * time.Second):
	}
	for _, pid := range tree(p.cmd.Process.Pid) {
		kill(pid)
	}
	<-p.done
}

// ended reports a program that is no longer there, with its last words.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("ended by itself: %s", p.lastWords())
	default:
		return nil
	}
}

func (p *process) lastWords() string {
	const most = 400
	words, _ := os.ReadFile(p.log)
	text := strings.TrimSpace(string(words))
	if len(text) > most {
		text = "..." + text[len(text)-most:]
	}
	return text
}

// cpu is the processor time, user and system, that the program and its
// living children have used.
func (p *process) cpu() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range tree(p.cmd.Process.Pid) {
		stat, err := readStat(pid)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += stat.cpu
	}
	if sum == 0 {
		return 0, errors.New("read processor time: the program has gone")
	}
	return sum, nil
}

// during gives the processor time that the program uses while do runs, and how
// long that takes.
func (p *process) during(do func() error) (used, elapsed time.Duration, err error) {
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return 0, 0, err
	}
	elapsed = time.Since(began)
	after, err := p.cpu()
	return after - before, elapsed, err
}

// memory is the resident memory of the program and its children in bytes.
func (p *process) memory() int64 {
	var sum int64
	for _, pid := range tree(p.cmd.Process.Pid) {
		if stat, err := readStat(pid); err == nil {
			sum += stat.resident
		}
	}
	return sum
}

// tree lists a process and all its descendants.
func tree(root int) []int {
	entries, _ := os.ReadDir("/proc")
	children := map[int][]int{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if stat, err := readStat(pid); err == nil {
				children[stat.parent] = append(children[stat.parent], pid)
			}
		}
	}
	pids := []int{root}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, children[pids[i]]...)
	}
	return pids
}

// stat is what is used of /proc/PID/stat.
type stat struct {
	parent   int
	cpu      time.Duration
	resident int64 // bytes
}

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(b))
}

// parseStat reads proc(5): ppid, utime, stime and rss are fields 4, 14, 15 and
// 24. The name in field 2 may hold spaces and parentheses.
func parseStat(line string) (stat, error) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux platform of Go's
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 22 {
		return stat{}, fmt.Errorf("read process state %q: too short", line)
	}
	var n [4]int64
	for i, field := range [...]int{4, 14, 15, 24} {
		v, err := strconv.ParseInt(fields[field-3], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("read process state: %w", err)
		}
		n[i] = v
	}
	return stat{parent: int(n[0]), cpu: time.Duration(n[1]+n[2]) * tick, resident: n[3] * int64(os.Getpagesize())}, nil
}
