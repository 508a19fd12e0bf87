package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"fanlight/internal/flow"
)

// describedNames bounds the names kept in a record: a shared certificate may
// hold thousands.
const describedNames = 50

// Describe gives the facts of c for a record: issuer, names, not_after, sha256.
func Describe(c *x509.Certificate) []flow.Attr {
	sum := sha256.Sum256(c.Raw)
	return flow.Attrs(
		flow.KeyIssuer, c.Issuer.String(),
		flow.KeyNames, joinSome(altNames(c), describedNames),
		flow.KeyNotAfter, c.NotAfter.UTC().Format(time.RFC3339),
		flow.KeySHA256, hex.EncodeToString(sum[:]),
	)
}
