package httpconn

import (
	"time"

	"fanlight/internal/httpwire"
)

// data takes DATA.
func (c *h2Conn) data(f *httpwire.Frame) *httpwire.H2Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.recv.Take(f.Length) {
		return &httpwire.H2Error{Code: httpwire.CodeFlowControl, Name: h2WindowExceeded}
	}
	s := c.find(f.Stream)
	if s == nil || s.ended {
		c.release(nil, f.Length)
		return c.dataAfterEnd(f, s)
	}
	if !s.recv.Take(f.Length) {
		c.release(nil, f.Length)
		return &httpwire.H2Error{Code: httpwire.CodeFlowControl, Stream: f.Stream, Name: h2WindowExceeded}
	}
	if len(f.Payload) == 0 && !f.EndStream() {
		c.flood.nothing(time.Now())
	} else {
		c.flood.carried(1)
	}
	c.release(s, f.Length-len(f.Payload)) // padding is done with
	return s.take(f)
}

// Names of what is irregular to the machine.
const (
	h2WindowExceeded = "h2-window-exceeded" // more than the flow-control window allows
	h2AfterEnd       = "h2-after-end"       // a frame of a stream that has ended
	h2LengthDiffers  = "h2-length-differs"  // a body is not as long as Content-Length says
	h2BadTrailers    = "h2-bad-trailers"    // a second field block that does not end its stream
)

func (c *h2Conn) dataAfterEnd(f *httpwire.Frame, s *h2Stream) *httpwire.H2Error {
	if err := c.unlessIdle(f.Stream); err != nil && s == nil {
		return err
	}
	if _, ours := c.wasClosed(f.Stream); ours && s == nil { // it was under way when we reset the stream
		if len(f.Payload) == 0 {
			c.flood.nothing(time.Now())
		}
		return nil
	}
	return &httpwire.H2Error{Code: httpwire.CodeStreamClosed, Stream: f.Stream, Name: h2AfterEnd}
}

// release gives the client room again for n bytes that are done with.
func (c *h2Conn) release(s *h2Stream, n int) {
	if n == 0 {
		return
	}
	if more := c.recv.Release(n); more > 0 {
		out := c.out.pending()
		*out = httpwire.AppendWindow(*out, 0, more)
	}
	if s == nil || s.ended || s.lost {
		return
	}
	if more := s.recv.Release(n); more > 0 {
		out := c.out.pending()
		*out = httpwire.AppendWindow(*out, s.id, more)
	}
}
