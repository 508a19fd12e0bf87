package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machineFacts are what a reader needs to compare two results.
func machineFacts() []string {
	return []string{
		"measured: " + time.Now().Format("2006-01-02 15:04"),
		fmt.Sprintf("CPU: %s, %d of them", valueIn("/proc/cpuinfo", "model name"), runtime.NumCPU()),
		"kernel: " + firstLine(os.ReadFile("/proc/sys/kernel/osrelease")),
		"load average at the start: " + firstLine(os.ReadFile("/proc/loadavg")),
		"load: " + firstLine(exec.Command("wrk", "-v").CombinedOutput()),
	}
}

// firstLine of what a file or a program says. The error is not looked at: wrk
// ends with 1 after -v, and an empty answer reads as unknown.
func firstLine(b []byte, _ error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if line == "" {
		return "unknown"
	}
	return line
}

// valueIn finds `key : value` in a file of /proc.
func valueIn(path, key string) string {
	b, _ := os.ReadFile(path)
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
