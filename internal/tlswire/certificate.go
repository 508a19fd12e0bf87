package tlswire

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
)

// ParseCertificate12 reads the body of a Certificate message up to TLS 1.2
// (RFC 5246, section 7.4.2): certificates in DER, the sender's first, sharing
// no memory with body. None is a client's way to decline.
func ParseCertificate12(body []byte) ([][]byte, error) {
	r := reader{b: body}
	list := r.vector(3)
	var certs [][]byte
	for len(list.b) > 0 {
		if der := list.bytes(3); !list.short {
			certs = append(certs, bytes.Clone(der))
		}
	}
	switch {
	case list.short:
		return certs, errors.New("parse Certificate: it ends inside a certificate")
	case len(r.b) > 0:
		return certs, fmt.Errorf("parse Certificate: %d bytes follow its list", len(r.b))
	}
	return certs, nil
}

// CertificateRequest is what a server asks of a client certificate.
type CertificateRequest struct {
	Types               []uint8  // ClientCertificateType: 1 rsa_sign, 64 ecdsa_sign
	SignatureAlgorithms []uint16 // nil before TLS 1.2
	Authorities         []string // names of acceptable issuers as RFC 2253 writes them; none: any
	AuthoritiesLength   int      // bytes of that list
}

// ParseCertificateRequest12 reads the body of a CertificateRequest message up
// to TLS 1.2 (RFC 5246, section 7.4.4, and RFC 4346, section 7.4.4, which lacks
// the signature algorithms: which of the two it is shows in the lengths).
func ParseCertificateRequest12(body []byte) (*CertificateRequest, error) {
	for _, withAlgorithms := range [...]bool{true, false} {
		if q, ok := parseCertificateRequest(body, withAlgorithms); ok {
			return q, nil
		}
	}
	return nil, errors.New("parse CertificateRequest: its lengths do not fit it")
}

func parseCertificateRequest(body []byte, withAlgorithms bool) (*CertificateRequest, bool) {
	r := reader{b: body}
	q := &CertificateRequest{Types: bytes.Clone(r.bytes(1))}
	if withAlgorithms {
		v := r.vector(2)
		q.SignatureAlgorithms = v.u16s()
		r.fail(v)
	}
	list := r.vector(2)
	q.AuthoritiesLength = len(list.b)
	for len(list.b) > 0 {
		if der := list.bytes(2); !list.short {
			q.Authorities = append(q.Authorities, distinguishedName(der))
		}
	}
	return q, !list.short && len(r.b) == 0
}

// distinguishedName writes a DER name as RFC 2253 does; one that cannot be
// read is # and its hex.
func distinguishedName(der []byte) string {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &name); err != nil || len(rest) > 0 {
		return "#" + hex.EncodeToString(der)
	}
	return name.String()
}
