package machine

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// removeLinks takes away the links in the system's certificate folder that led
// to a removed file: its own, and the one by hash that leads to that. Debian's
// update-ca-certificates drops such orphans only at its next change.
func removeLinks(file string) error {
	const folder = "/etc/ssl/certs"
	entries, err := os.ReadDir(folder)
	if file == "" || err != nil {
		return nil // no such folder here: nothing led from it
	}
	gone := map[string]bool{file: true}
	var faults []error
	for range 2 { // the link by hash leads to the other link
		for _, e := range entries {
			link := filepath.Join(folder, e.Name())
			target, err := os.Readlink(link)
			if err != nil || gone[link] {
				continue
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(folder, target)
			}
			if gone[target] {
				gone[link] = true
				faults = append(faults, os.Remove(link))
			}
		}
	}
	return errors.Join(faults...)
}
