package origin

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
)

// distinguishedName writes a DER name as RFC 2253 does; hex if it cannot be
// read.
func distinguishedName(der []byte) string {
	var rdn pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &rdn); err != nil {
		return "#" + hex.EncodeToString(der)
	}
	return rdn.String()
}
