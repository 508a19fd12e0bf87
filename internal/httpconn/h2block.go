package httpconn

import (
	"strconv"
	"time"

	"fanlight/internal/httpwire"
)

// fragment collects a field block and decodes it when it is complete, in place
// if it came in one frame.
func (c *h2Conn) fragment(f *httpwire.Frame) *httpwire.H2Error {
	block := f.Payload
	if f.Type == httpwire.FrameHeaders {
		c.blockOf, c.block, c.fragments = *f, c.block[:0], 0
		c.blockOf.Payload = nil
	}
	if !f.EndHeaders() || len(c.block) > 0 || c.fragments > 0 {
		c.fragments++
		most := 2 * c.headBytes() // what is a little too large gets a 431
		if c.fragments > h2Fragments || len(c.block)+len(block) > most {
			why := "a field block in more than " + strconv.Itoa(h2Fragments) + " frames"
			if c.fragments <= h2Fragments {
				why = "a field block of more than " + strconv.Itoa(most) + " bytes"
			}
			return &httpwire.H2Error{Code: httpwire.CodeEnhanceYourCalm, Name: why}
		}
		c.block = append(c.block, block...)
		block = c.block
	}
	if !f.EndHeaders() {
		return nil
	}
	err := c.headers(&c.blockOf, block)
	if cap(c.block) > 8<<10 {
		c.block = nil
	}
	return err
}

// headers takes a complete field block.
func (c *h2Conn) headers(f *httpwire.Frame, block []byte) *httpwire.H2Error {
	c.mu.Lock()
	highest := c.highest
	c.mu.Unlock()
	switch {
	case f.Stream%2 == 0:
		return &httpwire.H2Error{Code: httpwire.CodeProtocol, Name: httpwire.H2BadStream}
	case f.Stream <= highest:
		return c.takeTrailers(f, block)
	}
	return c.openStream(f, block)
}

// headersAfterEnd takes a field block of a stream that is over; mu is held.
func (c *h2Conn) headersAfterEnd(f *httpwire.Frame) *httpwire.H2Error {
	switch known, ours := c.wasClosed(f.Stream); {
	case ours: // it was under way when we reset the stream
		c.flood.nothing(time.Now())
		return nil
	case known:
		return &httpwire.H2Error{Code: httpwire.CodeStreamClosed, Name: h2AfterEnd}
	}
	return &httpwire.H2Error{Code: httpwire.CodeProtocol, Name: httpwire.H2BadStream}
}

// fatalFault is the error of a block after which nothing can be decoded.
func fatalFault(err error) *httpwire.H2Error {
	fatal, _ := err.(*httpwire.H2Error) // never wrapped by the decoder
	return fatal
}

// takeTrailers takes a field block of a stream that was opened before. It is
// looked for behind the decoding: a stream that ends meanwhile serves another
// exchange a moment later, perhaps of another client.
func (c *h2Conn) takeTrailers(f *httpwire.Frame, block []byte) *httpwire.H2Error {
	err := c.trailers.ReadTrailers(&c.fields, block, c.head)
	if fatal := fatalFault(err); fatal != nil {
		return fatal
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(f.Stream)
	if s == nil {
		return c.headersAfterEnd(f)
	}
	fault := func(code uint32, name string) *httpwire.H2Error {
		return &httpwire.H2Error{Code: code, Stream: f.Stream, Name: name}
	}
	switch {
	case s.ended:
		return fault(httpwire.CodeStreamClosed, h2AfterEnd)
	case err != nil:
		return fault(httpwire.CodeEnhanceYourCalm, httpwire.H2ListTooLarge)
	case !f.EndStream():
		return fault(httpwire.CodeProtocol, h2BadTrailers)
	case len(c.trailers.Irregular) > 0:
		return fault(httpwire.CodeProtocol, c.trailers.Irregular[0].Name)
	}
	s.trailers = append(s.trailers[:0], c.trailers.FieldLines()...)
	return s.bodyEnded()
}

// openStream begins an exchange.
func (c *h2Conn) openStream(f *httpwire.Frame, block []byte) *httpwire.H2Error {
	s := c.srv.Buffers.stream(c)
	err := s.head.ReadRequest(&c.fields, block, c.head)
	if fatal := fatalFault(err); fatal != nil {
		return fatal
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.highest = f.Stream
	s.begin(f, err == nil)
	if why := c.unwelcome(); why != "" {
		return c.turnAway(s, why)
	}
	if name, field := s.fault(f, err == nil); name != "" {
		return c.malformed(s, name, field)
	}
	c.open = append(c.open, s)
	if f.EndStream() {
		s.declared = -1
		_ = s.bodyEnded() // of a length that was judged above
	}
	s.prepare(err)
	c.start(s)
	return nil
}

// unwelcome says why no stream is begun now, empty if one may be; mu is held.
func (c *h2Conn) unwelcome() string {
	switch {
	case c.drain == h2Leaving:
		return "no further request on this connection"
	case len(c.open) >= c.limits.Streams, c.running >= 2*c.limits.Streams:
		return "more than " + strconv.Itoa(c.limits.Streams) + " streams at a time"
	}
	return ""
}
