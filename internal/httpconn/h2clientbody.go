package httpconn

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// newHead gives room for a head; mostly there is one of them.
func (s *H2Stream) newHead() *httpwire.H2Head {
	if s.used {
		return &httpwire.H2Head{}
	}
	s.used = true
	return &s.spare
}

// begins takes the final head. mu is held.
func (s *H2Stream) begins(h *httpwire.H2Head, end bool) {
	s.headed = true
	framing := h.ResponseFraming(s.out.Method)
	s.trailing = h.Has("Trailer")
	s.noBody = s.out.Method == "HEAD" || h.Status == 204 || h.Status == 304
	switch framing.Kind {
	case httpwire.ContentLength:
		s.length = framing.Length
	case httpwire.UntilClose:
		s.length = -1
	}
	if end {
		if s.length == -1 {
			s.length = 0
		}
		s.ends()
	}
}

// take keeps a piece of the body until it is read. mu is held.
func (s *H2Stream) take(data []byte, padding int) {
	if s.failed != nil {
		return
	}
	s.got += int64(len(data))
	if s.noBody && len(data) > 0 || s.length >= 0 && s.got > s.length && !s.noBody {
		s.malformed(h2BadLength, "")
		return
	}
	if padding > 0 {
		s.giveBack(padding)
	}
	for len(data) > 0 {
		if len(s.body) == 0 || s.w == len(*s.body[len(s.body)-1]) {
			s.body = append(s.body, s.c.buffers.body.get())
			s.w = 0
		}
		n := copy((*s.body[len(s.body)-1])[s.w:], data)
		s.w += n
		data = data[n:]
	}
	wake(s.in)
}

// giveBack lets the origin send more. mu is held; the caller flushes.
func (s *H2Stream) giveBack(n int) {
	if more := s.window.Release(n); more > 0 && !s.resDone && !s.wasReset {
		out := s.c.out.pending()
		*out = httpwire.AppendWindow(*out, s.number, more)
	}
}

// ends takes the end of the response. mu is held.
func (s *H2Stream) ends() {
	if s.failed != nil {
		return
	}
	if s.length >= 0 && s.got != s.length && !s.noBody {
		s.malformed(h2BadLength, "")
		return
	}
	s.resDone = true
	wake(s.in)
	wake(s.outs)
	if s.tunneled {
		return
	}
	s.c.record(flow.Event{Kind: flow.ResponseDone, Exchange: s.exchange, From: flow.Server, Bytes: s.got})
}

// AwaitHead is that of Outgoing.
func (s *H2Stream) AwaitHead(limit time.Duration) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !s.headed {
		s.readBy, s.readLate = after(limit), false
	}
}

// ReadHead is that of Outgoing.
func (s *H2Stream) ReadHead(limit time.Duration) (*httpwire.Head, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit > 0 {
		s.readBy, s.readLate = after(limit), false
	}
	for {
		if len(s.heads) > 0 {
			h := s.heads[0]
			s.heads = s.heads[1:]
			if h.Status >= 200 {
				s.readBy = time.Time{}
				s.upgrades(h)
			}
			return &h.Head, nil
		}
		if err := s.awaitMore(); err != nil {
			return nil, err
		}
	}
}

// awaitMore waits for something to come. mu is held, and given up meanwhile.
func (s *H2Stream) awaitMore() error {
	switch {
	case s.failed != nil:
		return s.failed
	case s.readLate:
		return os.ErrDeadlineExceeded
	}
	s.c.mu.Unlock()
	<-s.in
	s.c.mu.Lock()
	return nil
}

// upgrades makes the answer to an extended CONNECT what it would be in HTTP/1.1
// (RFC 8441, section 5): those who carry exchanges know one form of Upgrade.
func (s *H2Stream) upgrades(h *httpwire.H2Head) {
	if s.out.Upgrade == "" || h.Status/100 != 2 {
		return
	}
	s.record(flow.Tunnel, s.out.Upgrade)
	s.tunneled = true
	s.noBody, s.length = false, -1
	h.Status = 101
	h.Add("Upgrade", s.out.Upgrade)
	if s.key != "" {
		h.Add("Sec-WebSocket-Accept", webSocketAccept(s.key))
	}
}

// webSocketAccept is the proof that a server read a WebSocket request (RFC 6455,
// section 4.2.2).
func webSocketAccept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// ReadBody is that of Outgoing.
func (s *H2Stream) ReadBody(p []byte, wait time.Duration) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.headed {
		return 0, errors.New("read response body: its head was not read")
	}
	if s.buffered() == 0 && !s.resDone {
		s.readBy, s.readLate = after(wait), false
	}
	return s.readBody(p)
}

// readBody gives what is there, or waits. mu is held.
func (s *H2Stream) readBody(p []byte) (int, error) {
	for s.buffered() == 0 {
		if s.resDone {
			return 0, io.EOF
		}
		if err := s.awaitMore(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
	n := s.copyOut(p)
	s.giveBack(n)
	s.c.flush()
	if s.resDone && s.buffered() == 0 {
		return n, io.EOF
	}
	return n, nil
}

// copyOut takes what was kept. mu is held.
func (s *H2Stream) copyOut(p []byte) (n int) {
	for n < len(p) && len(s.body) > 0 {
		first := *s.body[0]
		if len(s.body) == 1 {
			first = first[:s.w]
		}
		m := copy(p[n:], first[s.r:])
		n += m
		if s.r += m; s.r == len(first) {
			s.c.buffers.body.put(s.body[0])
			s.body[0] = nil
			s.body, s.r = s.body[1:], 0
		}
	}
	return n
}

func (s *H2Stream) buffered() int {
	if len(s.body) == 0 {
		return 0
	}
	return (len(s.body)-1)*bodyBuffer + s.w - s.r
}

// release gives buffers back. mu is held.
func (s *H2Stream) release() {
	for _, b := range s.body {
		s.c.buffers.body.put(b)
	}
	s.body, s.r, s.w = nil, 0, 0
}

// Buffered is that of Outgoing.
func (s *H2Stream) Buffered() int {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.buffered()
}

// Length is that of Outgoing.
func (s *H2Stream) Length() int64 {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	switch {
	case s.noBody:
		return 0
	case s.trailing:
		return -1 // in HTTP/1.1 trailers need a body whose end shows
	}
	return s.length
}

// Trailers is that of Outgoing.
func (s *H2Stream) Trailers() []byte {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.trailers
}

// Answered is that of Outgoing.
func (s *H2Stream) Answered() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.headed || s.interims > 0
}

// Tunnel is that of Outgoing.
func (s *H2Stream) Tunnel() Tunnel { return h2ClientTunnel{s} }

// h2ClientTunnel is a stream that carries another protocol.
type h2ClientTunnel struct{ s *H2Stream }

func (t h2ClientTunnel) Read(p []byte) (int, error) {
	t.s.c.mu.Lock()
	defer t.s.c.mu.Unlock()
	return t.s.readBody(p)
}

func (t h2ClientTunnel) Write(p []byte) (int, error) {
	s := t.s
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	before := s.sent
	err := s.sendOn(p, false)
	return int(s.sent - before), err
}

func (t h2ClientTunnel) CloseWrite() error { return t.s.SendEnd(nil, 0) }

func (t h2ClientTunnel) SetDeadline(at time.Time) error {
	s := t.s
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.readBy, s.readLate = at, false
	s.setSendBy(at)
	s.late(time.Now())
	return nil
}

// late ends waits whose time is over. mu is held.
func (s *H2Stream) late(now time.Time) {
	if !s.readBy.IsZero() && now.After(s.readBy) {
		s.readLate = true
		wake(s.in)
	}
	if !s.sendBy.IsZero() && now.After(s.sendBy) {
		s.sendLate = true
		wake(s.outs)
	}
}
