package httpconn

import (
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// h2Reader is what only the goroutine that reads uses.
type h2Reader struct {
	first     [256]byte // an idle connection waits with this instead of a buffer
	buf       *[]byte   // nil while idle
	r, w      int
	frames    httpwire.FrameReader
	fields    httpwire.HPACKDecoder
	offset    int64  // of the frame that is read
	block     []byte // of a field block that is not complete
	blockOf   httpwire.Frame
	fragments int
	since     time.Time // when the first bytes of a frame or block that is not complete came
	lastIdle  time.Time // since when there is no stream
	looked    time.Time // at the limits of streams, the last time
	deadline  time.Time
	trailers  httpwire.H2Head // also for blocks of which nothing is wanted
}

// readPreface takes the client's preface.
func (c *h2Conn) readPreface() bool {
	c.lastIdle = time.Now()
	for c.w-c.r < len(httpwire.H2ClientPreface) {
		if c.buf != nil && !prefaceBegins((*c.buf)[c.r:c.w]) {
			break
		}
		if !c.settleOutput() || !c.fill() {
			return false
		}
	}
	if !prefaceBegins((*c.buf)[c.r:c.w]) {
		c.refuseConn(&httpwire.H2Error{Code: httpwire.CodeProtocol, Name: httpwire.H2PrefaceMissing})
		return false
	}
	c.r += len(httpwire.H2ClientPreface)
	c.offset = int64(len(httpwire.H2ClientPreface))
	return true
}

func prefaceBegins(b []byte) bool {
	n := min(len(b), len(httpwire.H2ClientPreface))
	return string(b[:n]) == httpwire.H2ClientPreface[:n]
}

// fill waits for more bytes; false at the end of the connection.
func (c *h2Conn) fill() bool {
	if c.since.IsZero() && (c.r < c.w || c.frames.InBlock()) {
		c.since = time.Now()
	}
	for {
		now := time.Now()
		if now.Sub(c.looked) >= c.tick { // no read may have waited that long, of a client that sends in drops
			c.look(now)
		}
		c.setDeadline(now)
		switch {
		case c.closing() && c.drain == h2Open:
			c.look(now)
			continue
		case c.over():
			return c.leaveNow()
		}
		n, err := c.readSome()
		if n > 0 {
			return true
		}
		c.deadline = time.Time{}
		if !c.readEnded(err) {
			return false
		}
		now = time.Now()
		c.look(now)
		if phase, limit, from := c.waitsFor(); limit > 0 && now.Sub(from) >= limit {
			c.timedOut(phase, limit)
			return false
		}
	}
}

// over reports that a graceful end has come to its end.
func (c *h2Conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drain == h2Leaving && len(c.open) == 0
}

// leaveNow is the end of a graceful end.
func (c *h2Conn) leaveNow() bool {
	c.nc.SetWhy(siteStopped)
	c.mu.Lock()
	c.out.finish()
	c.mu.Unlock()
	c.linger()
	return false
}

// readSome reads into the small buffer while nothing is under way.
func (c *h2Conn) readSome() (int, error) {
	if c.r == c.w && c.quiet() {
		c.releaseIn()
		n, err := c.nc.Read(c.first[:])
		if n > 0 {
			c.takeIn()
			c.w = copy(*c.buf, c.first[:n])
		}
		return n, err
	}
	if c.buf == nil {
		c.takeIn()
	}
	if c.r > 0 {
		c.w = copy(*c.buf, (*c.buf)[c.r:c.w])
		c.r = 0
	}
	n, err := c.nc.Read((*c.buf)[c.w:])
	c.w += n
	return n, err
}

func (c *h2Conn) takeIn() { c.buf, c.r, c.w = c.srv.Buffers.body.get(), 0, 0 }

func (c *h2Conn) releaseIn() {
	c.srv.Buffers.body.put(c.buf)
	c.buf, c.r, c.w = nil, 0, 0
}

// quiet reports that no stream is open.
func (c *h2Conn) quiet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == 0
}

// setDeadline bounds the next read: by the limit of the connection, or by the
// next look at the streams.
func (c *h2Conn) setDeadline(now time.Time) {
	_, limit, from := c.waitsFor()
	var due time.Time
	if limit > 0 {
		due = from.Add(limit)
	}
	c.mu.Lock()
	switch {
	case len(c.open) > 0:
		c.lastIdle = now
		if left := c.deadline.Sub(now); left > c.tick/2 && left <= c.tick {
			due = c.deadline // near enough, and it need not be set again
		} else if next := now.Add(c.tick); limit <= 0 || next.Before(due) {
			due = next
		}
	case c.drain == h2Warned:
		due = c.drained.Add(h2Notice)
	case len(c.parked) > 0:
		due = now.Add(h2Rest)
	}
	c.mu.Unlock()
	if c.deadline.IsZero() || !c.deadline.Equal(due) {
		c.deadline = due
		_ = c.nc.SetReadDeadline(due) // fails only on a closed connection; the read says so
	}
}

// waitsFor tells what the connection, not a stream of it, is waiting for since
// when, and for how long it may.
func (c *h2Conn) waitsFor() (phase string, limit time.Duration, from time.Time) {
	quiet := c.quiet()
	switch {
	case c.offset == 0:
		return "request-head", c.srv.Limits.HeadTimeout, c.lastIdle
	case !c.since.IsZero() && (quiet || c.frames.InBlock()):
		return "request-head", c.srv.Limits.HeadTimeout, c.since
	case quiet:
		return "idle", c.srv.Limits.IdleTimeout, c.lastIdle
	}
	return "", 0, time.Time{}
}

// timedOut ends a connection on which nothing is asked, or not to the end.
func (c *h2Conn) timedOut(phase string, limit time.Duration) {
	c.srv.timedOut(c.log, 0, phase, limit)
	c.nc.SetWhy("timeout: " + phase) // the first reason is kept
	c.quit(httpwire.CodeNone, "timeout: "+phase)
}

// frame handles one frame.
func (c *h2Conn) frame(f *httpwire.Frame) *httpwire.H2Error {
	switch f.Type {
	case httpwire.FrameData:
		return c.data(f)
	case httpwire.FrameHeaders, httpwire.FrameContinuation:
		return c.fragment(f)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flood.begin(time.Now())
	c.flood.frames++
	switch f.Type {
	case httpwire.FrameReset:
		return c.reset(f)
	case httpwire.FrameSettings:
		return c.settings(f)
	case httpwire.FramePing:
		c.ping(f)
	case httpwire.FrameWindow:
		return c.credit(f)
	case httpwire.FrameGoAway:
		c.log.Add(flow.Event{At: time.Now(), Kind: flow.GoAway, From: flow.Client, Text: httpwire.H2ErrorName(f.Code),
			Attrs: flow.Attrs(flow.KeyStream, number(f.Last), flow.KeyReason, spoken(f.Payload))})
	case httpwire.FramePriorityUpdate:
		if s := c.find(f.Last); s != nil {
			s.urgency = urgency(f.Payload)
		}
	}
	return nil
}

// spoken is the beginning of a GOAWAY's debug data, if it is text at all.
func spoken(debug []byte) string {
	debug = debug[:min(len(debug), 100)]
	for _, b := range debug {
		if b < ' ' || b > '~' {
			return ""
		}
	}
	return string(debug)
}

func (c *h2Conn) ping(f *httpwire.Frame) {
	data := [8]byte(f.Payload)
	if !f.Ack() {
		out := c.out.pending()
		*out = httpwire.AppendPing(*out, data, true)
		return
	}
	if c.drain == h2Warned && data == h2DrainPing {
		c.leave()
	}
}

func (c *h2Conn) settings(f *httpwire.Frame) *httpwire.H2Error {
	if f.Ack() {
		return nil
	}
	for i := range f.Settings() {
		set := f.Setting(i)
		if set.ID != httpwire.SettingInitialWindow {
			continue
		}
		more := int64(set.Value) - int64(c.peerWindow)
		c.peerWindow = set.Value
		for _, s := range c.open {
			if !s.send.Add(more) {
				return &httpwire.H2Error{Code: httpwire.CodeFlowControl, Name: httpwire.H2WrongValue}
			}
		}
	}
	out := c.out.pending()
	*out = httpwire.AppendSettingsAck(*out)
	c.wakeSender()
	return nil
}

// credit takes WINDOW_UPDATE.
func (c *h2Conn) credit(f *httpwire.Frame) *httpwire.H2Error {
	if f.Stream == 0 {
		if !c.send.Add(int64(f.Code)) {
			return &httpwire.H2Error{Code: httpwire.CodeFlowControl, Name: httpwire.H2WrongValue}
		}
		c.wakeSender()
		return nil
	}
	s := c.find(f.Stream)
	if s == nil {
		return c.unlessIdle(f.Stream)
	}
	if !s.send.Add(int64(f.Code)) {
		return &httpwire.H2Error{Code: httpwire.CodeFlowControl, Stream: f.Stream, Name: httpwire.H2WrongValue}
	}
	c.wakeSender()
	return nil
}

// unlessIdle is an error for a frame on a stream that was never opened (RFC
// 9113, section 5.1).
func (c *h2Conn) unlessIdle(id uint32) *httpwire.H2Error {
	if id > c.highest || id%2 == 0 {
		return &httpwire.H2Error{Code: httpwire.CodeProtocol, Name: httpwire.H2BadStream}
	}
	return nil
}

func (c *h2Conn) reset(f *httpwire.Frame) *httpwire.H2Error {
	s := c.find(f.Stream)
	if s == nil {
		return c.unlessIdle(f.Stream)
	}
	c.flood.resets++
	c.recordReset(s.xid, f.Stream, flow.Client, f.Code, "")
	s.lost = true
	s.wake()
	c.forget(s, false)
	c.tellGone(s)
	return nil
}

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
		c.flood.begin(time.Now())
		c.flood.frames++
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
	if _, ours := c.wasClosed(f.Stream); ours && s == nil {
		return nil // it was under way when we reset the stream
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
	s, highest := c.find(f.Stream), c.highest
	c.mu.Unlock()
	switch {
	case s != nil:
		return c.takeTrailers(s, f, block)
	case f.Stream%2 == 0:
		return &httpwire.H2Error{Code: httpwire.CodeProtocol, Name: httpwire.H2BadStream}
	case f.Stream <= highest:
		return c.headersAfterEnd(f, block)
	}
	return c.openStream(f, block)
}

// headersAfterEnd takes a field block of a stream that is over.
func (c *h2Conn) headersAfterEnd(f *httpwire.Frame, block []byte) *httpwire.H2Error {
	if fatal := fatalFault(c.trailers.ReadTrailers(&c.fields, block, c.head)); fatal != nil {
		return fatal
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch known, ours := c.wasClosed(f.Stream); {
	case ours:
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

func (c *h2Conn) takeTrailers(s *h2Stream, f *httpwire.Frame, block []byte) *httpwire.H2Error {
	err := c.trailers.ReadTrailers(&c.fields, block, c.head)
	if fatal := fatalFault(err); fatal != nil {
		return fatal
	}
	c.mu.Lock()
	defer c.mu.Unlock()
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

// turnAway refuses a stream that nothing was done for: the client may send it
// again (RFC 9113, section 8.7).
func (c *h2Conn) turnAway(s *h2Stream, why string) *httpwire.H2Error {
	c.flood.begin(time.Now())
	c.flood.resets++
	s.refused("refuse: "+why, httpwire.CodeRefusedStream)
	return nil
}

// malformed refuses a request that breaks section 8 of RFC 9113.
func (c *h2Conn) malformed(s *h2Stream, name, field string) *httpwire.H2Error {
	c.flood.begin(time.Now())
	c.flood.resets++
	c.irregular(s.xid, name, field)
	s.refused("refuse: request is malformed: "+name, httpwire.CodeProtocol)
	return nil
}

// refuseStream resets a stream for a breach of the protocol.
func (c *h2Conn) refuseStream(err *httpwire.H2Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flood.begin(time.Now())
	c.flood.resets++
	s := c.find(err.Stream)
	if s == nil {
		c.irregular(0, err.Name, "")
		c.appendReset(0, err.Stream, err.Code, err.Name)
		c.closed[c.nClosed%len(c.closed)] = h2Closed{err.Stream, true}
		c.nClosed++
		return
	}
	c.irregular(s.xid, err.Name, "")
	s.cut(err.Code, err.Name)
	c.tellGone(s)
}

func (c *h2Conn) irregular(x flow.ExchangeID, name, field string) {
	c.log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Irregular, From: flow.Client, Text: name,
		Attrs: flow.Attrs(flow.KeyOffset, strconv.FormatInt(c.offset, 10), flow.KeyField, field)})
}

// appendReset ends a stream from our side.
func (c *h2Conn) appendReset(x flow.ExchangeID, id, code uint32, why string) {
	out := c.out.pending()
	*out = httpwire.AppendReset(*out, id, code)
	c.recordReset(x, id, flow.Server, code, why)
}

func (c *h2Conn) recordReset(x flow.ExchangeID, id uint32, from flow.Side, code uint32, why string) {
	c.log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.StreamReset, From: from, Text: httpwire.H2ErrorName(code),
		Attrs: flow.Attrs(flow.KeyStream, number(id), flow.KeyReason, why)})
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
