// Package cert provides certificates: issued by a local CA, or read from PEM
// and PFX files and re-read when those change; and it turns what TLS says
// about a peer's certificate into the vocabulary of flow.
package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// Source gives a site's certificate. It is safe for concurrent use.
type Source interface {
	// Certificate gives the current certificate. It is cheap enough to be
	// called for every handshake. An error means that there is none at all.
	Certificate() (*tls.Certificate, error)

	// Reload looks at once for a newer certificate. An error means that the
	// one before it stays in use.
	Reload() error

	// Err is what is wrong with the source although it still gives a
	// certificate: its files cannot be read any more, or it is out of date.
	Err() error
}

// Spec says where a certificate comes from: exactly one of Local, File and PFX.
type Spec struct {
	Local bool
	CA    *CA      // with Local
	Names []string // with Local: DNS names, "*.example.test" allowed
	IPs   []net.IP // with Local: those the CA cannot sign are left out if there are names

	File string // PEM: the certificate and its chain, in any order
	Key  string // PEM; default: in File

	PFX          string
	PasswordFile string // its first line; default: an empty password

	// OnReload, if set, is called after each re-reading of files with its
	// result. It must not call the Source.
	OnReload func(error)
}

// Load opens the source. It fails if there is no usable certificate now; one
// that is out of date is loaded, and Source.Err says so.
func Load(spec Spec) (Source, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	if spec.Local {
		return newLocalSource(spec)
	}
	return newFileSource(spec)
}

// LoadClient reads a certificate to show to an origin that asks for one.
func LoadClient(spec Spec) (*tls.Certificate, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	if spec.Local {
		return nil, errors.New("load client certificate: the local CA signs servers only, give file or pfx")
	}
	return spec.read()
}

func (s Spec) check() error {
	given := 0
	for _, set := range []bool{s.Local, s.File != "", s.PFX != ""} {
		if set {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("load certificate: give exactly one of local, file and pfx")
	case s.Local && s.CA == nil:
		return errors.New("load certificate: there is no local CA")
	case s.Key != "" && s.File == "":
		return errors.New("load certificate: key is given without file")
	case s.PasswordFile != "" && s.PFX == "":
		return errors.New("load certificate: password_file is given without pfx")
	}
	return nil
}

// read reads the files that s names.
func (s Spec) read() (*tls.Certificate, error) {
	if s.PFX != "" {
		return readPFX(s.PFX, s.PasswordFile)
	}
	return readPEM(s.File, s.Key)
}

// paths are the files that read reads.
func (s Spec) paths() []string {
	var out []string
	for _, path := range []string{s.File, s.Key, s.PFX, s.PasswordFile} {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}

// Covers reports whether a client that asks for name accepts c for it. A name
// may be an IP address, or a wildcard, which c must hold literally. The
// subject's common name does not count (RFC 9525).
func Covers(c *x509.Certificate, name string) bool {
	name = strings.TrimSuffix(name, ".")
	if strings.HasPrefix(name, "*.") {
		for _, own := range c.DNSNames {
			if strings.EqualFold(own, name) {
				return true
			}
		}
		return false
	}
	return c.VerifyHostname(name) == nil
}
