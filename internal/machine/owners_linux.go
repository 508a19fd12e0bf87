package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// process is a directory of /proc.
type process struct {
	pid    int
	parent int
	dir    string
}

// socketOwners finds the process of each listener. A socket that several
// processes share belongs to the one that the others descend from, as nginx's
// master and its workers; systemd, which keeps the sockets of the services it
// starts, yields to them. Processes that may not be looked at are left out.
func socketOwners(proc string, ls []Holder) map[uint64]process {
	sharers := make(map[uint64][]process, len(ls))
	for _, h := range ls {
		if h.Inode != 0 {
			sharers[h.Inode] = nil
		}
	}
	entries, _ := os.ReadDir(proc) // no entries: nobody may be looked at
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p := process{pid: pid, dir: filepath.Join(proc, e.Name())}
		p.parent = p.stat().parent
		for _, inode := range p.sockets() {
			if known, wanted := sharers[inode]; wanted && !slices.Contains(known, p) {
				sharers[inode] = append(known, p)
			}
		}
	}
	owners := make(map[uint64]process, len(sharers))
	for inode, ps := range sharers {
		if len(ps) > 0 {
			owners[inode] = eldest(ps)
		}
	}
	return owners
}

func eldest(ps []process) process {
	pids := map[int]bool{}
	for _, p := range ps {
		pids[p.pid] = p.pid != 1
	}
	for _, p := range ps {
		if p.pid != 1 && !pids[p.parent] {
			return p
		}
	}
	return ps[0]
}

// sockets gives the inodes of the sockets the process has open.
func (p process) sockets() []uint64 {
	dir := filepath.Join(p.dir, "fd")
	fds, _ := os.ReadDir(dir)
	var inodes []uint64
	for _, fd := range fds {
		target, _ := os.Readlink(filepath.Join(dir, fd.Name()))
		if number, isSocket := strings.CutPrefix(target, "socket:["); isSocket {
			if inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64); err == nil {
				inodes = append(inodes, inode)
			}
		}
	}
	return inodes
}

// program is the base name of the executable; the name the process gave itself
// (15 bytes, and for some runtimes that of a thread) if that may not be read.
func (p process) program() string {
	if exe, err := os.Readlink(filepath.Join(p.dir, "exe")); err == nil {
		return filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	}
	comm, _ := os.ReadFile(filepath.Join(p.dir, "comm"))
	return strings.TrimSpace(string(comm))
}

// stat holds the fields of proc_pid_stat(5) that are used here.
type stat struct {
	state  byte
	parent int
	start  string // clock ticks between boot and start
}

func (p process) stat() (s stat) {
	raw, _ := os.ReadFile(filepath.Join(p.dir, "stat"))
	text := string(raw)
	// The program's name, in parentheses, may hold spaces and parentheses.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) > 19 {
		s.state, s.start = fields[0][0], fields[19]
		s.parent, _ = strconv.Atoi(fields[1])
	}
	return s
}
