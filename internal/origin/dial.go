package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/tap"
)

func (o *Origin) dial(ctx context.Context, name string, parent flow.ConnID) (*Conn, error) {
	t, err := o.connect(ctx, parent)
	if err != nil {
		return nil, err
	}
	c := &Conn{tap: t, origin: o, name: name}
	if !o.Secure {
		c.Client = httpconn.NewClient(t, t.Log(), o.Buffers)
		return c, nil
	}
	secure, err := o.handshake(ctx, c)
	if err != nil {
		return nil, err
	}
	c.Client = httpconn.NewClient(secure, t.Log(), o.Buffers)
	return c, nil
}

// connect makes the TCP connection, trying the addresses of a name in turn.
func (o *Origin) connect(ctx context.Context, parent flow.ConnID) (*tap.Conn, error) {
	if d := o.Timeouts.Connect; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	addrs, err := o.resolve(ctx)
	if err != nil {
		return nil, &Failure{Origin: o.Name, Phase: PhaseResolve, Limit: o.Timeouts.Connect, Err: err, Status: 502}
	}
	var last error
	for _, addr := range addrs {
		t, err := tap.Dial(ctx, o.Recorder, netip.AddrPortFrom(addr, o.Port), o.Secure, parent, o.Name)
		if err == nil {
			return t, nil
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, o.connectFailure(ctx, last)
}

func (o *Origin) connectFailure(ctx context.Context, err error) error {
	f := &Failure{Origin: o.Name, Phase: PhaseConnect, Err: err, Status: 502}
	if ctx.Err() != nil || tap.IsTimeout(err) {
		f.Limit, f.Timeout, f.Status = o.Timeouts.Connect, true, 504
	}
	return f
}

func (o *Origin) resolve(ctx context.Context) ([]netip.Addr, error) {
	if o.addr.IsValid() {
		return []netip.Addr{o.addr}, nil
	}
	r := o.Resolver
	if r == nil {
		r = net.DefaultResolver
	}
	addrs, err := r.LookupNetIP(ctx, "ip", o.Host)
	if err != nil {
		return nil, err
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("look up %s: no address", o.Host)
	}
	return addrs, nil
}

func (o *Origin) handshake(ctx context.Context, c *Conn) (*tap.Secure, error) {
	if d := o.Timeouts.TLS; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	c.tap.OnHelloRequest(c.helloRequested)
	secure, err := tap.Client(ctx, c.tap, o.tlsConfig(c))
	if err == nil {
		o.recordPeer(c.tap, secure.ConnectionState())
		return secure, nil
	}
	f := o.tlsFailure(ctx, c, err)
	c.tap.SetWhy(f.Error())
	_ = c.tap.Close() // never usable
	return nil, f
}

func (o *Origin) recordPeer(t *tap.Conn, s tls.ConnectionState) {
	if t.Log() == nil || len(s.PeerCertificates) == 0 {
		return
	}
	leaf := s.PeerCertificates[0]
	t.Log().Add(flow.Event{At: time.Now(), Kind: flow.Certificate, From: flow.Server, Text: leaf.Subject.String(), Attrs: cert.Describe(leaf)})
}

func (o *Origin) tlsFailure(ctx context.Context, c *Conn, err error) *Failure {
	f := &Failure{Origin: o.Name, Phase: PhaseTLS, Err: err, Status: 502}
	if ctx.Err() != nil || tap.IsTimeout(err) {
		f.Limit, f.Timeout, f.Status, f.Fault = o.Timeouts.TLS, true, 504, flow.FaultTimeout
		o.recordTimeout(c.tap.Log(), 0, "tls", o.Timeouts.TLS)
		c.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.TLSFailed, Text: "timeout", Attrs: flow.Attrs(flow.KeyFault, f.Fault)})
		return f
	}
	fault, attrs := cert.Classify(err, nil)
	f.Fault = fault
	text := err.Error()
	for _, a := range attrs {
		if a.Key == flow.KeyReason {
			text = a.Value
			f.Reason = text
		}
	}
	c.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.TLSFailed, Text: text, Attrs: attrs})
	return f
}

// tlsConfig makes the configuration of one connection from the one its server
// name shares: only the callback that records differs.
func (o *Origin) tlsConfig(c *Conn) *tls.Config {
	config := o.base(c.name).Clone()
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.CertificateRequest, From: flow.Server,
			Attrs: flow.Attrs("cas", authorities(info.AcceptableCAs))})
		answer, subject := o.Certificate, "none"
		if answer == nil {
			answer = &tls.Certificate{}
		} else if answer.Leaf != nil {
			subject = answer.Leaf.Subject.String()
		}
		c.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.Certificate, From: flow.Client, Text: subject})
		return answer, nil
	}
	return config
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
		NextProtos:         []string{"http/1.1"},
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
