package cert

// Tags and lengths of ASN.1 as the Basic Encoding Rules have them (X.690,
// section 8).
const (
	tagSequence         = 0x30
	tagOctets           = 0x04
	tagOctetsInSegments = 0x24
	constructed         = 0x20
	maxBERDepth         = 32
)

// element is one tag-length-value.
type element struct {
	tag        byte
	indefinite bool // the content ends with two zero bytes
	header     int
	content    int // length of the content, not valid if indefinite
}

// readElement reads a header at the start of data. Tags above 30 are not
// needed for a PFX and count as malformed.
func readElement(data []byte) (e element, ok bool) {
	if len(data) < 2 || data[0]&0x1f == 0x1f {
		return e, false
	}
	e.tag, e.header = data[0], 2
	length := data[1]
	if length < 0x80 {
		e.content = int(length)
		return e, true
	}
	if length == 0x80 {
		e.indefinite = true
		return e, e.tag&constructed != 0
	}
	digits := int(length & 0x7f)
	if digits > 4 || len(data) < 2+digits {
		return e, false
	}
	for _, b := range data[2 : 2+digits] {
		e.content = e.content<<8 | int(b)
	}
	e.header += digits
	return e, true
}

// cutShort reports whether data begins a sequence that it does not finish.
func cutShort(data []byte) bool {
	e, ok := readElement(data)
	return ok && e.tag == tagSequence && !e.indefinite && e.header+e.content > len(data)
}

// usesBER reports whether data is well formed under the Basic Encoding Rules
// and uses what the Distinguished ones forbid: an indefinite length, or an
// octet string in segments.
func usesBER(data []byte) bool {
	n, ber, ok := walkBER(data, 0)
	return ok && ber && n == len(data)
}

// walkBER passes over one element and says how long it is, and whether it, or
// one within, is BER only.
func walkBER(data []byte, depth int) (n int, ber, ok bool) {
	e, ok := readElement(data)
	if !ok || depth > maxBERDepth {
		return 0, false, false
	}
	if e.indefinite {
		n, ok := walkIndefinite(data[e.header:], depth)
		return e.header + n, true, ok
	}
	n = e.header + e.content
	if n > len(data) {
		return 0, false, false
	}
	content := data[e.header:n]
	switch {
	case e.tag&constructed != 0:
		ber, ok = walkAll(content, depth+1)
		return n, ber || e.tag == tagOctetsInSegments, ok
	case e.tag == tagOctets && len(content) > 0 && content[0] == tagSequence:
		// The safes are sequences wrapped in octet strings. Other octet
		// strings may look like one by chance, and then do not parse.
		ber, ok := walkAll(content, depth+1)
		return n, ber && ok, true
	}
	return n, false, true
}

func walkAll(data []byte, depth int) (ber, ok bool) {
	for len(data) > 0 {
		n, inner, ok := walkBER(data, depth)
		if !ok {
			return false, false
		}
		ber = ber || inner
		data = data[n:]
	}
	return ber, true
}

func walkIndefinite(data []byte, depth int) (n int, ok bool) {
	for {
		rest := data[n:]
		if len(rest) >= 2 && rest[0] == 0 && rest[1] == 0 {
			return n + 2, true
		}
		length, _, ok := walkBER(rest, depth+1)
		if !ok {
			return 0, false
		}
		n += length
	}
}
