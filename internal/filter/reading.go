package filter

import "unicode/utf8"

// The functions that make a reading of a part of a request append to dst what
// they make of src and, where at is not nil, to at the bytes of src that each
// byte they wrote stands for.

// span is a piece of a text.
type span struct{ from, to int32 }

// decode undoes %XX and %uXXXX once. What is no escape stays as it is. %uXXXX is
// that of HTTP.sys (registry value PercentUAllowed) and of ECMAScript, Annex B.
func decode(dst, src []byte, at *[]span) []byte {
	for i := 0; i < len(src); {
		size := escape(src[i:])
		before := len(dst)
		switch size {
		case 0:
			dst, size = append(dst, src[i]), 1
		case 3:
			dst = append(dst, unhex(src[i+1])<<4|unhex(src[i+2]))
		default:
			var r rune
			for _, c := range src[i+2 : i+6] {
				r = r<<4 | rune(unhex(c))
			}
			dst = utf8.AppendRune(dst, r)
		}
		note(at, i, i+size, len(dst)-before)
		i += size
	}
	return dst
}

// escape gives the length of the escape that b begins with, 0 if it is none.
func escape(b []byte) int {
	switch {
	case len(b) < 3 || b[0] != '%':
		return 0
	case isHex(b[1]) && isHex(b[2]):
		return 3
	case len(b) >= 6 && (b[1]|0x20) == 'u' && isHex(b[2]) && isHex(b[3]) && isHex(b[4]) && isHex(b[5]):
		return 6
	}
	return 0
}

// unescaped gives the index of a percent sign that escapes nothing, -1 if there
// is none.
func unescaped(b []byte) int {
	for i := 0; i < len(b); i++ {
		if b[i] == '%' {
			size := escape(b[i:])
			if size == 0 {
				return i
			}
			i += size - 1
		}
	}
	return -1
}

// escaped gives the index of the first escape, -1 if there is none.
func escaped(b []byte) int {
	for i := range b {
		if b[i] == '%' && escape(b[i:]) > 0 {
			return i
		}
	}
	return -1
}

// folds reports whether fold may make something else of b.
func folds(b []byte, also byte) bool {
	for _, c := range b {
		if c == also || c >= 0xc0 && leads(c) {
			return true
		}
	}
	return false
}

// leads reports whether a byte can begin what careless makes one of.
func leads(c byte) bool { return c <= 0xc1 || c == 0xe0 || c >= 0xef }

// fold makes ASCII of what careless decoders take for it: overlong UTF-8 (%c0%ae
// for a dot) and the fullwidth forms (%uff0e), which Windows maps to ASCII where
// a code page has nothing better. The byte from becomes the byte to.
func fold(dst, src []byte, from, to byte, at *[]span) []byte {
	for i := 0; i < len(src); {
		c, size := careless(src[i:])
		if c == from {
			c = to
		}
		dst = append(dst, c)
		note(at, i, i+size, 1)
		i += size
	}
	return dst
}

// careless gives the byte that b, which is not empty, begins with, and how many
// bytes of b are for it.
func careless(b []byte) (c byte, size int) {
	if b[0] < 0xc0 || !leads(b[0]) {
		return b[0], 1
	}
	tail := func(i int) (bits byte, ok bool) {
		if i >= len(b) || b[i]&0xc0 != 0x80 {
			return 0, false
		}
		return b[i] & 0x3f, true
	}
	one, ok1 := tail(1)
	two, ok2 := tail(2)
	three, ok3 := tail(3)
	switch {
	case b[0]&0xfe == 0xc0 && ok1: // C0, C1: seven bits in two bytes
		return b[0]<<6 | one, 2
	case b[0] == 0xe0 && ok1 && one < 2 && ok2: // in three
		return one<<6 | two, 3
	case b[0] == 0xf0 && ok1 && one == 0 && ok2 && two < 2 && ok3: // in four
		return two<<6 | three, 4
	case b[0] == 0xef && ok1 && ok2 && (one == 0x3c || one == 0x3d): // U+FF01 to U+FF5E
		if r := rune(one)<<6 | rune(two); r >= 0xf01 && r <= 0xf5e {
			return byte(r - 0xf01 + '!'), 3
		}
	}
	return b[0], 1
}

// resolves reports whether resolve makes something else of a path.
func resolves(path []byte) bool {
	before := byte(0)
	for _, c := range path {
		if before == '/' && (c == '/' || c == '.') {
			return true
		}
		before = c
	}
	return false
}

// resolve merges slashes and takes dot segments out (RFC 3986, section 5.2.4).
func resolve(dst, src []byte, at *[]span) []byte {
	start := len(dst)
	for i := 0; i < len(src); {
		if src[i] != '/' {
			dst = append(dst, src[i])
			note(at, i, i+1, 1)
			i++
			continue
		}
		end := i + 1
		for end < len(src) && src[end] != '/' {
			end++
		}
		switch segment := string(src[i+1 : end]); {
		case segment == "." || segment == "":
		case segment == "..":
			dst = up(dst, start, at)
		default:
			dst = append(dst, src[i:end]...)
			for j := i; j < end; j++ {
				note(at, j, j+1, 1)
			}
			i = end
			continue
		}
		if end == len(src) { // a slash at the end stays
			dst = append(dst, '/')
			note(at, i, i+1, 1)
		}
		i = end
	}
	return dst
}

// up takes the last segment off.
func up(dst []byte, start int, at *[]span) []byte {
	cut := len(dst)
	for cut > start {
		if cut--; dst[cut] == '/' {
			break
		}
	}
	if at != nil {
		*at = (*at)[:len(*at)-(len(dst)-cut)]
	}
	return dst[:cut]
}

func note(at *[]span, from, to, times int) {
	for at != nil && times > 0 {
		*at = append(*at, span{int32(from), int32(to)})
		times--
	}
}

// through gives the spans that at stands for in what before was made of.
func through(at, before []span) []span {
	for i, s := range at {
		at[i] = span{before[s.from].from, before[s.to-1].to}
	}
	return at
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return (c | 0x20 - 'a') + 10
}
