//go:build !linux

package machine

import "crypto/x509"

// systemFile is empty: the system store is not a folder of files here.
func systemFile(*x509.Certificate) string { return "" }

// removeLinks has nothing to do: there is no folder of links here.
func removeLinks(string) error { return nil }
