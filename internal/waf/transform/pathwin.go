package transform

import (
	"strings"

	"fanlight/internal/waf/arena"
)

// normalizePathWin is normalizePath for both slashes. It also cuts what Windows
// does not see: the name of a stream behind a colon, dots and blanks at the end
// of each part.
func normalizePathWin(a *arena.Arena, s string) (string, bool) {
	if isCleanPathWin(s) {
		return s, false
	}
	clean := appendClean(a.Room(len(s)+1), s, isAnySlash)
	clean = cutStream(clean)
	clean = cutTrailing(clean)
	if string(clean) == s {
		return s, false
	}
	return a.Keep(clean), true
}

func isCleanPathWin(s string) bool {
	if !isCleanPath(s) {
		return false
	}
	for i := range len(s) {
		switch s[i] {
		case '\\', ':':
			return false
		case '.', ' ':
			if i+1 == len(s) || s[i+1] == '/' {
				return false
			}
		}
	}
	return true
}

// cutStream cuts the last part of p at its first colon, but for the colon of a
// drive.
func cutStream(p []byte) []byte {
	from := 0
	if len(p) >= 2 && p[1] == ':' && isLetter(p[0]) {
		from = 2
	}
	end := len(p)
	slash := end > from && p[end-1] == '/'
	if slash {
		end--
	}
	for i := end; i > from; i-- {
		if p[i-1] == '/' {
			from = i
			break
		}
	}
	for i := from; i < end; i++ {
		if p[i] != ':' {
			continue
		}
		p = p[:i]
		if slash {
			p = append(p, '/')
		}
		return p
	}
	return p
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// cutTrailing cuts dots and blanks from the ends of the parts of p, in place.
// Parts of dots alone stay; others of which nothing is left are left out.
func cutTrailing(p []byte) []byte {
	out := p[:0]
	wrote := false
	for rest, more := p, true; more; {
		part := rest
		more = false
		for i, c := range rest {
			if c == '/' {
				part, rest, more = rest[:i], rest[i+1:], true
				break
			}
		}
		keep := part
		if !isDots(part) {
			if keep = trimDotsBlanks(part); len(keep) == 0 {
				continue
			}
		}
		if wrote {
			out = append(out, '/')
		}
		out = append(out, keep...)
		wrote = true
	}
	return out
}

func trimDotsBlanks(part []byte) []byte {
	for len(part) > 0 && strings.IndexByte(". ", part[len(part)-1]) >= 0 {
		part = part[:len(part)-1]
	}
	return part
}

// isDots tells whether there is nothing but dots, or nothing at all.
func isDots(part []byte) bool {
	for _, c := range part {
		if c != '.' {
			return false
		}
	}
	return true
}
