package vars

import "strings"

// lower tells whether a name is its own fold, without a look at letters beyond
// ASCII.
func lower(name string) bool {
	for i := range len(name) {
		if c := name[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// fold is a name in lower case, by the rules of Unicode.
func (v *Values) fold(name string) string {
	if lower(name) {
		return name
	}
	b := v.arena.Room(len(name))
	for i := range len(name) {
		c := name[i]
		if c >= 0x80 {
			return strings.ToLower(name)
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		b = append(b, c)
	}
	return v.arena.Keep(b)
}
