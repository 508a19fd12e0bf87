package iisimport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxBytes is how large a file may be; applicationHost.config of a thousand sites
// has about 2 MiB.
const MaxBytes = 16 << 20

// decodeText gives a file as UTF-8: what has a byte order mark as that says, what
// is UTF-8 as it is, and anything else as Windows-1252, the usual code page of
// the editors these files are written with.
func decodeText(raw []byte) (text, encoding string, err error) {
	if len(raw) > MaxBytes {
		return "", "", errors.New("it is larger than 16 MiB")
	}
	switch {
	case bytes.HasPrefix(raw, []byte{0xEF, 0xBB, 0xBF}):
		text, encoding = strings.ToValidUTF8(string(raw[3:]), "\uFFFD"), "UTF-8"
	case bytes.HasPrefix(raw, []byte{0xFF, 0xFE}):
		text, encoding = decodeUTF16(raw[2:], binary.LittleEndian), "UTF-16"
	case bytes.HasPrefix(raw, []byte{0xFE, 0xFF}):
		text, encoding = decodeUTF16(raw[2:], binary.BigEndian), "UTF-16"
	case utf8.Valid(raw):
		text, encoding = string(raw), "UTF-8"
	default:
		text, encoding = decodeWindows1252(raw), "Windows-1252"
	}
	if strings.ContainsRune(text, 0) {
		return "", "", errors.New("it holds NUL bytes, which a text file has not")
	}
	return text, encoding, nil
}

func decodeUTF16(raw []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}

// decodeWindows1252 reads the code page 1252; the five bytes that it does not
// define stay what they are in Latin-1, as Windows does it.
func decodeWindows1252(raw []byte) string {
	const high = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"
	table := []rune(high)
	var b strings.Builder
	b.Grow(len(raw))
	for _, c := range raw {
		if c >= 0x80 && c < 0xA0 {
			b.WriteRune(table[c-0x80])
		} else {
			b.WriteRune(rune(c))
		}
	}
	return b.String()
}
