package transform

import "strings"

func removeNulls(a *Arena, s string) (string, bool) {
	if strings.IndexByte(s, 0) < 0 {
		return s, false
	}
	dst := a.reserve(len(s))
	for i := range len(s) {
		if s[i] != 0 {
			dst = append(dst, s[i])
		}
	}
	return a.keep(dst), true
}

func replaceNulls(a *Arena, s string) (string, bool) {
	if strings.IndexByte(s, 0) < 0 {
		return s, false
	}
	dst := append(a.reserve(len(s)), s...)
	for i, c := range dst {
		if c == 0 {
			dst[i] = ' '
		}
	}
	return a.keep(dst), true
}
