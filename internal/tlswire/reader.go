package tlswire

// reader takes the fields of a message in order. A field that is not there
// gives zero, sets short, and leaves nothing to read.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.short = nil, true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) uint(size int) (n int) {
	for _, c := range r.take(size) {
		n = n<<8 | int(c)
	}
	return n
}

func (r *reader) u8() uint8   { return uint8(r.uint(1)) }
func (r *reader) u16() uint16 { return uint16(r.uint(2)) }

// bytes takes a vector whose length is written in size bytes.
func (r *reader) bytes(size int) []byte { return r.take(r.uint(size)) }

// vector is bytes, to be read in turn.
func (r *reader) vector(size int) reader {
	b := r.bytes(size)
	return reader{b, r.short}
}

// u16s takes all that is left as numbers of two bytes.
func (r *reader) u16s() []uint16 {
	out := make([]uint16, 0, len(r.b)/2)
	for len(r.b) > 0 {
		out = append(out, r.u16())
	}
	if r.short && len(out) > 0 {
		out = out[:len(out)-1]
	}
	return out
}

// fail marks r short if an inner vector was.
func (r *reader) fail(inner reader) {
	if inner.short {
		r.b, r.short = nil, true
	}
}
