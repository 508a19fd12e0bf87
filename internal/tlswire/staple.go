package tlswire

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

const (
	extStatusRequest = 5
	statusOCSP       = 1
)

// AsksForStaple tells that the client wants an OCSP response with the server's
// certificate (RFC 6066, section 8).
func (h *ClientHello) AsksForStaple() bool { return slices.Contains(h.Extensions, extStatusRequest) }

// certificateStatus is the OCSP response in a CertificateStatus (RFC 6066,
// section 8), which shares its memory; nil if it is none.
func certificateStatus(body []byte) []byte {
	r := reader{b: body}
	if kind := r.take(1); r.short || kind[0] != statusOCSP {
		return nil
	}
	response := r.bytes(3)
	if r.short {
		return nil
	}
	return response
}

// staple13 is the OCSP response that a Certificate message of TLS 1.3 has for its
// first certificate (RFC 8446, section 4.4.2.1); nil if it has none.
func staple13(body []byte) []byte {
	r := reader{b: body}
	r.bytes(1)
	list := r.vector(3)
	list.bytes(3)
	for extensions := list.vector(2); len(extensions.b) > 0; {
		if id, data := extensions.u16(), extensions.bytes(2); id == extStatusRequest && !extensions.short {
			return certificateStatus(data)
		}
	}
	return nil
}

// Staple is what an OCSP response says (RFC 6960, section 4.2.1).
type Staple struct {
	Status     string // good, revoked or unknown; of a response that says nothing about a certificate why, as RFC 6960 names it
	ThisUpdate time.Time
	NextUpdate time.Time // zero: newer information is available all the time

	serial *big.Int
}

// ParseStaple reads an OCSP response in DER. Its signature is held only against
// a certificate that it brings along.
func ParseStaple(der []byte) (Staple, error) {
	response, err := ocsp.ParseResponse(der, nil)
	if refusal := (ocsp.ResponseError{}); errors.As(err, &refusal) {
		return Staple{Status: refusalName(refusal.Status)}, nil
	}
	if err != nil {
		return Staple{}, err
	}
	s := Staple{Status: "unknown", ThisUpdate: response.ThisUpdate, NextUpdate: response.NextUpdate, serial: response.SerialNumber}
	switch response.Status {
	case ocsp.Good:
		s.Status = "good"
	case ocsp.Revoked:
		s.Status = "revoked"
	}
	return s, nil
}

func refusalName(s ocsp.ResponseStatus) string {
	switch s {
	case ocsp.Malformed:
		return "malformedRequest"
	case ocsp.InternalError:
		return "internalError"
	case ocsp.TryLater:
		return "tryLater"
	case ocsp.SignatureRequired:
		return "sigRequired"
	case ocsp.Unauthorized:
		return "unauthorized"
	}
	return "no answer"
}

// About tells that the response is about c, going by its serial number; known
// only if it is about a certificate at all.
func (s Staple) About(c *x509.Certificate) (about, known bool) {
	if s.serial == nil {
		return false, false
	}
	return s.serial.Cmp(c.SerialNumber) == 0, true
}

// MustStaple tells that c asks clients to insist on an OCSP response in the
// handshake (RFC 7633).
func MustStaple(c *x509.Certificate) bool {
	feature := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
	for _, e := range c.Extensions {
		var features []int
		if !e.Id.Equal(feature) {
			continue
		}
		if _, err := asn1.Unmarshal(e.Value, &features); err == nil && slices.Contains(features, extStatusRequest) {
			return true
		}
	}
	return false
}
