package httpwire

import "strconv"

// HPACKEncoder writes the field blocks of one direction (RFC 7541) with the
// static table alone: nothing has to be remembered or looked up, and a response
// cannot tell by its length what another one held. The zero value is ready for
// use. It is not safe for concurrent use.
type HPACKEncoder struct{ begun bool }

// Begin begins a block. The first one tells the decoder that it need not keep a
// table, which also obeys whatever size it allows.
func (e *HPACKEncoder) Begin(dst []byte) []byte {
	if e.begun {
		return dst
	}
	e.begun = true
	return append(dst, 0x20)
}

// staticNames lists, by length, the indexes of the first entry of each name of
// the static table.
var staticNames = func() (t [32][]uint8) {
	for i, f := range hpackStatic {
		if i == 0 || hpackStatic[i-1].Name != f.Name {
			t[len(f.Name)] = append(t[len(f.Name)], uint8(i+1))
		}
	}
	return t
}()

// staticName gives the index of a name, letter case ignored; 0: not there.
func staticName[T text](name T) int {
	if len(name) >= len(staticNames) {
		return 0
	}
	for _, i := range staticNames[len(name)] {
		if equalFold(name, hpackStatic[i-1].Name) {
			return int(i)
		}
	}
	return 0
}

// AppendStatus appends :status.
func AppendStatus(dst []byte, status int) []byte {
	for i := 8; i <= 14; i++ {
		if s := hpackStatic[i-1].Value; status == int(s[0]-'0')*100+int(s[1]-'0')*10+int(s[2]-'0') {
			return append(dst, 0x80|byte(i))
		}
	}
	var digits [20]byte
	return appendLiteral(append(dst, 8), strconv.AppendInt(digits[:0], int64(status), 10), false)
}

// AppendHPACK appends one field, its name in lower case. Values of credentials
// are marked as never to be put into a table (RFC 7541, section 7.1.3).
func AppendHPACK[N, V text](dst []byte, name N, value V) []byte {
	index := staticName(name)
	if index > 0 {
		for i := index; i <= len(hpackStatic) && hpackStatic[i-1].Name == hpackStatic[index-1].Name; i++ {
			if v := hpackStatic[i-1].Value; v != "" && v == string(value) {
				return append(dst, 0x80|byte(i))
			}
		}
	}
	kind := byte(0)
	if credential(index) {
		kind = 0x10
	}
	if index == 0 {
		dst = appendLiteral(append(dst, kind), name, true)
	} else {
		dst = appendPrefixInt(dst, kind, 4, index)
	}
	return appendLiteral(dst, value, false)
}

// credential tells of the index of a name whether its values are secrets.
func credential(index int) bool {
	switch index {
	case 23, 32, 49, 55: // authorization, cookie, proxy-authorization, set-cookie
		return true
	}
	return false
}

// appendLiteral appends a string literal in the shorter of its two forms.
func appendLiteral[T text](dst []byte, s T, lowered bool) []byte {
	if lowered {
		var scratch [64]byte
		name := scratch[:0]
		for i := range len(s) {
			name = append(name, lower(s[i]))
		}
		return appendLiteral(dst, name, false)
	}
	if n := huffmanLength(s); n < len(s) {
		return appendHuffman(appendPrefixInt(dst, 0x80, 7, n), s)
	}
	return append(appendPrefixInt(dst, 0, 7, len(s)), s...)
}

// appendPrefixInt appends an integer (RFC 7541, section 5.1) behind the upper
// bits of its first byte.
func appendPrefixInt(dst []byte, upper byte, bits, n int) []byte {
	top := 1<<bits - 1
	if n < top {
		return append(dst, upper|byte(n))
	}
	dst = append(dst, upper|byte(top))
	for n -= top; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

// AppendHPACKLines appends the fields of raw field lines, as HTTP/1.1 writes
// them, in their order. Lines that HTTP/2 forbids (RFC 9113, section 8.2.2) are
// left out.
func AppendHPACKLines(dst, lines []byte) []byte {
	for len(lines) > 0 {
		var name, value []byte
		name, value, lines = cutLine(lines)
		if len(name) > 0 && !IsHopByHop(name) {
			dst = AppendHPACK(dst, name, value)
		}
	}
	return dst
}
