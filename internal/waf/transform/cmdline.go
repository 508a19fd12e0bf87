package transform

import "fanlight/internal/waf/arena"

// What a byte is in a command.
const (
	commandPlain = iota
	commandLetter
	commandQuote
	commandBlank
	commandBreak // a comma and the like, which become blanks
	commandTight // takes away the blank in front of it
)

var commandClass = func() (class [256]uint8) {
	mark := func(set string, as uint8) {
		for i := range len(set) {
			class[set[i]] = as
		}
	}
	mark(capitals, commandLetter)
	mark(`"'\^`, commandQuote)
	mark(" ", commandBlank)
	mark(",;\t\r\n", commandBreak)
	mark("/(", commandTight)
	return class
}()

// cmdLine writes a command as a shell would come to read it: without quotes,
// backslashes and carets, in small letters, with one space for each run of
// blanks, commas and semicolons, and none in front of / and (.
func cmdLine(a *arena.Arena, s string) (string, bool) {
	at := indexCommand(s)
	if at < 0 {
		return s, false
	}
	dst := append(a.Room(len(s)), s[:at]...)
	space := at > 0 && s[at-1] == ' '
	for i := at; i < len(s); i++ {
		c := s[i]
		switch commandClass[c] {
		case commandQuote:
			continue
		case commandBlank, commandBreak:
			if !space {
				dst = append(dst, ' ')
			}
			space = true
			continue
		case commandTight:
			if space {
				dst = dst[:len(dst)-1]
			}
		case commandLetter:
			c |= 0x20
		}
		dst = append(dst, c)
		space = false
	}
	return a.Keep(dst), true
}

// indexCommand finds the first byte at which cmdLine changes the value, or -1.
func indexCommand(s string) int {
	for i := range len(s) {
		switch commandClass[s[i]] {
		case commandPlain:
		case commandBlank, commandTight:
			if i > 0 && s[i-1] == ' ' {
				return i
			}
		default:
			return i
		}
	}
	return -1
}
