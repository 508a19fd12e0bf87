package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/tap"
)

// Dial opens a connection of nobody's. host is the forwarded host, parent the
// client connection it is for. An error is a *Failure.
func (o *Origin) Dial(ctx context.Context, host string, parent flow.ConnID) (*Conn, error) {
	return o.dial(ctx, host, parent, Ends{}, false)
}

// dial is Dial; with share the connection speaks HTTP/2 if the origin does.
func (o *Origin) dial(ctx context.Context, host string, parent flow.ConnID, ends Ends, share bool) (*Conn, error) {
	o.makeRoom()
	t, err := o.connect(ctx, parent)
	if err != nil {
		return nil, err
	}
	if f := o.announce(t, ends); f != nil {
		return nil, f
	}
	c := &Conn{tap: t, origin: o, name: cloned(o.serverName(host)), key: cloned(o.key(host, ends)), ends: ends, offers: o.offers(share)}
	if !o.Secure {
		return c.machine(t, share), nil
	}
	if err := o.handshake(ctx, c); err != nil {
		return nil, err
	}
	chosen := c.secure.ConnectionState().NegotiatedProtocol
	if share && o.HTTP == HTTP2 && chosen != "h2" {
		return nil, o.without2(c, chosen)
	}
	return c.machine(c.secure, share && chosen == "h2"), nil
}

// connect makes the TCP connection, trying the addresses of a name in turn.
func (o *Origin) connect(ctx context.Context, parent flow.ConnID) (*tap.Conn, error) {
	ctx, cancel, limit := bounded(ctx, o.Timeouts.Connect)
	defer cancel()
	call := tap.Call{Secure: o.Secure, Parent: parent, Origin: o.Name}
	addrs, err := o.resolve(ctx, &call)
	if err != nil {
		return nil, o.unconnected(ctx, PhaseResolve, limit, err)
	}
	for i, addr := range addrs {
		var t *tap.Conn
		call.Addr = netip.AddrPortFrom(addr, o.Port)
		if t, err = o.connectTo(ctx, call, len(addrs)-i); err == nil {
			return t, nil
		}
	}
	o.forget()
	return nil, o.unconnected(ctx, PhaseConnect, limit, err)
}

// bounded is ctx with a limit, 0 for none, and the limit that will fire: that of
// ctx where it comes before.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc, time.Duration) {
	if end, ok := ctx.Deadline(); ok {
		if left := time.Until(end).Round(time.Millisecond); limit == 0 || left < limit {
			return ctx, func() {}, left
		}
	}
	if limit == 0 {
		return ctx, func() {}, 0
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, cancel, limit
}

// connectTo tries one address within its share of the time that is left, so
// that one address that does not answer leaves time for the others.
func (o *Origin) connectTo(ctx context.Context, call tap.Call, left int) (*tap.Conn, error) {
	if end, bounded := ctx.Deadline(); bounded && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, connectShare(time.Until(end), left))
		defer cancel()
	}
	return tap.Dial(ctx, o.Recorder, call)
}

// leastConnect is what an address is given while there is twice as much: equal
// shares of very many addresses would be shorter than the way to any of them.
const leastConnect = time.Second

// connectShare is what the next of two or more addresses may take of the time
// that is left.
func connectShare(left time.Duration, addresses int) time.Duration {
	return max(left/time.Duration(addresses), min(leastConnect, left/2))
}

func (o *Origin) unconnected(ctx context.Context, phase string, limit time.Duration, err error) *Failure {
	f := &Failure{Origin: o.Name, Phase: phase, Err: err, Status: 502}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		f.Err, f.Given = errInterrupted, true
	case ctx.Err() != nil, tap.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		f.Limit, f.Timeout, f.Status = limit, true, 504
	}
	return f
}

func (o *Origin) handshake(ctx context.Context, c *Conn) error {
	ctx, cancel, limit := bounded(ctx, o.Timeouts.TLS)
	defer cancel()
	c.tap.OnHelloRequest(c.helloRequested)
	secure, err := tap.Client(ctx, c.tap, o.tlsConfig(c))
	if err == nil {
		c.secure = secure
		o.recordPeer(c.tap, secure.ConnectionState())
		return nil
	}
	f := o.tlsFailure(ctx, c, limit, err)
	c.tap.SetWhy(f.Error())
	_ = c.tap.Close() // never usable
	return f
}

func (o *Origin) recordPeer(t *tap.Conn, s tls.ConnectionState) {
	recordChain(t, s.PeerCertificates)
	if len(s.OCSPResponse) == 0 || s.DidResume || t.Log() == nil || len(s.PeerCertificates) == 0 {
		return // of a resumed session crypto/tls gives what came when it was made
	}
	status, facts := cert.DescribeStaple(s.OCSPResponse, s.PeerCertificates[0])
	t.Log().Add(flow.Event{At: time.Now(), Kind: flow.Staple, From: flow.Server, Text: status, Attrs: facts})
}

// recordChain records what the origin showed, leaf first.
func recordChain(t *tap.Conn, chain []*x509.Certificate) {
	if t.Log() == nil || len(chain) == 0 {
		return
	}
	leaf := chain[0]
	t.Log().Add(flow.Event{At: time.Now(), Kind: flow.Certificate, From: flow.Server, Text: leaf.Subject.String(),
		Attrs: append(cert.Describe(leaf), flow.Attr{Key: flow.KeyChain, Value: strconv.Itoa(len(chain))})})
}

func (o *Origin) tlsFailure(ctx context.Context, c *Conn, limit time.Duration, err error) *Failure {
	f := &Failure{Origin: o.Name, Phase: PhaseTLS, Err: err, Status: 502}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		f.Err, f.Given = errInterrupted, true
		return f
	case ctx.Err() != nil, tap.IsTimeout(err):
		f.Limit, f.Timeout, f.Status, f.Fault = limit, true, 504, flow.FaultTimeout
		o.recordTimeout(c.tap.Log(), 0, PhaseTLS, f.Limit)
		c.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.TLSFailed, Text: "timeout", Attrs: flow.Attrs(flow.KeyFault, f.Fault)})
		return f
	}
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) {
		recordChain(c.tap, unverified.UnverifiedCertificates)
	}
	f.judge(c.tap.Log(), err)
	return f
}

// tlsConfig makes the configuration of one connection from the one its server
// name shares: only what records differs.
func (o *Origin) tlsConfig(c *Conn) *tls.Config {
	config := o.base(c.name).Clone()
	config.NextProtos = c.offers
	if o.KeyLog != nil {
		config.KeyLogWriter = o.KeyLog()
	}
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.CertificateRequest, From: flow.Server,
			Attrs: flow.Attrs(flow.KeyCAs, authorities(info.AcceptableCAs), flow.KeyCAsBytes, authoritiesLength(info.AcceptableCAs))})
		if o.Certificate == nil {
			c.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.Certificate, From: flow.Client, Text: "none"})
			return &tls.Certificate{}, nil
		}
		shown := flow.Event{At: time.Now(), Kind: flow.Certificate, From: flow.Client}
		if leaf := o.Certificate.Leaf; leaf != nil {
			shown.Text, shown.Attrs = leaf.Subject.String(), cert.Describe(leaf)
		}
		c.tap.Log().Add(shown)
		return o.Certificate, nil
	}
	return config
}

// authoritiesLength is what the list of authorities takes in a
// CertificateRequest, each with its length before it (RFC 5246 section 7.4.4).
func authoritiesLength(raw [][]byte) string {
	n := 0
	for _, der := range raw {
		n += 2 + len(der)
	}
	return strconv.Itoa(n)
}

func (o *Origin) base(name string) *tls.Config {
	o.mu.Lock()
	defer o.mu.Unlock()
	if config := o.bases[name]; config != nil {
		return config
	}
	if len(o.bases) >= maxNames {
		clear(o.bases) // names come from clients' Host fields: bounded
	}
	config := &tls.Config{
		ServerName:         name,
		RootCAs:            o.Roots,
		InsecureSkipVerify: o.Insecure,
		MinVersion:         o.MinVersion,
		MaxVersion:         o.MaxVersion,
		// One cache a name: a session of one name must not be resumed under
		// another (resumed-under-wrong-name).
		ClientSessionCache:          tls.NewLRUClientSessionCache(32),
		DynamicRecordSizingDisabled: true,
	}
	if o.Renegotiation != Never {
		// Freely: crypto/tls counts per connection, we count per exchange.
		config.Renegotiation = tls.RenegotiateFreelyAsClient
	}
	if o.Legacy {
		config.CipherSuites = legacySuites()
	}
	o.bases[name] = config
	return config
}

// offers are the protocols of ALPN.
func (o *Origin) offers(share bool) []string {
	switch {
	case share && o.HTTP == HTTP2:
		return []string{"h2"}
	case share:
		return []string{"h2", "http/1.1"}
	case o.ALPN != nil:
		return o.ALPN
	}
	return []string{"http/1.1"}
}

// without2 ends a connection to an origin that is to speak HTTP/2 and does not.
func (o *Origin) without2(c *Conn, chosen string) *Failure {
	f := &Failure{Origin: o.Name, Phase: PhaseTLS, Err: errWithout2, Status: 502, Fix: "set `http: auto` on this route, or turn HTTP/2 on at the origin"}
	if chosen == "" {
		chosen = "none"
	}
	f.Reason = "the route wants HTTP/2 and the origin does not offer it (protocol chosen by ALPN: " + chosen + ")"
	c.tap.SetWhy(f.Error())
	_ = c.secure.Close() // never usable
	return f
}

var errWithout2 = errors.New("the origin does not offer HTTP/2")

// cloned is a name that does not change with the buffer it was a view of.
func cloned(name string) string { return strings.Clone(name) }

// maxNames bounds the server names that one origin keeps sessions for.
const maxNames = 256

// legacySuites are all suites crypto/tls has, the insecure ones included: old
// servers such as Windows Server 2008 R2 share only RSA key exchange, CBC and
// 3DES with it. RC4 stays out.
func legacySuites() []uint16 {
	var out []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !strings.Contains(s.Name, "RC4") {
			out = append(out, s.ID)
		}
	}
	return out
}

func authorities(raw [][]byte) string {
	names := make([]string, 0, len(raw))
	for _, der := range raw {
		names = append(names, distinguishedName(der))
	}
	return strings.Join(names, "; ")
}

// LoadRoots reads the PEM file that an origin's certificate is verified with.
func LoadRoots(pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in PEM form found")
	}
	return pool, nil
}
