package cert

import (
	"crypto/tls"
	"net"
	"slices"
	"sync/atomic"
	"time"
)

// localSource asks the CA again when its certificate is due for renewal.
type localSource struct {
	ca      *CA
	names   []string
	ips     []net.IP
	current atomic.Pointer[tls.Certificate]
	fault   atomic.Pointer[error] // of the latest renewal
}

func newLocalSource(spec Spec) (*localSource, error) {
	s := &localSource{ca: spec.CA, names: spec.Names, ips: spec.IPs}
	if len(s.names) > 0 {
		s.ips = slices.DeleteFunc(slices.Clone(s.ips), func(ip net.IP) bool { return s.ca.allowsIP(ip) != nil })
	}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *localSource) Certificate() (*tls.Certificate, error) {
	if c := s.current.Load(); time.Now().Before(renewAt(c.Leaf)) {
		return c, nil
	}
	s.Reload() // its error is kept for Err
	return s.current.Load(), nil
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
	if err := *s.fault.Load(); err != nil {
		return err
	}
	return CheckValidity(s.current.Load().Leaf, time.Now())
}
