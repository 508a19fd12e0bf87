package dissect

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tlswire"
)

// certificates tells of the first of a chain, and of the OCSP response that
// TLS 1.3 has beside it.
func (s *secure) certificates(from flow.Side, msg *tlswire.Message) {
	e := flow.Event{Kind: flow.Certificate, From: from, Text: "none"}
	if len(msg.Certificates) == 0 {
		s.add(e)
		return
	}
	sum := sha256.Sum256(msg.Certificates[0])
	c, err := x509.ParseCertificate(msg.Certificates[0])
	if err != nil {
		e.Text, e.Attrs = "unreadable", flow.Attrs(flow.KeySHA256, hex.EncodeToString(sum[:]))
		s.add(e)
		return
	}
	e.Text, e.Attrs = c.Subject.String(), certificateFacts(c, hex.EncodeToString(sum[:]), len(msg.Certificates))
	s.add(e)
	if from == flow.Server {
		s.leaf = c
	}
	if msg.Staple != nil {
		s.staple(msg.Staple)
	}
}

func certificateFacts(c *x509.Certificate, sum string, chain int) []flow.Attr {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	must := ""
	if tlswire.MustStaple(c) {
		must = flow.Yes.String()
	}
	return flow.Attrs(flow.KeyIssuer, c.Issuer.String(), flow.KeyNames, strings.Join(names, ","),
		flow.KeyNotAfter, c.NotAfter.UTC().Format(time.RFC3339), flow.KeySHA256, sum,
		flow.KeyChain, strconv.Itoa(chain), flow.KeyCAIssuers, strings.Join(c.IssuingCertificateURL, ","),
		flow.KeyUsage, strings.Join(tlswire.KeyUses(c), ","), flow.KeyExtUsage, strings.Join(tlswire.ExtendedUses(c), ","),
		flow.KeyKey, tlswire.KeyOf(c), flow.KeySignature, tlswire.SignatureOf(c), flow.KeyMustStaple, must,
		flow.KeyBinding, tlswire.EndPointBinding(c))
}

// staple tells of the OCSP response that the server sent along. It lasts no
// longer than the first handshake, in which the certificate was shown.
func (s *secure) staple(der []byte) {
	if s.done {
		return
	}
	e := flow.Event{Kind: flow.Staple, From: flow.Server, Text: "unreadable"}
	if response, err := tlswire.ParseStaple(der); err == nil {
		e.Text = response.Status
		e.Attrs = flow.Attrs(flow.KeyAbout, s.isAbout(response), flow.KeyThisUpdate, moment(response.ThisUpdate), flow.KeyNextUpdate, moment(response.NextUpdate))
	}
	s.add(e)
	s.leaf = nil
}

// isAbout is empty where it is not known.
func (s *secure) isAbout(response tlswire.Staple) string {
	if s.leaf == nil {
		return ""
	}
	about, known := response.About(s.leaf)
	if !known {
		return ""
	}
	return flow.SeenIf(about).String()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
