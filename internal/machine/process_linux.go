package machine

import (
	"path/filepath"
	"strconv"
	"strings"
)

// processID names a process so that no later one has the same name: pid@start,
// the start in clock ticks since boot.
func processID(pid int) string {
	id := strconv.Itoa(pid)
	return id + "@" + process{dir: filepath.Join("/proc", id)}.stat().start
}

// processAlive reports whether the process that processID named still runs.
func processAlive(id string) bool {
	pid, start, _ := strings.Cut(id, "@")
	if _, err := strconv.ParseUint(pid, 10, 31); err != nil {
		return false
	}
	s := process{dir: filepath.Join("/proc", pid)}.stat()
	return s.start == start && start != "" && s.state != 'Z' && s.state != 'X'
}
