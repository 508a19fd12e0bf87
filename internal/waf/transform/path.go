package transform

import (
	"bytes"

	"fanlight/internal/waf/arena"
)

// normalizePath resolves ".", ".." and doubled slashes. What ends in a slash
// keeps it, so that "/" becomes "//"; what stands for nothing becomes empty.
func normalizePath(a *arena.Arena, s string) (string, bool) {
	if isCleanPath(s) {
		return s, false
	}
	dst := appendClean(a.Room(len(s)+1), s, isSlash)
	if string(dst) == s {
		return s, false
	}
	return a.Keep(dst), true
}

func isSlash(c byte) bool      { return c == '/' }
func isAnySlash(c byte) bool   { return c == '/' || c == '\\' }
func isPathDots(s string) bool { return s == "." || s == ".." }

// isCleanPath says yes where a glance shows that nothing is to be done.
func isCleanPath(s string) bool {
	if s == "/" {
		return false
	}
	start := 0
	for i := range len(s) {
		if s[i] != '/' {
			continue
		}
		if i == start && i > 0 || isPathDots(s[start:i]) {
			return false
		}
		start = i + 1
	}
	return !isPathDots(s[start:])
}

// appendClean appends the shortest equal path, and the slash that s, which is
// not empty, ends with.
func appendClean(dst []byte, s string, slash func(byte) bool) []byte {
	base := len(dst)
	if slash(s[0]) {
		dst = append(dst, '/')
	}
	root := len(dst)
	floor := root // behind the ".." that cannot be resolved
	for i := 0; i < len(s); {
		end := i
		for end < len(s) && !slash(s[end]) {
			end++
		}
		part := s[i:end]
		i = end + 1
		switch {
		case part == "" || part == ".":
		case part == ".." && len(dst) > floor:
			dst = dst[:max(floor, base+bytes.LastIndexByte(dst[base:], '/'))]
		case part == ".." && root > base:
		default:
			if len(dst) > root {
				dst = append(dst, '/')
			}
			dst = append(dst, part...)
			if part == ".." {
				floor = len(dst)
			}
		}
	}
	if len(dst) > base && slash(s[len(s)-1]) {
		dst = append(dst, '/')
	}
	return dst
}
