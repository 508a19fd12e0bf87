package transform

import (
	"strings"

	"fanlight/internal/waf/arena"
)

// replaceComments makes a space of each comment of C; one that is not closed
// ends with the value.
func replaceComments(a *arena.Arena, s string) (string, bool) {
	at := strings.Index(s, "/*")
	if at < 0 {
		return s, false
	}
	dst := a.Room(len(s))
	for at >= 0 {
		dst = append(dst, s[:at]...)
		dst = append(dst, ' ')
		s = s[at+2:]
		end := strings.Index(s, "*/")
		if end < 0 {
			return a.Keep(dst), true
		}
		s = s[end+2:]
		at = strings.Index(s, "/*")
	}
	dst = append(dst, s...)
	return a.Keep(dst), true
}

// removeComments removes comments of C, HTML, SQL and shells. Either end closes
// either kind; what follows a comment is taken over unseen, at the end of the
// value a NUL; one that is not closed becomes a space.
func removeComments(a *arena.Arena, s string) (string, bool) {
	at := 0
	for at < len(s) && !startsComment(s[at:]) {
		at++
	}
	if at == len(s) {
		return s, false
	}
	dst := append(a.Room(len(s)+1), s[:at]...)
	for i := at; i < len(s); {
		width, toEnd := commentStart(s[i:])
		if toEnd {
			break
		}
		if width == 0 {
			dst = append(dst, s[i])
			i++
			continue
		}
		i += width
		n := commentEnd(s[i:])
		if n < 0 {
			dst = append(dst, ' ')
			break
		}
		i += n
		if i < len(s) {
			dst = append(dst, s[i])
		} else {
			dst = append(dst, 0)
		}
		i++
	}
	return a.Keep(dst), true
}

func startsComment(s string) bool {
	width, toEnd := commentStart(s)
	return width > 0 || toEnd
}

// commentStart gives the width of what opens a comment, or says that the rest
// of the value is one.
func commentStart(s string) (width int, toEnd bool) {
	switch {
	case s[0] == '/' && strings.HasPrefix(s, "/*"):
		return 2, false
	case s[0] == '<' && strings.HasPrefix(s, "<!--"):
		return 4, false
	case s[0] == '-' && strings.HasPrefix(s, "--"), s[0] == '#':
		return 0, true
	}
	return 0, false
}

// commentEnd is the index behind the first end of a comment, or -1.
func commentEnd(s string) int {
	for i := range len(s) {
		switch {
		case s[i] == '*' && strings.HasPrefix(s[i:], "*/"):
			return i + 2
		case s[i] == '-' && strings.HasPrefix(s[i:], "-->"):
			return i + 3
		}
	}
	return -1
}

// removeCommentsChar removes the marks of comments and leaves their text.
func removeCommentsChar(a *arena.Arena, s string) (string, bool) {
	at := 0
	for at < len(s) && commentMark(s[at:]) == 0 {
		at++
	}
	if at == len(s) {
		return s, false
	}
	dst := append(a.Room(len(s)), s[:at]...)
	for i := at; i < len(s); {
		if width := commentMark(s[i:]); width > 0 {
			i += width
			continue
		}
		dst = append(dst, s[i])
		i++
	}
	return a.Keep(dst), true
}

func commentMark(s string) int {
	switch s[0] {
	case '/', '*':
		if strings.HasPrefix(s, "/*") || strings.HasPrefix(s, "*/") {
			return 2
		}
	case '<':
		if strings.HasPrefix(s, "<!--") {
			return 4
		}
	case '-':
		if strings.HasPrefix(s, "-->") {
			return 3
		}
		if strings.HasPrefix(s, "--") {
			return 2
		}
	case '#':
		return 1
	}
	return 0
}
