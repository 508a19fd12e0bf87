package gateway

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
	"fanlight/internal/testnet"
)

// scripted is an origin of HTTP/2 that does with each request what a test says.
// Connections that chose HTTP/1.1 get plain.
type scripted struct {
	ca    *testnet.CA
	l     net.Listener
	plain func(net.Conn)
	mute  bool // it chooses HTTP/2 and answers in HTTP/1.1

	mu    sync.Mutex
	conns []*scriptedConn
	ones  int
}

// scriptedConn is one connection; answer is called for each head of a request,
// in the order they came.
type scriptedConn struct {
	net.Conn
	n       int // from 1
	decoder httpwire.HPACKDecoder
	sending sync.Mutex // guards encoder
	encoder httpwire.HPACKEncoder
	tunnels uint32 // stream whose DATA is sent back; 0: none
	emptied func() // what comes of the end of a request by DATA; nil: nothing
	trailed func() // what comes of the end of a request by trailers; nil: nothing
	reset   func() // what comes of RST_STREAM; nil: nothing
}

func (c *scriptedConn) frames(b []byte) { _, _ = c.Write(b) } // a peer that is gone is seen by reading

// head answers with a status and fields, in pairs.
func (c *scriptedConn) head(stream uint32, end bool, status int, fields ...string) {
	c.sending.Lock()
	defer c.sending.Unlock()
	block := httpwire.AppendStatus(c.encoder.Begin(nil), status)
	for i := 0; i < len(fields); i += 2 {
		block = httpwire.AppendHPACK(block, fields[i], fields[i+1])
	}
	c.frames(httpwire.AppendBlock(nil, stream, block, end, httpwire.DefaultMaxFrame))
}

func (c *scriptedConn) whole(stream uint32, body string) {
	c.head(stream, false, 200)
	c.frames(httpwire.AppendData(nil, stream, []byte(body), true))
}

type scriptedAnswer func(c *scriptedConn, stream uint32, h *httpwire.H2Head)

func startScripted(t *testing.T, answer scriptedAnswer, settings ...httpwire.H2Setting) *scripted {
	t.Helper()
	s := &scripted{ca: testnet.NewCA(t, "origin CA")}
	config := &tls.Config{Certificates: []tls.Certificate{s.ca.Issue(t, testnet.Leaf{Subject: "o", Names: []string{"o.test"}}).TLS()},
		NextProtos: []string{"h2", "http/1.1"}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.l = l
	var all sync.WaitGroup
	all.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(tls.Server(raw, config), answer, settings) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		all.Wait()
	})
	return s
}

func (s *scripted) serve(nc *tls.Conn, answer scriptedAnswer, settings []httpwire.H2Setting) {
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(hang))
	if nc.Handshake() != nil {
		return
	}
	if nc.ConnectionState().NegotiatedProtocol != "h2" {
		s.mu.Lock()
		s.ones++
		s.mu.Unlock()
		if s.plain != nil {
			s.plain(nc)
		}
		return
	}
	c := &scriptedConn{Conn: nc, decoder: httpwire.NewHPACKDecoder(4096)}
	s.mu.Lock()
	s.conns = append(s.conns, c)
	c.n = len(s.conns)
	s.mu.Unlock()
	preface := make([]byte, len(httpwire.H2ClientPreface))
	if _, err := io.ReadFull(nc, preface); err != nil {
		return
	}
	if s.mute {
		_, _ = io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") // what comes of it is under test
		return
	}
	c.frames(httpwire.AppendSettings(nil, settings...))
	c.each(answer)
}

// each reads frames until the connection ends.
func (c *scriptedConn) each(answer scriptedAnswer) {
	var r httpwire.FrameReader
	var buf []byte
	more := make([]byte, 32<<10)
	for {
		n, err := c.Read(more)
		buf = append(buf, more[:n]...)
		for {
			f, used, ferr := r.Read(buf)
			if ferr != nil || used == 0 {
				break
			}
			switch {
			case f.Type == httpwire.FrameSettings && !f.Ack():
				c.frames(httpwire.AppendSettingsAck(nil))
			case f.Type == httpwire.FrameData && f.Stream == c.tunnels && c.tunnels != 0:
				c.frames(httpwire.AppendData(nil, f.Stream, f.Payload, f.EndStream()))
			case f.Type == httpwire.FrameData && f.EndStream() && c.emptied != nil:
				c.emptied()
			case f.Type == httpwire.FrameReset && c.reset != nil:
				c.reset()
			case f.Type == httpwire.FrameHeaders:
				var h httpwire.H2Head
				switch err := h.ReadRequest(&c.decoder, f.Payload, httpwire.Limits{}); {
				case err != nil:
				case h.Method == (httpwire.Span{}) && c.trailed != nil:
					c.trailed()
				default:
					answer(c, f.Stream, &h)
				}
			}
			buf = buf[used:]
		}
		if err != nil {
			return
		}
	}
}

// one answers requests of HTTP/1.1 with a body that says so.
func one(nc net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		if n, err := nc.Read(buf); n == 0 || err != nil {
			return
		}
		if _, err := io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nover 1.1"); err != nil {
			return
		}
	}
}

func (s *scripted) origin(t *testing.T, d *door) *origin.Origin {
	o := d.at("127.0.0.1", portOf(t, s.l.Addr().String()), true)
	o.Roots, o.ServerName, o.HTTP, o.MaxIdle = s.ca.Pool(), "o.test", origin.Auto, 10
	return o
}

func (s *scripted) counts() (two, ones int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), s.ones
}

// decided reports whether a decision of the record says a text.
func decided(trace *flow.Trace, part string) bool {
	for _, c := range trace.Conns {
		for _, e := range c.Events {
			if (e.Kind == flow.Decision || e.Kind == flow.Retry) && strings.Contains(e.Text, part) {
				return true
			}
		}
	}
	return false
}
