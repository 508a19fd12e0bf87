package transform

import (
	"strings"

	"fanlight/internal/waf/arena"
)

func removeNulls(a *arena.Arena, s string) (string, bool) {
	if strings.IndexByte(s, 0) < 0 {
		return s, false
	}
	dst := a.Room(len(s))
	for i := range len(s) {
		if s[i] != 0 {
			dst = append(dst, s[i])
		}
	}
	return a.Keep(dst), true
}

func replaceNulls(a *arena.Arena, s string) (string, bool) {
	if strings.IndexByte(s, 0) < 0 {
		return s, false
	}
	dst := append(a.Room(len(s)), s...)
	for i, c := range dst {
		if c == 0 {
			dst[i] = ' '
		}
	}
	return a.Keep(dst), true
}
