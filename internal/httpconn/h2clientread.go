package httpconn

import (
	"errors"
	"io"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// mostUnsent is how much may wait to be written before nothing more is read: an
// origin that asks and does not read would fill our memory with answers. It is
// far above what bodies fill, so that an origin that reads and writes by turns
// is not waited for.
const mostUnsent = 256 << 10

// read carries what the origin sends to the streams until the connection ends.
func (c *H2Client) read() {
	defer close(c.ended)
	buf := c.buffers.body.get()
	defer c.buffers.body.put(buf)
	c.mu.Lock()
	c.flush() // the preface
	c.mu.Unlock()
	start, end, offset := 0, 0, int64(0)
	for {
		if start > 0 {
			end = copy(*buf, (*buf)[start:end])
			start = 0
		}
		n, err := c.nc.Read((*buf)[end:])
		end += n
		c.mu.Lock()
		if n > 0 {
			c.heard(time.Now())
			used := c.take((*buf)[start:end], offset)
			start += used
			offset += int64(used)
			c.flush()
			c.out.await(mostUnsent)
		}
		if err != nil && c.failed == nil {
			if IsTimeout(err) && c.out.dead != nil {
				err = c.out.dead // which was the reason to wait no longer
			}
			c.fail(c.over(ended(err, end > start)))
		}
		over := c.failed != nil
		c.mu.Unlock()
		if over {
			c.Close("") // whoever failed it has said why
			return
		}
	}
}

// ended names the end of a connection in the middle of a frame.
func ended(err error, inside bool) error {
	if inside && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// take reads the frames of b and gives how many bytes they took.
func (c *H2Client) take(b []byte, offset int64) (used int) {
	for c.failed == nil {
		f, n, err := c.frames.Read(b[used:])
		switch {
		case err != nil && (err.Stream == 0 || n == 0):
			c.broken(err.Code, err.Name, offset+int64(used))
			return used
		case err != nil:
			c.streamBroken(c.streams[err.Stream], err.Code, err.Name)
		case n == 0:
			return used
		default:
			c.frame(&f, offset+int64(used))
		}
		used += n
	}
	return used
}

// maxUseless bounds frames in a row that bring nothing on: SETTINGS, PING,
// WINDOW_UPDATE, PRIORITY, empty DATA and what is not known. A body that we send
// brings many WINDOW_UPDATE, and begins the count anew.
const maxUseless = 5000

// frame acts on one frame.
func (c *H2Client) frame(f *httpwire.Frame, offset int64) {
	c.useless++
	switch f.Type {
	case httpwire.FrameData:
		c.data(f, offset)
	case httpwire.FrameHeaders, httpwire.FrameContinuation:
		c.fieldBlock(f, offset)
	case httpwire.FrameReset:
		c.reset(f)
	case httpwire.FrameSettings:
		c.settings(f, offset)
	case httpwire.FramePing:
		c.ping(f)
	case httpwire.FrameGoAway:
		c.goneAway(f)
	case httpwire.FrameWindow:
		c.credit(f, offset)
	}
	if c.useless > maxUseless {
		c.broken(httpwire.CodeEnhanceYourCalm, h2Useless, offset)
	}
}

// Names of what an origin did beyond our limits.
const (
	h2Useless     = "h2-flood"        // frames without effect
	h2BlockFlood  = "h2-block-flood"  // a field block that does not end
	h2DataBeyond  = "h2-data-beyond"  // DATA for which there was no window
	h2WindowOver  = "h2-window-over"  // a window above 2^31-1
	h2StreamState = "h2-stream-state" // a frame that the stream's state does not allow
	h2BadLength   = "h2-bad-length"   // a body that is not as long as Content-Length says
)

// known gives the stream of a frame; one that was never opened breaks the
// connection (RFC 9113, section 5.1), one that is over is nil.
func (c *H2Client) known(number uint32, offset int64) *H2Stream {
	s := c.streams[number]
	if s == nil && (number%2 == 0 || number >= c.next) {
		c.broken(httpwire.CodeProtocol, h2StreamState, offset)
	}
	return s
}

// data takes a DATA frame. Padding, and what is for a stream that is over, is
// done with at once.
func (c *H2Client) data(f *httpwire.Frame, offset int64) {
	if !c.window.Take(f.Length) {
		c.broken(httpwire.CodeFlowControl, h2DataBeyond, offset)
		return
	}
	if more := c.window.Release(f.Length); more > 0 {
		out := c.out.pending()
		*out = httpwire.AppendWindow(*out, 0, more)
	}
	s := c.known(f.Stream, offset)
	if s == nil {
		return
	}
	switch {
	case s.resDone || !s.headed && s.failed == nil:
		c.streamBroken(s, httpwire.CodeProtocol, h2StreamState)
		return
	case !s.window.Take(f.Length):
		c.streamBroken(s, httpwire.CodeFlowControl, h2DataBeyond)
		return
	}
	if len(f.Payload) > 0 || f.EndStream() {
		c.useless = 0
	}
	s.take(f.Payload, f.Length-len(f.Payload))
	if f.EndStream() {
		s.ends()
	}
}

// reset takes RST_STREAM. After a whole response it says only that the rest of
// the request is not wanted (RFC 9113, section 8.1).
func (c *H2Client) reset(f *httpwire.Frame) {
	s := c.known(f.Stream, 0)
	if s == nil {
		return
	}
	c.record(flow.Event{Kind: flow.StreamReset, Exchange: s.exchange, From: flow.Server, Text: httpwire.H2ErrorName(f.Code),
		Attrs: flow.Attrs(flow.KeyStream, strconv.FormatUint(uint64(f.Stream), 10))})
	s.wasReset = true
	s.fail(&StreamEnd{Code: f.Code, Unprocessed: f.Code == httpwire.CodeRefusedStream || f.Code == httpwire.CodeHTTP11Required})
}

// settings takes what the origin allows from now on.
func (c *H2Client) settings(f *httpwire.Frame, offset int64) {
	if f.Ack() {
		c.pending.settings = time.Time{}
		return
	}
	c.peer.known = true
	for i := range f.Settings() {
		switch set := f.Setting(i); set.ID {
		case httpwire.SettingMaxStreams:
			c.peer.streams = set.Value
		case httpwire.SettingInitialWindow:
			c.widen(int64(set.Value)-int64(c.peer.window), offset)
			c.peer.window = set.Value
		case httpwire.SettingMaxFrame:
			c.peer.frame = int(set.Value)
		case httpwire.SettingConnectProtocol:
			c.peer.extended = set.Value == 1
		}
	}
	out := c.out.pending()
	*out = httpwire.AppendSettingsAck(*out)
}

// widen changes the windows of open streams (RFC 9113, section 6.9.2).
func (c *H2Client) widen(by, offset int64) {
	for _, s := range c.streams {
		if !s.room.Add(by) {
			c.broken(httpwire.CodeFlowControl, h2WindowOver, offset)
			return
		}
		s.roomCame()
	}
}

func (c *H2Client) ping(f *httpwire.Frame) {
	if f.Ack() {
		c.pending.ping = time.Time{}
		return
	}
	out := c.out.pending()
	*out = httpwire.AppendPing(*out, [8]byte(f.Payload), true)
}

// goneAway takes GOAWAY: streams above the last one were not acted on and may
// be tried again (RFC 9113, section 6.8).
func (c *H2Client) goneAway(f *httpwire.Frame) {
	words := spoken(f.Payload)
	c.record(flow.Event{Kind: flow.GoAway, From: flow.Server, Text: httpwire.H2ErrorName(f.Code),
		Attrs: flow.Attrs(flow.KeyStream, strconv.FormatUint(uint64(f.Last), 10), flow.KeyReason, words)})
	c.leaving = true
	c.last = min(c.last, f.Last)
	c.goAway = &StreamEnd{Code: f.Code, Connection: true, Words: words}
	unprocessed := &StreamEnd{Code: f.Code, Connection: true, Words: words, Unprocessed: true}
	for number, s := range c.streams {
		if number > c.last {
			s.wasReset = true // the stream is over for the origin
			s.fail(unprocessed)
		}
	}
	if len(c.streams)+c.reserved == 0 {
		c.nc.SetWhy("the origin takes no more streams")
		c.fail(c.goAway)
	}
}

// credit takes WINDOW_UPDATE.
func (c *H2Client) credit(f *httpwire.Frame, offset int64) {
	if f.Stream == 0 {
		if !c.room.Add(int64(f.Code)) {
			c.broken(httpwire.CodeFlowControl, h2WindowOver, offset)
			return
		}
		for _, s := range c.streams {
			s.roomCame()
		}
		return
	}
	s := c.known(f.Stream, offset)
	switch {
	case s == nil:
	case !s.room.Add(int64(f.Code)):
		c.streamBroken(s, httpwire.CodeFlowControl, h2WindowOver)
	default:
		s.roomCame()
	}
}

// streamBroken ends a stream on which the origin broke the rules.
func (c *H2Client) streamBroken(s *H2Stream, code uint32, name string) {
	if s == nil || s.failed != nil {
		return
	}
	s.irregular(name, "")
	s.endBy(code)
	s.fail(badResponse(name))
}
