package cert

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// CheckValidity is nil if c is valid at now as far as its dates go.
func CheckValidity(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("certificate %s expired on %s", title(c), day(c.NotAfter))
	case now.Before(c.NotBefore):
		return fmt.Errorf("certificate %s is not valid before %s", title(c), day(c.NotBefore))
	}
	return nil
}

// renewAt is when a third of the life of c remains.
func renewAt(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(-c.NotAfter.Sub(c.NotBefore) / 3)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// title names a certificate in a message: its first names, else its subject.
func title(c *x509.Certificate) string {
	if names := altNames(c); len(names) > 0 {
		return joinSome(names, 3)
	}
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return c.Subject.String()
}

// altNames are the DNS names and IP addresses that c is for.
func altNames(c *x509.Certificate) []string {
	names := make([]string, 0, len(c.DNSNames)+len(c.IPAddresses))
	names = append(names, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// joinSome lists at most limit names and says how many were left out.
func joinSome(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ",")
	}
	return fmt.Sprintf("%s,(%d more)", strings.Join(names[:limit], ","), len(names)-limit)
}
