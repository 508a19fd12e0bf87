package tlswire

import (
	"bytes"
	"compress/zlib"
	"io"
)

// parseCertificate13 reads a Certificate message of TLS 1.3 (RFC 8446, section
// 4.4.2); the certificates share its memory.
func parseCertificate13(body []byte) (certs [][]byte) {
	r := reader{b: body}
	r.bytes(1)
	for list := r.vector(3); len(list.b) > 0; {
		der := list.bytes(3)
		list.bytes(2)
		if !list.short {
			certs = append(certs, der)
		}
	}
	return certs
}

const extCertificateAuthorities = 47

// parseCertificateRequest13 reads a CertificateRequest of TLS 1.3 (RFC 8446,
// section 4.3.2).
func parseCertificateRequest13(body []byte) *CertificateRequest {
	q := &CertificateRequest{}
	r := reader{b: body}
	r.bytes(1)
	for list := r.vector(2); len(list.b) > 0; {
		id, data := list.u16(), list.vector(2)
		switch inner := data.vector(2); id {
		case extSignatureAlgorithms:
			q.SignatureAlgorithms = inner.u16s()
		case extCertificateAuthorities:
			q.AuthoritiesLength = len(inner.b)
			for len(inner.b) > 0 {
				if der := inner.bytes(2); !inner.short {
					q.Authorities = append(q.Authorities, distinguishedName(der))
				}
			}
		}
	}
	return q
}

// decompressCertificate gives the Certificate message that a
// CompressedCertificate holds (RFC 8879, section 4), if zlib made it.
func decompressCertificate(body []byte) ([]byte, bool) {
	r := reader{b: body}
	algorithm, length, packed := r.u16(), r.uint(3), r.bytes(3)
	if algorithm != 1 || r.short || length > maxMessage {
		return nil, false
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, false
	}
	plain := make([]byte, length)
	_, err = io.ReadFull(z, plain)
	return plain, err == nil
}
