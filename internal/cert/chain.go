package cert

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"slices"
)

type publicKey interface{ Equal(crypto.PublicKey) bool }

// publicOf is the public half of a key that parsePEM or a PFX gave; the
// standard library promises Equal for all of them.
func publicOf(key crypto.Signer) publicKey { return key.Public().(publicKey) }

// assemble puts the certificate of key first and after it each issuer of the
// one before, whatever their order was. Certificates that no other one needs
// stay at the end. It reports false if none belongs to key.
func assemble(key crypto.Signer, certs []*x509.Certificate) (*tls.Certificate, bool) {
	public := publicOf(key)
	at := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return public.Equal(c.PublicKey) })
	if at < 0 {
		return nil, false
	}
	rest := slices.Clone(certs)
	out := &tls.Certificate{PrivateKey: key, Leaf: certs[at]}
	for at >= 0 {
		c := rest[at]
		out.Certificate = append(out.Certificate, c.Raw)
		rest = slices.Delete(rest, at, at+1)
		at = slices.IndexFunc(rest, func(issuer *x509.Certificate) bool {
			return bytes.Equal(issuer.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(issuer) == nil
		})
	}
	for _, c := range rest {
		out.Certificate = append(out.Certificate, c.Raw)
	}
	return out, true
}
