package httpconn

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

var errH2Lost = errors.New("write to client: the stream is closed")

// Interim sends HEADERS that do not end anything.
func (s *h2Stream) Interim(status int, fields []byte) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.responded || s.lost {
		return nil
	}
	s.interim(status, fields)
	c.flush()
	return c.out.dead
}

func (s *h2Stream) interim(status int, fields []byte) {
	c := s.c
	lines := lowered(nil, fields)
	c.log.Add(flow.Event{At: time.Now(), Exchange: s.xid, Kind: flow.Interim, From: flow.Server, Status: status, Header: lines,
		Attrs: []flow.Attr{{Key: flow.KeyHTTP, Value: "2"}}})
	c.appendBlock(s.id, httpwire.AppendHPACKLines(httpwire.AppendStatus(nil, status), lines), false)
}

// lowered appends field lines with their names in lower case, without those
// that HTTP/2 forbids.
func lowered(dst, lines []byte) []byte {
	for line := range fieldLines(lines) {
		name := line[:nameEnd(line)]
		if httpwire.IsHopByHop(name) {
			continue
		}
		start := len(dst)
		dst = append(dst, line...)
		for i := start; i < start+len(name); i++ {
			if c := dst[i]; 'A' <= c && c <= 'Z' {
				dst[i] = c + 'a' - 'A'
			}
		}
	}
	return dst
}

// appendBlock appends HEADERS; mu is held.
func (c *h2Conn) appendBlock(id uint32, block []byte, end bool) {
	b, start := c.out.beginBlock()
	c.out.endBlock(append(b, block...), start, id, end, httpwire.DefaultMaxFrame)
}

func (s *h2Stream) Respond(status int, _ string, fields []byte, length int64) error {
	c := s.c
	switch {
	case s.responded || s.finished:
		return errResponded
	case s.req.Method == "CONNECT" && status/100 == 2:
		return errConnect
	}
	s.noBody = s.req.Method == "HEAD" || status == 204 || status == 304
	s.length = length
	s.lines = lowered(s.lines[:0], fields)
	if length >= 0 && status != 204 && status != 304 { // of a 304 Go's client would wait for the body
		s.lines = strconv.AppendInt(append(s.lines, "content-length: "...), length, 10)
		s.lines = append(s.lines, crlf...)
	}
	s.block = httpwire.AppendHPACKLines(httpwire.AppendStatus(s.block[:0], status), s.lines)
	end := s.noBody || length == 0
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.broken(); err != nil {
		return err
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: s.xid, Kind: flow.Response, From: flow.Server, Status: status, Header: s.lines, Attrs: []flow.Attr{{Key: flow.KeyHTTP, Value: "2"}}})
	s.responded = true
	c.appendBlock(s.id, s.block, end)
	if end {
		s.closeOurs()
	}
	return nil
}

// broken is the error of one who wants to send; mu is held.
func (s *h2Stream) broken() error {
	switch {
	case s.c.out.dead != nil:
		return fmt.Errorf("write to client: %w", s.c.out.dead)
	case s.lost:
		return errH2Lost
	}
	return nil
}

// closeOurs takes note that our direction ends with what is pending; mu is held.
func (s *h2Stream) closeOurs() {
	s.closed = true
	if !s.tunneled {
		s.c.out.done = append(s.c.out.done, h2Done{s.xid, s.sent})
	}
	if s.ended {
		s.c.forget(s, false)
	}
}

func (s *h2Stream) Write(p []byte) (int, error) {
	if err := s.admit(p); err != nil {
		return 0, err
	}
	if s.noBody || len(p) == 0 {
		return len(p), nil
	}
	return s.write(p)
}

// write sends DATA as there is room, and the end of the stream with the last
// byte of a length that was declared.
func (s *h2Stream) write(p []byte) (n int, err error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for n < len(p) {
		piece, err := s.awaitRoom(len(p) - n)
		if err != nil {
			return n, err
		}
		c.send.Take(piece)
		s.send.Take(piece)
		s.sent += int64(piece)
		end := s.sent == s.length && !s.tunneled
		out := c.out.pending()
		*out = httpwire.AppendData(*out, s.id, p[n:n+piece], end)
		n += piece
		if n == len(p) || piece >= h2Crumb {
			c.flood.carried(framesPerData)
		}
		if end {
			s.closeOurs()
		}
		if c.out.room() < h2Piece {
			c.flush()
		}
		c.wakeSender()
	}
	return n, nil
}

// awaitRoom gives how many of want bytes may be sent now, at least one; mu is
// held.
func (s *h2Stream) awaitRoom(want int) (int, error) {
	c := s.c
	for {
		if err := s.broken(); err != nil {
			c.wakeSender() // whom this one would have woken
			return 0, err
		}
		if expired(s.deadline) {
			c.wakeSender()
			return 0, errTunnelDeadline
		}
		n := min(want, s.send.Room(), c.send.Room(), h2Data)
		if room := c.out.room(); n > 0 && room >= min(n, h2Piece) {
			return min(n, room), nil
		}
		if !c.out.writing && c.out.frames != nil {
			c.flush() // makes room, or lets the client know what it has to give room for
			continue
		}
		s.awaitWindow(n == 0)
	}
}

// awaitWindow waits for room. What waits for the client's window is timed; what
// waits for a writer is by the writer.
func (s *h2Stream) awaitWindow(timed bool) {
	c := s.c
	if !s.queued {
		s.queued = true
		c.waiting = append(c.waiting, s)
	}
	if timed && s.sendSince.IsZero() {
		s.sendSince = time.Now()
	}
	s.writable.Wait()
	c.unqueue(s)
	if !s.sendSince.IsZero() && (s.send.Room() > 0 && c.send.Room() > 0 || s.lost) {
		s.stalled(time.Now())
		s.sendSince = time.Time{}
	}
}

// stalledLong is how long a wait for a window has to be to be told of.
const stalledLong = time.Second

// stalled records a wait for the client's window that has come to its end.
func (s *h2Stream) stalled(now time.Time) {
	waited := now.Sub(s.sendSince)
	if s.sendSince.IsZero() || waited < stalledLong {
		return
	}
	whose := "stream"
	if s.send.Room() > 0 && s.c.send.Room() <= 0 {
		whose = "connection"
	}
	var scratch [24]byte
	s.c.log.Add(flow.Event{At: now, Exchange: s.xid, Kind: flow.Stalled, From: flow.Server, Text: whose, Bytes: s.sent,
		Attrs: flow.Attrs(flow.KeyStream, number(s.id), flow.KeyWaited, string(appendMilliseconds(scratch[:0], waited)))})
	s.sendSince = time.Time{}
}

func (s *h2Stream) Flush() error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
	return c.out.dead
}

func (s *h2Stream) Finish(trailers []byte) error {
	if s.finished {
		return nil
	}
	if why, err := s.short(); err != nil {
		s.Truncate(why)
		return err
	}
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.closed {
		if err := s.broken(); err != nil {
			return err
		}
		s.appendEnd(trailers)
	}
	s.finished = true
	c.flush()
	return nil
}

// appendEnd ends our direction, with trailers if there are any; mu is held.
func (s *h2Stream) appendEnd(trailers []byte) {
	c := s.c
	if len(trailers) > 0 {
		s.lines = lowered(s.lines[:0], trailers)
		s.block = httpwire.AppendHPACKLines(s.block[:0], s.lines)
		c.appendBlock(s.id, s.block, true)
	} else {
		out := c.out.pending()
		*out = httpwire.AppendData(*out, s.id, nil, true)
	}
	s.closeOurs()
}

// Truncate does nothing once the exchange is finished.
func (s *h2Stream) Truncate(why string) { s.reset(httpwire.CodeInternal, why) }

// RequireHTTP1 asks the client to send the request over HTTP/1.1.
func (s *h2Stream) RequireHTTP1(why string) bool {
	if s.responded {
		return false
	}
	s.c.log.Add(flow.Event{At: time.Now(), Exchange: s.xid, Kind: flow.Decision, Text: "refuse: " + why, Attrs: flow.Attrs(flow.KeyBy, "http2")})
	s.reset(httpwire.CodeHTTP11Required, why)
	return true
}

func (s *h2Stream) reset(code uint32, why string) {
	if s.finished {
		return
	}
	s.finished = true
	c := s.c
	c.mu.Lock()
	if s.closed {
		c.flush() // the end of the response is on its way already
		c.mu.Unlock()
		return
	}
	s.cut(code, why)
	outcome := flow.NoResponse
	if s.responded {
		outcome = flow.Truncated
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: s.xid, Kind: flow.ExchangeDone, Text: outcome})
	c.flush()
	c.mu.Unlock()
	c.log.Flush()
}
