package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/site"
	"fanlight/internal/tap"
)

// Serve carries an accepted connection, which it owns; secure tells whether TLS
// is expected. It may return before the connection's end.
func (g *Gateway) Serve(nc net.Conn, secure bool) {
	s := &session{g: g, tap: tap.Accepted(g.Recorder, nc, secure), secure: secure}
	g.Metrics.Connections.Add(1)
	if !g.sessions.add(s, g.MaxConns) {
		s.shed()
		return
	}
	if secure {
		growStack()
	}
	if s.transport = s.greet(); s.transport == nil {
		g.sessions.remove(s)
		return
	}
	g.server.Carry(s.transport, s.tap.Log(), s.scheme(), s, s.closing, func() {
		s.end()
		g.sessions.remove(s)
	})
}

// growStack has the goroutine get at once the stack that a handshake needs: a
// stack that grows while it is deep is copied each time it doubles.
//
//go:noinline
func growStack() {
	var frame [9 << 10]byte
	used(&frame)
}

//go:noinline
func used(frame *[9 << 10]byte) { frame[0] = 1 }

// greet does what comes before the first request; nil if the connection is over.
func (s *session) greet() httpconn.Transport {
	s.local, s.remote = s.tap.Local(), s.tap.Remote()
	if !s.takeProxyHeader() {
		return nil
	}
	s.forwardedFor = s.remote.Addr().String()
	s.trusted = s.g.trusts(s.remote.Addr())
	if s.secure {
		return s.handshake()
	}
	return s.tap
}

// shed closes a connection that is one too many.
func (s *session) shed() {
	s.g.Metrics.Shed.Add(1)
	s.g.Metrics.Fired.add(byConnections)
	s.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.Decision, Text: "refuse: more than " + strconv.Itoa(s.g.MaxConns) + " connections in all",
		Attrs: flow.Attrs(flow.KeyBy, byConnections)})
	s.tap.SetWhy("too many connections")
	_ = s.tap.Abort() // nothing was promised to this client
}

// handshake runs the TLS handshake; nil if it failed, with everything said and
// closed.
func (s *session) handshake() httpconn.Transport {
	ctx, cancel := context.Background(), func() {}
	if d := s.g.TLSLimit; d > 0 {
		ctx, cancel = context.WithTimeout(ctx, d)
	}
	defer cancel()
	var choice site.Choice
	config := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		choice = s.choose(hello.ServerName)
		if choice.Config == nil {
			return cert.RefusalConfig(), nil
		}
		return s.g.logged(unlessH2Alone(choice.Config, hello.SupportedProtos)), nil
	}}
	t, err := tap.Server(ctx, s.tap, config)
	if err != nil {
		s.handshakeFailed(choice, err)
		return nil
	}
	s.g.Metrics.Handshakes[HandshakeDone].Add(1)
	return s.carrier(t, choice.Config.NextProtos)
}

// choose decides on a ClientHello. The state is looked at once more after the
// connection is known as the site's: a stop that came in between has not seen
// it.
func (s *session) choose(name string) site.Choice {
	choice := s.g.Table.Choose(s.local, name)
	if choice.Site == nil {
		return choice
	}
	s.setSite(choice.Site)
	if choice.Config != nil {
		choice = s.g.Table.Choose(s.local, name)
		s.sni = strings.ToLower(name)
	}
	return choice
}

func (s *session) handshakeFailed(choice site.Choice, err error) {
	log := s.tap.Log()
	outcome := HandshakeFailed
	switch {
	case choice.Why != "":
		outcome = HandshakeRefused
		log.Add(flow.Event{At: time.Now(), Kind: flow.Decision, Text: "refuse: " + choice.Why, Attrs: flow.Attrs(flow.KeyBy, "site")})
		s.tlsFailed(choice.Why, flow.Attrs(flow.KeyFault, flow.FaultRefused))
	case s.stop.Load():
		outcome = HandshakeRefused
		s.tlsFailed("site stopped", flow.Attrs(flow.KeyFault, flow.FaultRefused))
	case tap.IsTimeout(err):
		outcome = HandshakeTimeout
		s.timedOut("tls", s.g.TLSLimit)
		s.tlsFailed("timeout: tls", flow.Attrs(flow.KeyFault, flow.FaultTimeout))
	case s.answerPlain(err):
	case errors.Is(err, io.EOF) && silent(s.tap):
		outcome = HandshakeSilent // a probe that said nothing: not a failure of TLS
		s.tap.SetWhy("client closed without a word")
	default:
		_, attrs := cert.Classify(err, nil)
		s.tlsFailed(reason(attrs, err), attrs)
	}
	s.g.Metrics.Handshakes[outcome].Add(1)
	_ = s.tap.Close() // the handshake failed: nothing to save
}

func silent(t *tap.Conn) bool {
	received, _ := t.Bytes()
	return received == 0
}

func (s *session) tlsFailed(why string, attrs []flow.Attr) {
	s.tap.SetWhy(why)
	s.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.TLSFailed, Text: why, Attrs: attrs})
}

func reason(attrs []flow.Attr, err error) string {
	for _, a := range attrs {
		if a.Key == flow.KeyReason {
			return a.Value
		}
	}
	return err.Error()
}

// answerPlain answers a client that speaks HTTP to an address that speaks TLS.
func (s *session) answerPlain(err error) bool {
	var header tls.RecordHeaderError
	if !errors.As(err, &header) || header.Conn == nil || !looksLikeHTTP(header.RecordHeader[:]) {
		return false
	}
	s.tlsFailed("the client spoke plain HTTP to a TLS address", flow.Attrs(flow.KeyFault, flow.FaultNotTLS))
	_ = s.tap.SetDeadline(time.Now().Add(plainWait)) // fails only when it is closed already
	_, _ = io.WriteString(s.tap, "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"+
		"This address speaks HTTPS. Use https:// instead of http://\n") // a courtesy: the connection ends either way
	// Closing with the request unread would reset the connection and the
	// answer with it.
	if s.tap.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(s.tap, plainBytes)) // whatever ends it
	}
	return true
}

// What a client that speaks HTTP to a TLS address may take.
const (
	plainWait  = time.Second
	plainBytes = 64 << 10
)

func looksLikeHTTP(head []byte) bool {
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH", "CONNE", "TRACE"} {
		if strings.HasPrefix(string(head), method) {
			return true
		}
	}
	return false
}
