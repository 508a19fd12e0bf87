package config

import (
	"bytes"
	"strings"
)

// offset is the place of a node in the source, in bytes.
func (e *editor) offset(n *node) int {
	at := 0
	for range n.line - 1 {
		at = e.lineEnd(at)
	}
	line := e.src[at:e.lineEnd(at)]
	column := 1
	for i := range string(line) {
		if column == n.column {
			return at + i
		}
		column++
	}
	return at + len(line)
}

// tokenEnd is where a scalar on one line ends, quotes included.
func (e *editor) tokenEnd(n *node) int {
	from := e.offset(n)
	rest := string(e.src[from:e.lineEnd(from)])
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return from + min(len(n.value), len(rest))
	}
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[0] == '"' && rest[i] == '\\':
			i++
		case rest[i] == rest[0]:
			return from + i + 1
		}
	}
	return from + len(rest)
}

func (e *editor) lineStart(at int) int {
	return bytes.LastIndexByte(e.src[:at], '\n') + 1
}

// lineEnd is the start of the next line.
func (e *editor) lineEnd(at int) int {
	if i := bytes.IndexByte(e.src[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(e.src)
}

func (e *editor) lineBefore(start int) string {
	if start == 0 {
		return ""
	}
	return string(e.src[e.lineStart(start-1):start])
}

func (e *editor) newline() string {
	if strings.Contains(string(e.src), "\r\n") {
		return "\r\n"
	}
	return "\n"
}
