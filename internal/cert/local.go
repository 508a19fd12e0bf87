package cert

import (
	"crypto/tls"
	"net"
	"slices"
	"sync/atomic"
	"time"
)

// localSource asks the CA when a certificate is wanted for the first time, and
// again when it is due for renewal: thousands of sites may never be asked for.
type localSource struct {
	ca      *CA
	names   []string
	ips     []net.IP
	current atomic.Pointer[tls.Certificate]
	fault   atomic.Pointer[error] // of the latest issue
}

func newLocalSource(spec Spec) (*localSource, error) {
	s := &localSource{ca: spec.CA, names: spec.Names, ips: spec.IPs}
	if len(s.names) > 0 {
		s.ips = slices.DeleteFunc(slices.Clone(s.ips), func(ip net.IP) bool { return s.ca.allowsIP(ip) != nil })
	}
	if _, _, err := s.ca.mayIssue(s.names, s.ips); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *localSource) Certificate() (*tls.Certificate, error) {
	if c := s.current.Load(); c != nil && time.Now().Before(renewAt(c.Leaf)) {
		return c, nil
	}
	err := s.Reload() // it is kept for Err
	if c := s.current.Load(); c != nil {
		return c, nil
	}
	return nil, err
}

// Issuer is the name of who signs the certificate.
func (s *localSource) Issuer() string { return s.ca.intermediate.Subject.String() }

// Names are what the certificate is for, or will be once somebody asks for it.
func (s *localSource) Names() (names []string, asked bool) {
	names = slices.Clone(s.names)
	for _, ip := range s.ips {
		names = append(names, ip.String())
	}
	return names, s.current.Load() != nil
}

func (s *localSource) Reload() error {
	c, err := s.ca.Issue(s.names, s.ips)
	s.fault.Store(&err)
	if err != nil {
		return err
	}
	s.current.Store(c)
	return nil
}

func (s *localSource) Err() error {
	if err := s.fault.Load(); err != nil && *err != nil {
		return *err
	}
	if c := s.current.Load(); c != nil {
		return CheckValidity(c.Leaf, time.Now())
	}
	return nil
}
