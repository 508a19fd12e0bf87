package probe

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"fanlight/internal/origin"
)

// oldest is the oldest version crypto/tls can offer.
const oldest = tls.VersionTLS10

// versions tries each version of TLS by itself.
func (w *way) versions(ctx context.Context, addr netip.AddrPort) {
	newest := w.MaxVersion
	if newest == 0 {
		newest = tls.VersionTLS13
	}
	for v := newest; v >= oldest && ctx.Err() == nil; v-- {
		began := time.Now()
		c, id, err := w.dial(ctx, w.URL, addr, variant{min: v, max: v, insecure: true, trial: true})
		s := Step{Name: "tls " + strings.TrimPrefix(tls.VersionName(v), "TLS "), State: Told, Conn: id}
		if err != nil {
			s.Result, s.Key = "no: "+w.handshakeFault(err), "no"
		} else {
			s.Result = "yes, " + cipherOf(c)
			s.Key = s.Result
			if v < tls.VersionTLS12 {
				s.Result += "; outdated: RFC 8996 forbids it"
			}
			c.Close("probe: only a handshake")
		}
		w.step(s, began)
	}
}

func cipherOf(c *origin.Conn) string {
	state, _ := c.TLSState()
	return tls.CipherSuiteName(state.CipherSuite)
}

// nameless tries a handshake without SNI; leaf is the certificate that is shown
// with it.
func (w *way) nameless(ctx context.Context, addr netip.AddrPort, leaf *x509.Certificate) {
	began := time.Now()
	c, id, err := w.dial(ctx, w.URL, addr, variant{nameless: true, trial: true})
	s := Step{Name: "no sni", State: Told, Conn: id}
	if err != nil {
		s.Result, s.Key = "refused: "+w.handshakeFault(err), "refused"
		w.step(s, began)
		return
	}
	defer c.Close("probe: only a handshake")
	state, _ := c.TLSState()
	switch other := leafOf(state); {
	case other == nil:
		s.Result = "accepted, no certificate was shown"
	case leaf != nil && other.Equal(leaf):
		s.Result = "accepted, the same certificate"
	default:
		s.Result, s.Key = "accepted, another certificate: "+describe(state.PeerCertificates), "another certificate"
	}
	w.step(s, began)
}

// protocols offers HTTP/2 beside HTTP/1.1, and asks by HTTP/2 if the server
// chose it.
func (w *way) protocols(ctx context.Context, addr netip.AddrPort) {
	began := time.Now()
	c, id, err := w.dial(ctx, w.URL, addr, variant{insecure: true, trial: true, alpn: []string{"h2", "http/1.1"}})
	s := Step{Name: "alpn", State: Told, Conn: id}
	if err != nil {
		s.State, s.Result = Failed, w.handshakeFault(err)
		w.step(s, began)
		return
	}
	defer c.Close("probe: done")
	state, _ := c.TLSState()
	switch state.NegotiatedProtocol {
	case "":
		s.Result = "offered h2 and http/1.1: the server chose none, so it speaks http/1.1"
	default:
		s.Result = "offered h2 and http/1.1: the server chose " + state.NegotiatedProtocol
	}
	w.step(s, began)
	if state.NegotiatedProtocol == "h2" && ctx.Err() == nil {
		w.askH2(ctx, c)
	}
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
