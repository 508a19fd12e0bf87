package httpconn

import (
	"io"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// h2Body is a request body that waits to be carried on, in small buffers: many
// streams may have a little each.
type h2Body struct {
	chunks []*[]byte
	r, w   int // unread bytes begin at r of the first chunk and end at w of the last
	n      int // how many they are
}

func (b *h2Body) add(p []byte, pool *pool) {
	b.n += len(p)
	for len(p) > 0 {
		if len(b.chunks) == 0 || b.w == headBuffer {
			b.chunks = append(b.chunks, pool.get())
			b.w = 0
		}
		n := copy((*b.chunks[len(b.chunks)-1])[b.w:], p)
		b.w += n
		p = p[n:]
	}
}

func (b *h2Body) read(p []byte, pool *pool) (n int) {
	for len(p) > 0 && b.n > 0 {
		first := *b.chunks[0]
		end := len(first)
		if len(b.chunks) == 1 {
			end = b.w
		}
		m := copy(p, first[b.r:end])
		p, n = p[m:], n+m
		b.r += m
		b.n -= m
		if b.r == end {
			b.next(pool)
		}
	}
	return n
}

// next drops the first chunk, which has been read.
func (b *h2Body) next(pool *pool) {
	pool.put(b.chunks[0])
	copy(b.chunks, b.chunks[1:])
	b.chunks = b.chunks[:len(b.chunks)-1]
	b.r = 0
	if len(b.chunks) == 0 {
		b.w = 0
	}
}

// take takes DATA of an open stream.
func (s *h2Stream) take(f *httpwire.Frame) *httpwire.H2Error {
	c := s.c
	s.got += int64(len(f.Payload))
	if s.declared >= 0 && s.got > s.declared && s.req.Upgrade == "" {
		c.release(nil, len(f.Payload))
		return &httpwire.H2Error{Code: httpwire.CodeProtocol, Stream: s.id, Name: h2LengthDiffers}
	}
	switch {
	case len(f.Payload) == 0:
	case !s.restSince.IsZero():
		c.release(nil, len(f.Payload))
		if s.rest += len(f.Payload); !f.EndStream() {
			s.unwanted(time.Now())
		}
	case s.stopped:
		c.release(s, len(f.Payload)) // not wanted any more
	default:
		s.body.add(f.Payload, &c.srv.Buffers.head)
		s.came()
		s.readable.Signal()
	}
	if f.EndStream() {
		return s.bodyEnded()
	}
	return nil
}

// lookBody ends a wait for a body that does not come, or comes in drops; not one
// while the response flows already: then both sides talk, and either may be
// silent. mu is held.
func (s *h2Stream) lookBody(now time.Time) {
	l := &s.c.srv.Limits
	silent := time.Duration(0)
	if !s.readSince.IsZero() {
		silent = now.Sub(s.readSince)
	}
	behind := silent + s.waited
	if l.BodyRate > 0 {
		behind -= time.Duration(float64(s.got) / float64(l.BodyRate) * float64(time.Second))
	}
	phase, cause := "request-body", "the request body did not arrive within "+l.BodyTimeout.String()
	switch {
	case silent >= l.BodyTimeout:
	case l.BodyRate > 0 && behind >= l.BodyTimeout:
		phase = "request-body-rate"
		cause = "the request body came slower than " + strconv.FormatInt(l.BodyRate, 10) + " bytes a second, " + l.BodyTimeout.String() + " behind that rate"
	default:
		return
	}
	s.c.srv.timedOut(s.c.log, s.xid, phase, l.BodyTimeout)
	s.bodyErr = &BodyFault{Status: 408, Cause: cause}
	s.wake()
}

// came ends a wait for the body; mu is held.
func (s *h2Stream) came() {
	if !s.readSince.IsZero() {
		s.waited += time.Since(s.readSince)
		s.readSince = time.Time{}
	}
}

// bodyEnded takes the end of the client's direction.
func (s *h2Stream) bodyEnded() *httpwire.H2Error {
	c := s.c
	if s.declared >= 0 && s.got != s.declared && s.req.Upgrade == "" {
		return &httpwire.H2Error{Code: httpwire.CodeProtocol, Stream: s.id, Name: h2LengthDiffers}
	}
	s.ended = true
	s.came()
	if !s.tunneled {
		c.log.Add(flow.Event{At: time.Now(), Exchange: s.xid, Kind: flow.RequestDone, From: flow.Client, Bytes: s.got})
	}
	s.readable.Signal()
	if s.closed {
		c.forget(s, false)
	}
	return nil
}

// dropBody gives up what was not read of the body; mu is held.
func (s *h2Stream) dropBody() {
	if n := s.body.n; n > 0 {
		s.c.release(nil, n)
	}
	for len(s.body.chunks) > 0 {
		s.body.next(&s.c.srv.Buffers.head)
	}
	s.body.n = 0
}

// Buffered gives a body that is whole and in one piece.
func (s *h2Stream) Buffered() (body []byte, all bool) {
	if s.req.Length == 0 {
		return nil, true
	}
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.ended || len(s.body.chunks) > 1 || len(s.trailers) > 0 || s.body.n != int(s.got) {
		return nil, false
	}
	if s.req.Length < 0 {
		s.req.Length = s.got // now it is known
	}
	if s.body.n == 0 {
		return nil, true
	}
	body = (*s.body.chunks[0])[s.body.r:s.body.w]
	s.body.r, s.body.n = s.body.w, 0
	c.release(s, len(body))
	return body, true
}

func (s *h2Stream) ReadBody(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case s.stopped:
			return 0, ErrStopped
		case s.bodyErr != nil:
			return 0, s.bodyErr
		case len(p) == 0:
			return 0, nil
		case s.body.n > 0:
			n := s.body.read(p, &c.srv.Buffers.head)
			c.release(s, n)
			c.flush()
			return n, nil
		case s.ended:
			return 0, io.EOF
		case s.lost:
			return 0, &BodyFault{Cause: "read request body: the client gave up the stream", Gone: true}
		}
		if s.expecting {
			s.expecting = false
			s.interim(100, nil)
			c.flush()
			continue
		}
		s.readSince = time.Now()
		s.readable.Wait()
		s.came()
	}
}

// StopBody may be called by anyone.
func (s *h2Stream) StopBody() {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	s.stopped = true
	s.readable.Broadcast()
}
