package transform

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"unsafe"
)

func length(a *Arena, s string) (string, bool) {
	return a.keep(strconv.AppendInt(a.reserve(20), int64(len(s)), 10)), true
}

// bytesOf is s to be read only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func md5Sum(a *Arena, s string) (string, bool) {
	if fips140.Enabled() {
		return s, false
	}
	sum := md5.Sum(bytesOf(s))
	return a.keep(append(a.reserve(len(sum)), sum[:]...)), true
}

func sha1Sum(a *Arena, s string) (string, bool) {
	if fips140.Enabled() {
		return s, false
	}
	sum := sha1.Sum(bytesOf(s))
	return a.keep(append(a.reserve(len(sum)), sum[:]...)), true
}

func hexEncode(a *Arena, s string) (string, bool) {
	return a.keep(hex.AppendEncode(a.reserve(2*len(s)), bytesOf(s))), true
}

// hexDecode fails on anything but pairs of digits.
func hexDecode(a *Arena, s string) (string, bool) {
	dst, err := hex.AppendDecode(a.reserve(len(s)/2), bytesOf(s))
	if err != nil {
		return s, false
	}
	return a.keep(dst), true
}

func base64Encode(a *Arena, s string) (string, bool) {
	dst := a.reserve(base64.StdEncoding.EncodedLen(len(s)))
	return a.keep(base64.StdEncoding.AppendEncode(dst, bytesOf(s))), true
}

// base64Decode decodes up to the first byte that does not belong there; ends of
// lines do.
func base64Decode(a *Arena, s string) (string, bool) {
	return decodeBase64(a, s, false)
}

// base64DecodeExt passes over what does not belong there, and takes the
// alphabet of RFC 4648, section 5, too.
func base64DecodeExt(a *Arena, s string) (string, bool) {
	return decodeBase64(a, s, true)
}

func decodeBase64(a *Arena, s string, forgiving bool) (string, bool) {
	dst := a.reserve(len(s)/4*3 + 3)
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
	return a.keep(dst), true
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
