package testnet

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	alertWarning = 1
	alertFatal   = 2

	alertCloseNotify      = 0
	alertHandshakeFailure = 40
	alertNoRenegotiation  = 100

	maxHandshake = 128 << 10
	maxUnread    = 8 << 20
)

// TLS12Server holds what the connections of a TLS 1.2 server share. It speaks
// ECDHE over P-256 or X25519 with AES-GCM, answers extended_master_secret and
// renegotiation_info, and knows no resumption: no tickets, empty session ids.
type TLS12Server struct {
	Certificate tls.Certificate // RSA, or ECDSA on P-256
	Protocols   []string        // ALPN, most wanted first; empty ignores the client's offer
	Timeout     time.Duration   // of one handshake or renegotiation; 0 is 10 s
	KeyLog      io.Writer       // receives a CLIENT_RANDOM line for each handshake, from several goroutines; nil is none
}

// Conn makes the server side of a connection; Handshake must come first.
func (s *TLS12Server) Conn(raw net.Conn) *TLS12Conn {
	return &TLS12Conn{server: s, records: newRecordLayer(raw)}
}

// HandshakeOptions say what one handshake asks for.
type HandshakeOptions struct {
	RequestClientCert bool
	Require           bool                // of a requested certificate: without one, handshake_failure
	CAs               []*x509.Certificate // named in the request; what the chain is verified against
}

// Handshake is what one handshake came to.
type Handshake struct {
	ServerName string
	Protocol   string
	Chain      []*x509.Certificate // of the client, leaf first; nil: none sent
	// VerifyError says why Chain does not lead to one of the CAs asked for. The
	// handshake completes nevertheless: the key was proven.
	VerifyError error
	Refused     bool // the client answered no_renegotiation; the connection goes on under the old keys
}

// Subject is the client certificate's subject, or "none".
func (h *Handshake) Subject() string {
	if len(h.Chain) == 0 {
		return "none"
	}
	return h.Chain[0].Subject.String()
}

// TLS12Conn is a net.Conn. One goroutine may read while another writes; a
// handshake counts as both. Handshakes set the deadline of the underlying
// connection and leave it cleared.
type TLS12Conn struct {
	server  *TLS12Server
	records recordLayer

	unread    []byte // application data that came and was not read yet
	messages  []byte // handshake bytes that came and were not taken yet
	nextIn    *recordKey
	refused   bool // no_renegotiation came
	readError error

	secure                         bool // the client speaks RFC 5746
	clientFinished, serverFinished []byte
}

// Handshake performs the first handshake.
func (c *TLS12Conn) Handshake(opts HandshakeOptions) (*Handshake, error) {
	return c.within(func() (*Handshake, error) { return c.handshake(opts) })
}

// SendHelloRequest asks the client for a renegotiation and does not wait.
func (c *TLS12Conn) SendHelloRequest() error {
	return c.records.write(recordHandshake, handshakeMessage(msgHelloRequest, nil))
}

// AwaitClientHello waits until the client begins the renegotiation it was
// asked for, and leaves the ClientHello for AwaitRenegotiation. It gives false
// if the client answered no_renegotiation instead.
func (c *TLS12Conn) AwaitClientHello() (began bool, err error) {
	_, err = c.within(func() (*Handshake, error) {
		for len(c.messages) == 0 && !c.refused {
			if err := c.readRecord(); err != nil {
				return nil, fmt.Errorf("wait for ClientHello: %w", err)
			}
		}
		return nil, nil
	})
	return len(c.messages) > 0, err
}

// AwaitRenegotiation performs the handshake after a HelloRequest. Application
// data that comes before the ClientHello is kept for Read.
func (c *TLS12Conn) AwaitRenegotiation(opts HandshakeOptions) (*Handshake, error) {
	if !c.secure {
		return nil, errors.New("renegotiate: the client does not speak RFC 5746")
	}
	began, err := c.AwaitClientHello()
	if err != nil {
		return nil, err
	}
	if !began {
		c.refused = false
		return &Handshake{Refused: true}, nil
	}
	return c.Handshake(opts)
}

// Renegotiate sends a HelloRequest and performs the handshake that follows.
func (c *TLS12Conn) Renegotiate(opts HandshakeOptions) (*Handshake, error) {
	if err := c.SendHelloRequest(); err != nil {
		return nil, fmt.Errorf("send HelloRequest: %w", err)
	}
	return c.AwaitRenegotiation(opts)
}

func (c *TLS12Conn) within(do func() (*Handshake, error)) (*Handshake, error) {
	timeout := c.server.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	_ = c.SetDeadline(time.Now().Add(timeout)) // fails on a closed connection only, which do then finds
	defer c.SetDeadline(time.Time{})
	return do()
}

// Read gives application data. The end is io.EOF after close_notify and
// io.ErrUnexpectedEOF without it; an alert is a tls.AlertError. A ClientHello
// met on the way is kept for AwaitRenegotiation.
func (c *TLS12Conn) Read(p []byte) (int, error) {
	for len(c.unread) == 0 && len(p) > 0 {
		if err := c.readRecord(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// Write sends application data.
func (c *TLS12Conn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.records.write(recordData, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// readRecord reads one record and puts its content where it belongs.
func (c *TLS12Conn) readRecord() error {
	if c.readError != nil {
		return c.readError
	}
	kind, payload, err := c.records.read()
	if err == nil {
		err = c.accept(kind, payload)
	} else {
		err = c.truncated(err)
	}
	var timeout net.Error
	if err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
		c.readError = err
	}
	return err
}

func (c *TLS12Conn) truncated(err error) error {
	if c.clientFinished == nil {
		return err
	}
	return noEOF(err)
}

func (c *TLS12Conn) accept(kind byte, payload []byte) error {
	switch kind {
	case recordData:
		c.unread = append(c.unread, payload...)
	case recordHandshake:
		c.messages = append(c.messages, payload...)
	case recordChangeCipherSpec:
		if c.nextIn == nil {
			return errors.New("unexpected ChangeCipherSpec")
		}
		c.records.in, c.nextIn = c.nextIn, nil
	case recordAlert:
		return c.alert(payload)
	}
	if len(c.unread) > maxUnread || len(c.messages) > maxHandshake {
		return fmt.Errorf("too much unread: %d bytes of data, %d of handshake", len(c.unread), len(c.messages))
	}
	return nil
}

func (c *TLS12Conn) alert(payload []byte) error {
	if len(payload) != 2 {
		return errors.New("malformed alert")
	}
	switch {
	case payload[1] == alertCloseNotify:
		return io.EOF
	case payload[1] == alertNoRenegotiation:
		c.refused = true
		return nil
	case payload[0] == alertWarning:
		return nil
	}
	return tls.AlertError(payload[1])
}

// SendAlert sends an alert, fatal unless it is close_notify or
// no_renegotiation, and leaves the connection open.
func (c *TLS12Conn) SendAlert(description uint8) error {
	level := byte(alertFatal)
	if description == alertCloseNotify || description == alertNoRenegotiation {
		level = alertWarning
	}
	return c.records.write(recordAlert, []byte{level, description})
}

// CloseWrite sends close_notify and keeps the TCP connection open both ways.
func (c *TLS12Conn) CloseWrite() error { return c.SendAlert(alertCloseNotify) }

// Close sends close_notify and closes.
func (c *TLS12Conn) Close() error {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_ = c.CloseWrite() // a peer that has gone needs no notice
	return c.records.raw.Close()
}

// NetConn is the connection below TLS, for a close without close_notify; some
// of what came may have been read from it already.
func (c *TLS12Conn) NetConn() net.Conn { return c.records.raw }

func (c *TLS12Conn) LocalAddr() net.Addr                { return c.records.raw.LocalAddr() }
func (c *TLS12Conn) RemoteAddr() net.Addr               { return c.records.raw.RemoteAddr() }
func (c *TLS12Conn) SetDeadline(t time.Time) error      { return c.records.raw.SetDeadline(t) }
func (c *TLS12Conn) SetReadDeadline(t time.Time) error  { return c.records.raw.SetReadDeadline(t) }
func (c *TLS12Conn) SetWriteDeadline(t time.Time) error { return c.records.raw.SetWriteDeadline(t) }
