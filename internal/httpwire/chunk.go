package httpwire

import "math"

// Bounds of what surrounds the data of a chunked body.
const (
	maxExtension = 4 << 10  // bytes between a chunk's size and its line end
	maxTrailers  = 16 << 10 // bytes of all trailer lines
)

type chunkState uint8

const (
	inSize chunkState = iota
	inBlanks
	inExtension
	afterSizeCR
	inData
	afterData
	afterDataCR
	atTrailer
	afterLastCR
	inTrailer
	atEnd
)

// ChunkReader decodes a chunked body (RFC 9112 7.1) that arrives in arbitrary
// pieces: the data, the irregularities and the verdict do not depend on where
// it was split. The zero value is ready for one body. It keeps no reference to
// the buffers it is given.
type ChunkReader struct {
	state     chunkState
	digits    int    // of the size so far
	extra     int    // bytes between size and line end so far
	left      uint64 // size so far, or data bytes of this chunk still to come
	read      int    // bytes of the body before the next one
	trailerAt int    // offset of the first trailer line
	trailers  []byte
	irregular []Irregularity
	err       error
}

// Next takes bytes from the start of buf: n of them, among which data, a piece
// of buf that may be empty, is payload. Call it again with buf[n:] until that
// is empty, then with more; done means that the body ended after these n bytes.
// An error is final: a *SyntaxError, ErrHeadTooLarge or ErrTooManyFields; n then
// counts the bytes before the one that no reading allows.
func (c *ChunkReader) Next(buf []byte) (data []byte, n int, done bool, err error) {
	if c.err != nil {
		return nil, 0, false, c.err
	}
	for n < len(buf) && c.state != atEnd {
		if c.state == inData {
			size := int(min(c.left, uint64(len(buf)-n)))
			data = buf[n : n+size : n+size]
			c.left -= uint64(len(data))
			if c.left == 0 {
				c.state = afterData
			}
			c.read += len(data)
			return data, n + len(data), false, nil
		}
		if c.err = c.step(buf[n]); c.err != nil {
			return nil, n, false, c.err
		}
		c.read++
		n++
	}
	return nil, n, c.state == atEnd, nil
}

// Trailers gives the trailer field lines as they were on the wire, once the
// body is done; at most 16 KiB.
func (c *ChunkReader) Trailers() []byte { return c.trailers }

// Irregular lists the irregularities so far, with offsets into the body.
func (c *ChunkReader) Irregular() []Irregularity { return c.irregular }

func (c *ChunkReader) note(name string) { c.irregular = note(c.irregular, name, c.read) }

func (c *ChunkReader) fail(name string) error {
	return &SyntaxError{Irregularity{name, c.read}}
}

func (c *ChunkReader) step(b byte) error {
	switch c.state {
	case inSize, inBlanks, inExtension, afterSizeCR:
		return c.sizeLine(b)
	case afterData, afterDataCR:
		return c.dataEnd(b)
	}
	return c.trailer(b)
}

func (c *ChunkReader) sizeLine(b byte) error {
	switch {
	case c.state == afterSizeCR && b != '\n':
		return c.fail(BareCR)
	case c.state == inSize && isHex(b):
		return c.digit(b)
	case c.digits == 0:
		return c.fail(BadChunkSize)
	case b == '\r':
		c.state = afterSizeCR
		return nil
	case b == '\n':
		if c.state != afterSizeCR {
			c.note(BareLF)
		}
		c.beginChunk()
		return nil
	}
	return c.extension(b)
}

func (c *ChunkReader) digit(b byte) error {
	c.digits++
	c.left = c.left<<4 | uint64(unhex(b))
	if c.digits > 16 || c.left > math.MaxInt64 {
		return c.fail(BadChunkSize)
	}
	return nil
}

// extension takes what stands between the size and the line end, which is not
// interpreted (RFC 9112 7.1.1).
func (c *ChunkReader) extension(b byte) error {
	switch {
	case c.state == inExtension:
		if isControl(b) && b != '\t' {
			c.note(controlName(b, BadFieldValue))
		}
	case b == ';':
		c.note(ChunkExtension)
		c.state = inExtension
	case !isBlank(b):
		return c.fail(BadChunkSize)
	case c.state == inSize:
		c.note(BlankAfterChunkSize)
		c.state = inBlanks
	}
	if c.extra++; c.extra > maxExtension {
		return c.fail(ChunkExtension)
	}
	return nil
}

func (c *ChunkReader) beginChunk() {
	c.digits, c.extra = 0, 0
	c.state = inData
	if c.left == 0 {
		c.state = atTrailer
		c.trailerAt = c.read + 1
	}
}

func (c *ChunkReader) dataEnd(b byte) error {
	switch {
	case b == '\r' && c.state == afterData:
		c.state = afterDataCR
		return nil
	case b != '\n':
		return c.fail(ChunkEndMissing)
	case c.state == afterData:
		c.note(BareLF)
	}
	c.state = inSize
	return nil
}

func (c *ChunkReader) trailer(b byte) error {
	switch {
	case b == '\n' && c.state != inTrailer:
		if c.state == atTrailer {
			c.note(BareLF)
		}
		c.state = atEnd
		return c.checkTrailers()
	case b == '\r' && c.state == atTrailer:
		c.state = afterLastCR
		return nil
	case c.state == afterLastCR:
		c.trailers = append(c.trailers, '\r')
	}
	c.state = inTrailer
	if b == '\n' {
		c.state = atTrailer
	}
	c.trailers = append(c.trailers, b)
	if len(c.trailers) > maxTrailers {
		return ErrHeadTooLarge
	}
	return nil
}

// checkTrailers holds the trailer lines to the rules for those of a head.
func (c *ChunkReader) checkTrailers() error {
	if len(c.trailers) == 0 {
		return nil
	}
	var h Head
	h.Buf = append(c.trailers, '\r', '\n')
	err := h.parseFields(0, Limits{}.orDefaults().Fields)
	for _, f := range h.Fields {
		name := h.Bytes(f.Name)
		if barredFromTrailers(name) {
			h.note(FramingInTrailer, int(f.Name.Start))
		}
		if lookalike(name, "content-length") || lookalike(name, "transfer-encoding") {
			h.note(FramingLookalike, int(f.Name.Start))
		}
	}
	for _, i := range h.Irregular {
		c.irregular = note(c.irregular, i.Name, c.trailerAt+i.Offset)
	}
	return err
}
