package httpwire

import (
	"bytes"
	"encoding/binary"
)

// text is what names and values come as: constants and pieces of a buffer.
type text interface{ ~string | ~[]byte }

const (
	classToken   = 1 << iota // tchar, RFC 9110 5.6.2
	classHex                 // HEXDIG in both cases
	classHost                // RFC 3986 reg-name without percent-encoding
	classControl             // bytes below space, and DEL
	classScheme              // RFC 3986 3.1, after the first letter
)

var class = func() (t [256]uint8) {
	mark := func(set string, c uint8) {
		for i := range len(set) {
			t[set[i]] |= c
		}
	}
	const digits = "0123456789"
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(digits+letters+"!#$%&'*+-.^_`|~", classToken)
	mark(digits+"abcdefABCDEF", classHex)
	mark(digits+letters+"-._~!$&'()*+,;=", classHost)
	mark(digits+letters+"+-.", classScheme)
	for c := range 0x20 {
		t[c] |= classControl
	}
	t[0x7f] |= classControl
	return t
}()

func isToken(c byte) bool   { return class[c]&classToken != 0 }
func isHex(c byte) bool     { return class[c]&classHex != 0 }
func isControl(c byte) bool { return class[c]&classControl != 0 }
func isDigit(c byte) bool   { return '0' <= c && c <= '9' }
func isBlank(c byte) bool   { return c == ' ' || c == '\t' }

// unhex gives the value of a byte for which isHex holds.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold compares ASCII text with letter case ignored; other bytes must be
// the same.
func equalFold[A, B text](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// firstControl gives the index of the first control byte, -1 if there is none.
// Eight bytes are looked at in one step: most values have none.
func firstControl(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		del := w ^ ones*0x7f
		if ((w-ones*0x20)&^w|(del-ones)&^del)&high != 0 {
			break
		}
	}
	for ; i < len(b); i++ {
		if isControl(b[i]) {
			return i
		}
	}
	return -1
}

// trimBlanks takes optional white space (RFC 9110 5.6.3) and the line ends of
// folded values off both ends.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && separates(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && separates(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func separates(c byte) bool { return isBlank(c) || c == '\r' || c == '\n' }

// nextElement cuts the first element off a comma-separated list.
func nextElement(list []byte) (element, rest []byte) {
	element, rest, _ = bytes.Cut(list, []byte{','})
	return trimBlanks(element), rest
}

func listHas[T text](list []byte, token T) bool {
	for len(list) > 0 {
		var element []byte
		if element, list = nextElement(list); equalFold(element, token) {
			return true
		}
	}
	return false
}
