package transform

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"unsafe"

	"fanlight/internal/waf/arena"
)

func length(a *arena.Arena, s string) (string, bool) {
	return a.Keep(strconv.AppendInt(a.Room(20), int64(len(s)), 10)), true
}

// bytesOf is s to be read only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func md5Sum(a *arena.Arena, s string) (string, bool) {
	if fips140.Enabled() {
		return s, false
	}
	sum := md5.Sum(bytesOf(s))
	return a.Keep(append(a.Room(len(sum)), sum[:]...)), true
}

func sha1Sum(a *arena.Arena, s string) (string, bool) {
	if fips140.Enabled() {
		return s, false
	}
	sum := sha1.Sum(bytesOf(s))
	return a.Keep(append(a.Room(len(sum)), sum[:]...)), true
}

func hexEncode(a *arena.Arena, s string) (string, bool) {
	return a.Keep(hex.AppendEncode(a.Room(2*len(s)), bytesOf(s))), true
}

// hexDecode fails on anything but pairs of digits.
func hexDecode(a *arena.Arena, s string) (string, bool) {
	dst, err := hex.AppendDecode(a.Room(len(s)/2), bytesOf(s))
	if err != nil {
		return s, false
	}
	return a.Keep(dst), true
}

func base64Encode(a *arena.Arena, s string) (string, bool) {
	dst := a.Room(base64.StdEncoding.EncodedLen(len(s)))
	return a.Keep(base64.StdEncoding.AppendEncode(dst, bytesOf(s))), true
}

// base64Decode decodes up to the first byte that does not belong there; ends of
// lines do.
func base64Decode(a *arena.Arena, s string) (string, bool) {
	return decodeBase64(a, s, false)
}

// base64DecodeExt passes over what does not belong there, and takes the
// alphabet of RFC 4648, section 5, too.
func base64DecodeExt(a *arena.Arena, s string) (string, bool) {
	return decodeBase64(a, s, true)
}

func decodeBase64(a *arena.Arena, s string, forgiving bool) (string, bool) {
	dst := a.Room(len(s)/4*3 + 3)
	var bits uint32
	n := 0
	for i := range len(s) {
		c := s[i]
		if c == '\r' || c == '\n' {
			continue
		}
		v := base64Value(c, forgiving)
		if v < 0 {
			if forgiving && c != '=' {
				continue
			}
			break
		}
		bits = bits<<6 | uint32(v)
		if n++; n == 4 {
			dst = append(dst, byte(bits>>16), byte(bits>>8), byte(bits))
			bits, n = 0, 0
		}
	}
	switch n {
	case 2:
		dst = append(dst, byte(bits>>4))
	case 3:
		dst = append(dst, byte(bits>>10), byte(bits>>2))
	}
	return a.Keep(dst), true
}

func base64Value(c byte, forgiving bool) int {
	switch {
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		if c >= 'a' {
			return int(c-'a') + 26
		}
		return int(c - 'A')
	case c-'0' < 10:
		return int(c-'0') + 52
	case c == '+' || forgiving && c == '-':
		return 62
	case c == '/' || forgiving && c == '_':
		return 63
	}
	return -1
}
