package httpwire

import (
	"math/bits"

	"golang.org/x/net/http2/hpack"
)

// huffmanCode is the code of one byte (RFC 7541, appendix B).
type huffmanCode struct {
	bits   uint32
	length uint8
}

// huffman holds the codes, taken from the encoder of x/net: eight times the
// same byte take as many bytes as its code has bits. The code is canonical, so
// that the codes of one length are a range of numbers.
var huffman = func() (t struct {
	codes [256]huffmanCode
	short [256]uint16 // by the next eight bits: symbol and, in the upper byte, length; 0: longer
	first [31]uint32  // by length: its lowest code
	count [31]uint32
	base  [31]uint16 // where its symbols begin in order
	order [256]byte
}) {
	for c := range 256 {
		raw := hpack.AppendHuffmanString(nil, string([]byte{byte(c), byte(c), byte(c), byte(c), byte(c), byte(c), byte(c), byte(c)}))
		n := len(raw)
		word := uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3])
		t.codes[c] = huffmanCode{word >> (32 - n), uint8(n)}
	}
	next := 0
	for n := range t.first {
		t.base[n], t.first[n] = uint16(next), 1<<31
		for c, code := range t.codes {
			if int(code.length) != n {
				continue
			}
			t.first[n] = min(t.first[n], code.bits)
			t.order[next] = byte(c)
			t.count[n]++
			next++
		}
	}
	for c, code := range t.codes {
		if code.length > 8 {
			continue
		}
		at := code.bits << (8 - code.length)
		for i := range uint32(1) << (8 - code.length) {
			t.short[at+i] = uint16(code.length)<<8 | uint16(c)
		}
	}
	return t
}()

// appendHuffmanDecoded appends what b stands for; false if it stands for
// nothing (RFC 7541, section 5.2): the code of EOS, or padding that is longer
// than seven bits or not its beginning.
func appendHuffmanDecoded(dst, b []byte) ([]byte, bool) {
	var acc uint64 // the next bits, from the top
	have := 0
	for {
		for have <= 56 && len(b) > 0 {
			acc |= uint64(b[0]) << (56 - have)
			b = b[1:]
			have += 8
		}
		if e := huffman.short[acc>>56]; e != 0 {
			n := int(e >> 8)
			if n > have {
				return dst, bits.LeadingZeros64(^acc) >= have
			}
			dst = append(dst, byte(e))
			acc <<= n
			have -= n
			continue
		}
		n, c := longHuffman(acc)
		if n == 0 || n > have {
			return dst, have < 8 && bits.LeadingZeros64(^acc) >= have
		}
		dst = append(dst, c)
		acc <<= n
		have -= n
	}
}

// longHuffman reads a code of more than eight bits; n == 0 if there is none.
func longHuffman(acc uint64) (n int, c byte) {
	for n = 9; n < len(huffman.first); n++ {
		if d := uint32(acc>>(64-n)) - huffman.first[n]; d < huffman.count[n] {
			return n, huffman.order[int(huffman.base[n])+int(d)]
		}
	}
	return 0, 0
}

// huffmanLength is how many bytes the code of s takes.
func huffmanLength[T text](s T) int {
	n := 0
	for i := range len(s) {
		n += int(huffman.codes[s[i]].length)
	}
	return (n + 7) / 8
}

func appendHuffman[T text](dst []byte, s T) []byte {
	var acc uint64
	have := 0
	for i := range len(s) {
		code := huffman.codes[s[i]]
		acc = acc<<code.length | uint64(code.bits)
		have += int(code.length)
		for have >= 8 {
			have -= 8
			dst = append(dst, byte(acc>>have))
		}
	}
	if have > 0 {
		dst = append(dst, byte(acc<<(8-have))|byte(0xff>>have))
	}
	return dst
}
