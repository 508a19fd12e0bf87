package httpconn

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// h2Tunnel is the client's side of a tunnel through a stream (RFC 8441). One
// goroutine may read while another writes.
type h2Tunnel struct{ s *h2Stream }

var errTunnelDeadline = fmt.Errorf("tunnel: %w", os.ErrDeadlineExceeded)

// expired reports that a tunnel's deadline has passed.
func expired(deadline time.Time) bool {
	return !deadline.IsZero() && !time.Now().Before(deadline)
}

// Tunnel answers an extended CONNECT with 200 where HTTP/1.1 has 101.
func (s *h2Stream) Tunnel(status int, fields []byte, protocol string) (ClientTunnel, error) {
	switch {
	case s.responded:
		return nil, errResponded
	case s.req.Upgrade == "":
		return nil, errors.New("open tunnel: the request is no extended CONNECT")
	}
	s.lines = s.lines[:0]
	for line := range fieldLines(fields) {
		name := line[:nameEnd(line)]
		if bytes.EqualFold(name, []byte("Sec-WebSocket-Accept")) {
			if !accepts(s.key, line[len(name)+1:]) {
				return nil, fmt.Errorf("%w: Sec-WebSocket-Accept is not for the key that was sent", ErrBadResponse)
			}
			continue // of HTTP/1.1 (RFC 8441, section 5)
		}
		s.lines = lowered(s.lines, line)
	}
	s.block = httpwire.AppendHPACKLines(httpwire.AppendStatus(s.block[:0], 200), s.lines)
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.broken(); err != nil {
		return nil, err
	}
	now := time.Now()
	c.log.Add(flow.Event{At: now, Exchange: s.xid, Kind: flow.Response, From: flow.Server, Status: 200, Header: s.lines, Attrs: []flow.Attr{{Key: flow.KeyHTTP, Value: "2"}}})
	c.log.Add(flow.Event{At: now, Exchange: s.xid, Kind: flow.Tunnel, Text: protocol})
	s.responded, s.tunneled, s.length = true, true, -1
	c.appendBlock(s.id, s.block, false)
	c.flush()
	c.log.Flush() // a tunnel may last for days
	return &h2Tunnel{s}, nil
}

// accepts checks the origin's answer to a key (RFC 6455, section 4.2.2).
func accepts(key string, value []byte) bool {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:]) == string(bytes.TrimSpace(value))
}

func (t *h2Tunnel) Read(p []byte) (int, error) {
	s, c := t.s, t.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case s.body.n > 0:
			n := s.body.read(p, &c.srv.Buffers.head)
			c.release(s, n)
			c.flush()
			return n, nil
		case s.ended:
			return 0, io.EOF
		case s.lost:
			return 0, errH2Lost
		case expired(s.deadline):
			return 0, errTunnelDeadline
		}
		s.readable.Wait()
	}
}

func (t *h2Tunnel) Write(p []byte) (int, error) {
	n, err := t.s.write(p)
	if err != nil {
		return n, err
	}
	return n, t.s.Flush()
}

// CloseWrite ends our direction of the stream.
func (t *h2Tunnel) CloseWrite() error {
	s, c := t.s, t.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.broken(); err != nil || s.closed {
		return err
	}
	s.appendEnd(nil)
	c.flush()
	return nil
}

// SetDeadline bounds reads and writes of the tunnel, that wait already too. It
// is looked at no oftener than the limits of the streams are.
func (t *h2Tunnel) SetDeadline(at time.Time) error {
	s, c := t.s, t.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	s.deadline = at
	if expired(at) {
		s.wake()
	}
	return nil
}

// Close ends the exchange.
func (t *h2Tunnel) Close() error {
	t.over()
	return nil
}

func (t *h2Tunnel) over() {
	s, c := t.s, t.s.c
	if s.finished {
		return
	}
	s.finished = true
	c.mu.Lock()
	if !s.closed || !s.ended {
		s.cut(httpwire.CodeCancel, "")
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: s.xid, Kind: flow.ExchangeDone, Text: flow.Complete})
	c.flush()
	c.mu.Unlock()
	c.log.Flush()
}

// fieldLines goes through raw field lines that have a name.
func fieldLines(lines []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(lines) > 0 {
			end := bytes.IndexByte(lines, '\n') + 1
			if end == 0 {
				end = len(lines)
			}
			line := lines[:end]
			lines = lines[end:]
			if nameEnd(line) > 0 && !yield(line) {
				return
			}
		}
	}
}

// nameEnd is where the name of a field line ends; 0: it has none.
func nameEnd(line []byte) int { return max(bytes.IndexByte(line, ':'), 0) }
