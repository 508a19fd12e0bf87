package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tlswire"
)

// describedNames bounds the names kept in a record: a shared certificate may
// hold thousands.
const describedNames = 50

// Describe gives the facts of c for a record: issuer, names, not_after, sha256,
// ca_issuers, key_usage, ext_key_usage, key, signature, binding; must_staple if
// it asks for that.
func Describe(c *x509.Certificate) []flow.Attr {
	sum := sha256.Sum256(c.Raw)
	must := ""
	if tlswire.MustStaple(c) {
		must = flow.Yes.String()
	}
	return flow.Attrs(
		flow.KeyIssuer, c.Issuer.String(),
		flow.KeyNames, joinSome(altNames(c), describedNames),
		flow.KeyNotAfter, c.NotAfter.UTC().Format(time.RFC3339),
		flow.KeySHA256, hex.EncodeToString(sum[:]),
		flow.KeyCAIssuers, strings.Join(c.IssuingCertificateURL, ","),
		flow.KeyUsage, strings.Join(tlswire.KeyUses(c), ","),
		flow.KeyExtUsage, strings.Join(tlswire.ExtendedUses(c), ","),
		flow.KeyKey, tlswire.KeyOf(c), flow.KeySignature, tlswire.SignatureOf(c), flow.KeyMustStaple, must,
		flow.KeyBinding, tlswire.EndPointBinding(c),
	)
}
