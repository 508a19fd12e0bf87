package httpconn

import (
	"errors"
	"fmt"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// h2FieldBlock is a field block that is being read, and what decodes it.
type h2FieldBlock struct {
	decoder httpwire.HPACKDecoder
	bytes   []byte
	frames  int
	end     bool // the stream's
}

// Limits on a field block before it is decoded. Beyond them the connection ends,
// with what others have on it; a head that is only a little too large costs one
// exchange.
const (
	maxBlockBytes  = 256 << 10 // or twice what a head may have
	maxBlockFrames = 64
)

// fieldBlock takes HEADERS and CONTINUATION. Every block is decoded, or the
// table would be another than the origin's.
func (c *H2Client) fieldBlock(f *httpwire.Frame, offset int64) {
	b := &c.block
	if f.Type == httpwire.FrameHeaders {
		b.bytes, b.frames, b.end = b.bytes[:0], 0, f.EndStream()
	}
	b.bytes = append(b.bytes, f.Payload...)
	if b.frames++; b.frames > maxBlockFrames || len(b.bytes) > max(maxBlockBytes, 2*c.head.HeadBytes) {
		c.broken(httpwire.CodeEnhanceYourCalm, h2BlockFlood, offset)
		return
	}
	if !f.EndHeaders() {
		return
	}
	c.useless = 0
	s := c.known(f.Stream, offset)
	if c.failed != nil {
		return
	}
	if s == nil {
		s = &H2Stream{failed: errClosed} // decoded and thrown away
		s.c = c
	}
	var fault *httpwire.H2Error
	if err := c.headers(s, b.end); errors.As(err, &fault) {
		c.broken(fault.Code, fault.Name, offset)
	}
	if cap(b.bytes) > 16<<10 {
		b.bytes = nil
	}
}

// headers takes a whole field block of a stream: an interim head, the final
// one, or trailers.
func (c *H2Client) headers(s *H2Stream, end bool) error {
	b := &c.block
	if s.headed {
		return c.trailers(s, end)
	}
	h := s.newHead()
	err := h.ReadResponse(&b.decoder, b.bytes, c.head)
	switch {
	case s.failed != nil || err != nil && isConnectionFault(err):
		return err
	case err != nil:
		s.irregular(headTooLarge, "")
		s.endBy(httpwire.CodeCancel)
		s.fail(fmt.Errorf("%w: %w", ErrBadResponse, err))
		return nil
	}
	c.response(s, h, end)
	return nil
}

func isConnectionFault(err error) bool {
	var fault *httpwire.H2Error
	return errors.As(err, &fault)
}

func (c *H2Client) response(s *H2Stream, h *httpwire.H2Head, end bool) {
	interim := h.Status >= 100 && h.Status < 200
	kind := flow.Response
	if interim {
		kind = flow.Interim
	}
	c.record(flow.Event{Kind: kind, Exchange: s.exchange, From: flow.Server, Status: h.Status, Header: h.FieldLines(), Attrs: attrsHTTP2[:]})
	if len(h.Irregular) > 0 {
		s.malformed(h.Irregular[0].Name, string(h.Bytes(h.BadField)))
		return
	}
	if interim {
		if s.interims++; end || s.interims > maxInterim || len(s.heads) >= maxUnread {
			s.malformed(h2Useless, "")
			return
		}
	} else {
		s.begins(h, end)
	}
	s.heads = append(s.heads, h)
	wake(s.in)
}

// maxUnread bounds heads that came and that nobody has read.
const maxUnread = 20

// attrsHTTP2 is the fact of each response.
var attrsHTTP2 = [...]flow.Attr{{Key: flow.KeyHTTP, Value: "2"}}

func (c *H2Client) trailers(s *H2Stream, end bool) error {
	var h httpwire.H2Head
	err := h.ReadTrailers(&c.block.decoder, c.block.bytes, c.head)
	switch {
	case s.failed != nil || err != nil && isConnectionFault(err):
		return err
	case err != nil:
		s.malformed(headTooLarge, "")
	case s.resDone || !end:
		s.malformed(h2StreamState, "")
	case len(h.Irregular) > 0:
		s.malformed(h.Irregular[0].Name, string(h.Bytes(h.BadField)))
	default:
		s.trailers = append([]byte(nil), h.FieldLines()...)
		s.ends()
	}
	return nil
}
