package machine

import (
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/smallstep/truststore"
)

// systemFile is the file in which truststore keeps the root for the system
// store; empty if this system has none that it knows.
func systemFile(root *x509.Certificate) string {
	if truststore.SystemTrustFilename == "" {
		return ""
	}
	name := root.Subject.CommonName + " " + root.SerialNumber.String()
	return fmt.Sprintf(truststore.SystemTrustFilename, strings.ReplaceAll(name, " ", "_"))
}
