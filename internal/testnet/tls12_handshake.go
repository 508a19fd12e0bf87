package testnet

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// handshake is the state of one handshake in progress.
type handshake struct {
	c    *TLS12Conn
	opts HandshakeOptions

	hello        *clientHello
	suite        *suite
	cipher       uint16
	scheme       tls.SignatureScheme
	group        tls.CurveID
	private      *ecdh.PrivateKey
	serverRandom []byte
	transcript   []byte
	master       []byte
	result       Handshake
}

func (c *TLS12Conn) handshake(opts HandshakeOptions) (*Handshake, error) {
	h := &handshake{c: c, opts: opts}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"read ClientHello", h.readHello},
		{"send ServerHello", h.sendHello},
		{"read ClientKeyExchange", h.readKeyExchange},
		{"finish", h.finish},
	} {
		if err := step.do(); err != nil {
			var alert tls.AlertError
			if !errors.As(err, &alert) {
				_ = c.SendAlert(alertHandshakeFailure) // the first fault is the one to report
			}
			return nil, fmt.Errorf("handshake: %s: %w", step.name, err)
		}
	}
	return &h.result, nil
}

// message takes the next handshake message and adds it to the transcript.
func (h *handshake) message() (kind byte, body []byte, err error) {
	for {
		c := &cursor{b: h.c.messages}
		if head := c.take(1); head != nil {
			body = c.vector(3)
			if !c.bad {
				size := 4 + len(body)
				whole := h.c.messages[:size:size]
				h.transcript = append(h.transcript, whole...)
				h.c.messages = h.c.messages[size:]
				return head[0], body, nil
			}
		}
		if err := h.c.readRecord(); err != nil {
			return 0, nil, err
		}
	}
}

func (h *handshake) expect(want byte) ([]byte, error) {
	kind, body, err := h.message()
	if err == nil && kind != want {
		err = fmt.Errorf("got message type %d instead of %d", kind, want)
	}
	return body, err
}

func (h *handshake) readHello() error {
	body, err := h.expect(msgClientHello)
	if err != nil {
		return err
	}
	if h.hello, err = parseClientHello(body); err != nil {
		return err
	}
	h.result.ServerName = h.hello.serverName
	for _, p := range h.c.server.Protocols {
		if h.result.Protocol == "" && slices.Contains(h.hello.protocols, p) {
			h.result.Protocol = p
		}
	}
	if err := h.checkRenegotiation(); err != nil {
		return err
	}
	return h.choose()
}

// checkRenegotiation is the server's part of RFC 5746, sections 3.6 and 3.7.
func (h *handshake) checkRenegotiation() error {
	c, got := h.c, h.hello.renegotiation
	if c.clientFinished == nil {
		c.secure = got != nil || h.hello.signalled
	}
	if (got != nil || c.clientFinished != nil) && !bytes.Equal(got, c.clientFinished) {
		return errors.New("renegotiation_info does not fit the handshake before")
	}
	return nil
}

func (h *handshake) choose() error {
	_, ec := h.c.server.Certificate.PrivateKey.(*ecdsa.PrivateKey)
	wanted := []tls.SignatureScheme{tls.PSSWithSHA256, tls.PKCS1WithSHA256}
	if ec {
		wanted = []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}
	}
	for i := range suites {
		s := &suites[i]
		code := s.rsa
		if ec {
			code = s.ecdsa
		}
		if h.suite == nil && slices.Contains(h.hello.ciphers, code) {
			h.suite, h.cipher = s, code
		}
	}
	for _, s := range wanted {
		if h.scheme == 0 && slices.Contains(h.hello.signatures, uint16(s)) {
			h.scheme = s
		}
	}
	for _, g := range []tls.CurveID{tls.X25519, tls.CurveP256} {
		if h.group == 0 && slices.Contains(h.hello.groups, uint16(g)) {
			h.group = g
		}
	}
	if h.suite == nil || h.scheme == 0 || h.group == 0 {
		return errors.New("no cipher suite, signature scheme or group in common")
	}
	return nil
}

func (h *handshake) sendHello() error {
	exchange, err := h.serverKeyExchange()
	if err != nil {
		return err
	}
	flight := slices.Concat(h.serverHello(), certificateMessage(h.c.server.Certificate.Certificate), exchange)
	if h.opts.RequestClientCert {
		flight = append(flight, certificateRequest(h.opts.CAs)...)
	}
	flight = append(flight, handshakeMessage(msgServerHelloDone, nil)...)
	h.transcript = append(h.transcript, flight...)
	return h.c.records.write(recordHandshake, flight)
}

func (h *handshake) serverHello() []byte {
	var exts []byte
	if h.c.secure {
		bound := append(slices.Clone(h.c.clientFinished), h.c.serverFinished...)
		exts = appendExtension(exts, extRenegotiationInfo, appendVector(nil, 1, bound))
	}
	if h.hello.extendedMaster {
		exts = appendExtension(exts, extExtendedMasterSecret, nil)
	}
	if p := h.result.Protocol; p != "" {
		exts = appendExtension(exts, extALPN, appendVector(nil, 2, appendVector(nil, 1, []byte(p))))
	}
	exts = appendExtension(exts, extPointFormats, []byte{1, 0})
	b := binary.BigEndian.AppendUint16(nil, version12)
	b = append(b, h.serverRandom...)
	b = append(b, 0) // no session id
	b = binary.BigEndian.AppendUint16(b, h.cipher)
	b = append(b, 0) // no compression
	return handshakeMessage(msgServerHello, appendVector(b, 2, exts))
}

// serverKeyExchange draws the random and the ephemeral key and signs them (RFC
// 8422, section 5.4).
func (h *handshake) serverKeyExchange() ([]byte, error) {
	h.serverRandom = make([]byte, 32)
	rand.Read(h.serverRandom)
	curve := ecdh.X25519()
	if h.group == tls.CurveP256 {
		curve = ecdh.P256()
	}
	var err error
	if h.private, err = curve.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	params := binary.BigEndian.AppendUint16([]byte{3}, uint16(h.group)) // named_curve
	params = appendVector(params, 1, h.private.PublicKey().Bytes())
	signer, ok := h.c.server.Certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the server's private key cannot sign")
	}
	digest := sha256.Sum256(slices.Concat(h.hello.random, h.serverRandom, params))
	var opts crypto.SignerOpts = crypto.SHA256
	if h.scheme == tls.PSSWithSHA256 {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	signature, err := signer.Sign(rand.Reader, digest[:], opts)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	b := binary.BigEndian.AppendUint16(params, uint16(h.scheme))
	return handshakeMessage(msgServerKeyExchange, appendVector(b, 2, signature)), nil
}

// readKeyExchange reads the client's second flight up to, and without,
// ChangeCipherSpec, and derives the master secret.
func (h *handshake) readKeyExchange() error {
	if h.opts.RequestClientCert {
		body, err := h.expect(msgCertificate)
		if err != nil {
			return err
		}
		if h.result.Chain, err = parseCertificates(body); err != nil {
			return err
		}
		if h.opts.Require && len(h.result.Chain) == 0 {
			return errors.New("the client sent no certificate")
		}
	}
	body, err := h.expect(msgClientKeyExchange)
	if err != nil {
		return err
	}
	public, err := h.private.Curve().NewPublicKey((&cursor{b: body}).vector(1))
	if err != nil {
		return err
	}
	secret, err := h.private.ECDH(public)
	if err != nil {
		return err
	}
	h.deriveMaster(secret)
	return h.readCertificateVerify()
}

func (h *handshake) deriveMaster(secret []byte) {
	if h.hello.extendedMaster {
		h.master = h.suite.prf(secret, "extended master secret", h.suite.digest(h.transcript), 48)
	} else {
		h.master = h.suite.prf(secret, "master secret", slices.Concat(h.hello.random, h.serverRandom), 48)
	}
	if w := h.c.server.KeyLog; w != nil {
		fmt.Fprintf(w, "CLIENT_RANDOM %x %x\n", h.hello.random, h.master)
	}
}

func (h *handshake) readCertificateVerify() error {
	if len(h.result.Chain) == 0 {
		return nil
	}
	signed := slices.Clone(h.transcript)
	body, err := h.expect(msgCertificateVerify)
	if err != nil {
		return err
	}
	c := &cursor{b: body}
	scheme := tls.SignatureScheme(c.uint16())
	algorithm, known := signatureAlgorithm(scheme)
	if !known {
		return fmt.Errorf("CertificateVerify: scheme %v was not offered", scheme)
	}
	leaf := h.result.Chain[0]
	if err := leaf.CheckSignature(algorithm, signed, c.vector(2)); err != nil {
		return fmt.Errorf("CertificateVerify: %w", err)
	}
	h.result.VerifyError = verifyClient(h.result.Chain, h.opts.CAs)
	return nil
}

func signatureAlgorithm(s tls.SignatureScheme) (x509.SignatureAlgorithm, bool) {
	a, ok := map[tls.SignatureScheme]x509.SignatureAlgorithm{
		tls.ECDSAWithP256AndSHA256: x509.ECDSAWithSHA256,
		tls.ECDSAWithP384AndSHA384: x509.ECDSAWithSHA384,
		tls.PKCS1WithSHA256:        x509.SHA256WithRSA,
		tls.PKCS1WithSHA384:        x509.SHA384WithRSA,
		tls.PKCS1WithSHA512:        x509.SHA512WithRSA,
		tls.PSSWithSHA256:          x509.SHA256WithRSAPSS,
		tls.PSSWithSHA384:          x509.SHA384WithRSAPSS,
		tls.PSSWithSHA512:          x509.SHA512WithRSAPSS,
	}[s]
	return a, ok
}

func verifyClient(chain, authorities []*x509.Certificate) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, ca := range authorities {
		roots.AddCert(ca)
	}
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err
}

// finish exchanges ChangeCipherSpec and Finished both ways.
func (h *handshake) finish() error {
	client, server, err := h.suite.keys(h.master, h.hello.random, h.serverRandom)
	if err != nil {
		return err
	}
	want := h.suite.finished(h.master, "client finished", h.transcript)
	h.c.nextIn = client
	got, err := h.expect(msgFinished)
	if err != nil {
		return err
	}
	if h.c.nextIn != nil || !bytes.Equal(got, want) {
		return errors.New("the client's Finished does not fit")
	}
	own := h.suite.finished(h.master, "server finished", h.transcript)
	h.c.clientFinished, h.c.serverFinished = want, own
	return h.c.records.changeKey(server, handshakeMessage(msgFinished, own))
}
