package foreignlog

import "strings"

// piece is a variable of a log_format, and the text behind it.
type piece struct {
	name  string // empty: only text
	after string
}

// layoutOf takes a log_format of nginx apart: "$remote_addr [$time_local] ...".
func layoutOf(text string) []piece {
	if text == "" {
		return nil
	}
	parts := strings.Split(text, "$")
	pieces := []piece{{after: parts[0]}}
	for _, part := range parts[1:] {
		name, after := part, ""
		if braced, found := strings.CutPrefix(part, "{"); found {
			name, after, _ = strings.Cut(braced, "}")
		} else if i := strings.IndexFunc(part, func(c rune) bool { return !isName(string(c)) }); i >= 0 {
			name, after = part[:i], part[i:]
		}
		pieces = append(pieces, piece{name, after})
	}
	return pieces
}

// fill reads a line by a layout, nil if it does not fit. A value reaches to the
// first place where the text behind it stands.
func fill(layout []piece, line string) map[string]string {
	f := map[string]string{}
	for _, p := range layout {
		value, rest := line, ""
		if p.after != "" {
			var found bool
			if value, rest, found = strings.Cut(line, p.after); !found {
				return nil
			}
		}
		if p.name == "" && value != "" && p.after != "" {
			return nil
		}
		if p.name == "" {
			rest = line[len(p.after):]
		} else {
			f[alias(p.name)] = value
		}
		line = rest
	}
	return f
}
