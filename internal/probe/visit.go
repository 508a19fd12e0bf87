package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/origin"
)

// visit is an ordinary client's first visit.
type visit struct {
	leaf    *x509.Certificate // nil: none was shown
	version uint16            // of TLS, 0: no handshake came about
	answer  *answer           // nil: there is none
}

// visit connects as an ordinary client does and asks twice on one connection.
// A certificate that such a client would not accept is told of, and the visit
// goes on without looking at it.
func (w *way) visit(ctx context.Context, t *Target, addr netip.AddrPort) (v visit) {
	c, id, fault, err := w.open(ctx, t, addr)
	switch {
	case t.Secure:
		w.secured(c, id, err)
	case err != nil:
		w.step(Step{Name: "http/1.1", State: Failed, Result: plain(err), Conn: id}, time.Time{})
	}
	if err != nil {
		return v
	}
	defer c.Close("probe: done")
	if state, ok := c.TLSState(); ok {
		v.version, v.leaf = state.Version, leafOf(state)
		w.certificate(id, state.PeerCertificates, fault)
	}
	v.answer = w.ask(ctx, c, t, "http/1.1")
	if v.answer != nil && ctx.Err() == nil {
		w.again(ctx, c, t, v.answer)
	}
	return v
}

// open connects as an ordinary client does. If that fails by the server's
// certificate alone, fault says why, and the connection is another one that
// does not look at it.
func (w *way) open(ctx context.Context, t *Target, addr netip.AddrPort) (c *origin.Conn, id flow.ConnID, fault, err error) {
	if known := w.distrusted[t.Origin()]; known != nil {
		c, id, err = w.dial(ctx, t, addr, variant{insecure: true})
		return c, id, known, err
	}
	c, id, err = w.dial(ctx, t, addr, variant{})
	if !aboutCertificate(err) {
		return c, id, nil, err
	}
	fault = err
	if c, id, err = w.dial(ctx, t, addr, variant{insecure: true}); err == nil {
		w.distrusted[t.Origin()] = fault
	}
	return c, id, fault, err
}

func leafOf(state tls.ConnectionState) *x509.Certificate {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// secured tells what came of the handshake.
func (w *way) secured(c *origin.Conn, id flow.ConnID, err error) {
	s := Step{Name: "tls", Conn: id}
	if err != nil {
		s.State, s.Result = Failed, w.handshakeFault(err)
		w.step(s, time.Time{})
		return
	}
	state, _ := c.TLSState()
	s.Result = versionOf(state)
	c.Log().Flush()
	events := w.into.events(id)
	s.Result += askedFor(events)
	s.Took, s.Timed = handshakeTime(events)
	w.step(s, time.Time{})
}

func versionOf(state tls.ConnectionState) string {
	return tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite)
}

// askedFor says what the server wanted of the client in a handshake.
func askedFor(events []flow.Event) string {
	asked, found := first(events, flow.CertificateRequest, flow.Server)
	if !found {
		return ""
	}
	text := "; asked for a client certificate"
	if cas := asked.Attr(flow.KeyCAs); cas != "" {
		text += " of " + cas
	}
	return text + ", " + shown(events)
}

// shown says which client certificate was sent.
func shown(events []flow.Event) string {
	switch sent, found := first(events, flow.Certificate, flow.Client); {
	case !found:
		return "and it is not known what was sent"
	case sent.Text == "none":
		return "none was sent"
	default:
		return "got " + sent.Text
	}
}

func handshakeTime(events []flow.Event) (d time.Duration, known bool) {
	hello, began := first(events, flow.ClientHello, flow.Client)
	done, ended := first(events, flow.TLSDone, flow.Unknown)
	if !began || !ended {
		return 0, false
	}
	return done.At.Sub(hello.At), true
}

// certificate tells of the chain the server showed. fault is why an ordinary
// client would not go on; nil: it would.
func (w *way) certificate(id flow.ConnID, chain []*x509.Certificate, fault error) {
	s := Step{Name: "certificate", Conn: id, State: Skipped, Result: "none was shown"}
	if len(chain) > 0 {
		s.State, s.Result = OK, describe(chain)+"; trusted here"
		s.Key = "trusted " + fingerprint(chain[0])
	}
	if fault != nil {
		s.State = Failed
		s.Result = describe(chain) + "; NOT accepted: " + w.handshakeFault(fault)
		s.Key = "not accepted " + fingerprint(chain[0])
	}
	w.step(s, time.Time{})
}

func describe(chain []*x509.Certificate) string {
	leaf := chain[0]
	return fmt.Sprintf("%s, issued by %s, until %s (%s), chain of %d",
		namesOf(leaf), leaf.Issuer, leaf.NotAfter.UTC().Format(time.DateOnly), daysLeft(leaf, time.Now()), len(chain))
}

const shownNames = 6

func namesOf(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	more := ""
	if n := len(names) - shownNames; n > 0 {
		names, more = names[:shownNames], fmt.Sprintf(" and %d more names", n)
	}
	if len(names) == 0 {
		return "for no name"
	}
	return "for " + strings.Join(names, ", ") + more
}

// daysLeft says how long a certificate is still good.
func daysLeft(c *x509.Certificate, now time.Time) string {
	switch left := c.NotAfter.Sub(now); {
	case left < 0:
		return "ended " + span(-left) + " ago"
	case now.Before(c.NotBefore):
		return "not valid before " + c.NotBefore.UTC().Format(time.RFC3339)
	default:
		return span(left) + " left"
	}
}

// span writes a long duration in hours or days.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return fmt.Sprintf("%d h", int(d/time.Hour))
	}
	return fmt.Sprintf("%d days", int(d/day))
}
