package tlswire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/md5" // the channel bindings of NTLM are made with it
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// KeyUses names what the certificate's key may be used for, as RFC 5280,
// section 4.2.1.3, does; none: it is not limited.
func KeyUses(c *x509.Certificate) (uses []string) {
	for i, name := range [...]string{"digitalSignature", "nonRepudiation", "keyEncipherment",
		"dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"} {
		if c.KeyUsage&(1<<i) != 0 {
			uses = append(uses, name)
		}
	}
	return uses
}

// ExtendedUses names the purposes the certificate is limited to (RFC 5280,
// section 4.2.1.12), others by their object identifier; none: it is not limited.
func ExtendedUses(c *x509.Certificate) (uses []string) {
	for _, u := range c.ExtKeyUsage {
		switch u {
		case x509.ExtKeyUsageAny:
			uses = append(uses, "any")
		case x509.ExtKeyUsageServerAuth:
			uses = append(uses, "serverAuth")
		case x509.ExtKeyUsageClientAuth:
			uses = append(uses, "clientAuth")
		case x509.ExtKeyUsageCodeSigning:
			uses = append(uses, "codeSigning")
		case x509.ExtKeyUsageEmailProtection:
			uses = append(uses, "emailProtection")
		case x509.ExtKeyUsageTimeStamping:
			uses = append(uses, "timeStamping")
		default:
			uses = append(uses, "other")
		}
	}
	for _, id := range c.UnknownExtKeyUsage {
		uses = append(uses, id.String())
	}
	return uses
}

// KeyOf names the kind of the certificate's key and its length in bits; the kind
// alone where it has one length only, nothing where it is not known here.
func KeyOf(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA " + strconv.Itoa(key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + strconv.Itoa(key.Params().BitSize)
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return ""
}

// SignatureOf names how the issuer signed the certificate; nothing where that
// is not known here.
func SignatureOf(c *x509.Certificate) string {
	if c.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return ""
	}
	return c.SignatureAlgorithm.String()
}

// EndPointBinding is the value that NTLM and Kerberos carry for a TLS
// connection on which the server showed c: the MD5 hash of the channel bindings
// structure (RFC 4121, section 4.1.1.2; MS-NLMP, MsvAvChannelBindings) around
// tls-server-end-point (RFC 5929, section 4.1), in hex. Empty for a signature
// whose hash is not defined there.
func EndPointBinding(c *x509.Certificate) string {
	h := endPointHash(c.SignatureAlgorithm)
	if h == 0 || !h.Available() {
		return ""
	}
	w := h.New()
	w.Write(c.Raw)
	data := append([]byte("tls-server-end-point:"), w.Sum(nil)...)
	// No initiator or acceptor address: type 0 and length 0, twice.
	structure := binary.LittleEndian.AppendUint32(make([]byte, 16, 20+len(data)), uint32(len(data)))
	sum := md5.Sum(append(structure, data...))
	return hex.EncodeToString(sum[:])
}

// endPointHash is the certificate's own hash, SHA-256 in place of weaker ones.
func endPointHash(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.SHA256WithRSA, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		return crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		return crypto.SHA512
	}
	return 0
}
