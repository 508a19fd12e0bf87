package dissect

import (
	"crypto/x509"
	"strconv"
	"strings"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
	"fanlight/internal/tlsfact"
	"fanlight/internal/tlswire"
)

// secure reads TLS and what is inside of it.
type secure struct {
	rec     recorder
	session *tlswire.Session
	emit    func(*tlswire.Message)
	mark    reassembly.Mark
	inner   speaker // nil until something could be read
	alpn    string

	hello, done, failed bool // of the first handshake
	gap                 bool // bytes of it were not captured: nobody knows what became of it
	early               bool
	zeroRTT             bool              // the client offered 0-RTT data
	taken               flow.Seen         // by the server
	ahead               []byte            // 0-RTT data until the server has said whether it takes it
	cut                 bool              // not all of it is held
	leaf                *x509.Certificate // of the server, until the handshake is done
	closed              [2]bool           // by a close_notify that could be read
	unread              [2]bool           // records stayed sealed or were lost: one may have been that
	broken              [2]bool           // not TLS from here on
	fatal               string            // the alert that ended the handshake, and whose
	fatalBy             flow.Side
}

func newSecure(rec recorder, session *tlswire.Session) *secure {
	s := &secure{rec: rec, session: session}
	s.emit = s.message // kept, so that a call allocates nothing
	return s
}

func (s *secure) bytes(dir int, p []byte, m reassembly.Mark) {
	if s.broken[dir] {
		return
	}
	s.mark = m
	if err := s.session.Write(dir, p, s.emit); err != nil {
		s.broken[dir] = true
		s.add(flow.Event{Kind: flow.Irregular, From: side(dir), Text: "not-tls: " + err.Error()})
	}
}

func (s *secure) skip(dir int, n int64, m reassembly.Mark) {
	s.mark = m
	s.gap = s.gap || !s.done
	s.session.Skip(dir, n, s.emit)
	if s.inner != nil {
		s.inner.skip(dir, -1, m)
	}
}

func (s *secure) end(dir int, clean flow.Seen, m reassembly.Mark) {
	s.mark = m
	s.session.Close(dir, s.emit)
	if !s.done {
		s.fail(dir)
	}
	if s.inner != nil {
		s.inner.end(dir, s.clean(dir, clean), m)
	}
}

// clean tells whether a direction ended with a close_notify, without which
// anybody could have cut it (RFC 8446, section 6.1).
func (s *secure) clean(dir int, below flow.Seen) flow.Seen {
	switch {
	case s.closed[dir]: // whatever TCP does then
		return flow.Yes
	case below != flow.Yes:
		return below
	case s.unread[dir]:
		return flow.NotObserved
	}
	return flow.No
}

func (s *secure) over(m reassembly.Mark) {
	s.mark = m
	if s.inner != nil {
		s.inner.over(m)
	}
}

func (s *secure) held() int {
	n := s.session.Held() + cap(s.ahead)
	if s.inner != nil {
		n += s.inner.held()
	}
	return n
}

// fail records that the first handshake came to nothing.
func (s *secure) fail(dir int) {
	if !s.hello || s.failed || s.gap && s.fatal == "" {
		return
	}
	s.failed = true
	e := flow.Event{Kind: flow.TLSFailed, From: side(dir), Text: "closed inside the handshake", Attrs: flow.Attrs(flow.KeyFault, flow.FaultReset)}
	if s.fatal != "" {
		e.From, e.Text, e.Attrs = s.fatalBy, "alert "+s.fatal, flow.Attrs(flow.KeyFault, flow.FaultAlert)
	}
	s.add(e)
}

func (s *secure) add(e flow.Event) { s.rec.emit(s.mark, e) }

func (s *secure) message(msg *tlswire.Message) {
	switch msg.Kind {
	case tlswire.DataMsg:
		s.data(msg)
	case tlswire.EarlyDataMsg:
		s.earlyData(msg)
	case tlswire.EncryptedExtensionsMsg:
		s.earlyAnswer(msg)
	case tlswire.BadRecordMsg, tlswire.OpaqueMsg:
		s.unread[msg.Dir] = true
		if s.inner != nil {
			s.inner.skip(msg.Dir, -1, s.mark)
		}
	case tlswire.TooLongMsg:
		s.add(flow.Event{Kind: flow.BufferFull, From: side(msg.Dir), Bytes: int64(msg.Length),
			Text: "TLS " + tlswire.HandshakeName(msg.HandshakeType) + " is too long to be kept"})
	case tlswire.AlertMsg:
		s.alert(msg)
	default:
		s.handshake(msg)
	}
}

// aheadLimit bounds the 0-RTT data that is held; servers take less.
const aheadLimit = 64 << 10

func (s *secure) earlyData(msg *tlswire.Message) {
	if !s.early {
		s.early = true
		s.add(flow.Event{Kind: flow.EarlyData, From: flow.Client})
	}
	if s.cut = s.cut || len(s.ahead)+len(msg.Data) > aheadLimit; !s.cut {
		s.ahead = append(s.ahead, msg.Data...)
	}
}

// earlyAnswer: what was refused comes again after the handshake.
func (s *secure) earlyAnswer(msg *tlswire.Message) {
	if msg.ALPN != "" {
		s.alpn = msg.ALPN
	}
	if s.zeroRTT {
		s.taken = flow.SeenIf(msg.EarlyDataAccepted)
	}
	if msg.EarlyDataAccepted && len(s.ahead) > 0 {
		s.data(&tlswire.Message{Kind: tlswire.DataMsg, Dir: fromClient, Data: s.ahead})
		if s.cut {
			s.inner.skip(fromClient, -1, s.mark)
		}
	}
	s.ahead = nil
}

func (s *secure) data(msg *tlswire.Message) {
	if s.inner == nil {
		s.inner = s.rec.tunnel("tls:" + s.alpn)
	}
	s.inner.bytes(msg.Dir, msg.Data, s.mark)
}

func (s *secure) alert(msg *tlswire.Message) {
	e := flow.Event{Kind: flow.Alert, From: side(msg.Dir)}
	if msg.Sealed {
		s.unread[msg.Dir] = true
		s.add(e)
		return
	}
	e.Text = tlswire.AlertName(msg.Code)
	e.Attrs = flow.Attrs(flow.KeyLevel, tlswire.AlertLevelName(msg.Level))
	if e.Text == "close_notify" {
		s.closed[msg.Dir] = true
	} else if !s.done && s.fatal == "" {
		s.fatal, s.fatalBy = e.Text, e.From
	}
	s.add(e)
}

func (s *secure) handshake(msg *tlswire.Message) {
	from := side(msg.Dir)
	switch msg.Kind {
	case tlswire.ClientHelloMsg:
		s.clientHello(msg)
	case tlswire.ServerHelloMsg:
		if !s.done {
			s.add(serverHello(msg.ServerHello))
			if msg.ServerHello != nil && msg.ServerHello.ALPN != "" {
				s.alpn = msg.ServerHello.ALPN // data may come before the handshake is done (RFC 7918)
			}
		}
	case tlswire.HelloRetry:
		if s.zeroRTT { // RFC 8446, section 4.2.10
			s.taken = flow.No
		}
		s.add(flow.Event{Kind: flow.HelloRetry, From: flow.Server})
	case tlswire.HelloRequestMsg:
		s.add(flow.Event{Kind: flow.HelloRequest, From: flow.Server})
	case tlswire.CertificateMsg:
		s.certificates(from, msg)
	case tlswire.CertificateStatusMsg:
		s.staple(msg.Staple)
	case tlswire.CertificateRequestMsg:
		e := flow.Event{Kind: flow.CertificateRequest, From: from}
		if msg.Request != nil {
			e.Attrs = flow.Attrs(flow.KeyCAs, strings.Join(msg.Request.Authorities, "; "), flow.KeyCAsBytes, strconv.Itoa(msg.Request.AuthoritiesLength))
		}
		s.add(e)
	case tlswire.NewTicketMsg:
		if msg.Ticket != "" {
			s.add(flow.Event{Kind: flow.SessionTicket, From: from, Attrs: flow.Attrs(flow.KeyTickets, msg.Ticket)})
		}
	case tlswire.KeyUpdateMsg:
		s.add(flow.Event{Kind: flow.KeyUpdate, From: from})
	case tlswire.DoneMsg:
		s.handshakeDone(msg)
	}
}

func (s *secure) clientHello(msg *tlswire.Message) {
	if s.done {
		s.add(flow.Event{Kind: flow.Renegotiating, From: flow.Client})
		return
	}
	s.hello = true
	if msg.ClientHello != nil {
		s.zeroRTT = s.zeroRTT || msg.ClientHello.EarlyData
		s.add(clientHello(msg.ClientHello, 't'))
	}
}

func (s *secure) handshakeDone(msg *tlswire.Message) {
	if s.done {
		s.add(flow.Event{Kind: flow.Renegotiated})
		return
	}
	s.done, s.leaf = true, nil
	if msg.ALPN != "" {
		s.alpn = msg.ALPN
	}
	s.add(flow.Event{Kind: flow.TLSDone, Text: tlswire.VersionName(msg.Version), Attrs: flow.Attrs(
		flow.KeyCipher, tlswire.CipherName(msg.Cipher), flow.KeyALPN, msg.ALPN, flow.KeyResumed, s.resumed(msg).String(), flow.KeyEarlyData, s.taken.String())})
}

// resumed: up to TLS 1.2 an abbreviated handshake is known by the messages that
// it has not (RFC 5246, section 7.3), which may also be those that were lost.
func (s *secure) resumed(msg *tlswire.Message) flow.Seen {
	if msg.Resumed < 0 || msg.Resumed == 1 && s.gap && msg.Version < 0x0304 {
		return flow.NotObserved
	}
	return flow.SeenIf(msg.Resumed == 1)
}

// clientHello adds the fingerprints, which are worth their time in a capture
// only; transport is what JA4 calls it, t or q.
func clientHello(h *tlswire.ClientHello, transport byte) flow.Event {
	e := tlsfact.ClientHello(h)
	e.Attrs = append(e.Attrs, flow.Attrs("ja3", tlswire.JA3(h), "ja4", tlswire.JA4(h, transport))...)
	if h.AsksForStaple() {
		e.Attrs = append(e.Attrs, flow.Attr{Key: flow.KeyStatusAsked, Value: flow.Yes.String()})
	}
	return e
}

func serverHello(h *tlswire.ServerHello) flow.Event {
	if h == nil {
		return flow.Event{Kind: flow.ServerHello, From: flow.Server}
	}
	return tlsfact.ServerHello(h)
}
