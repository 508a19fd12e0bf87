package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// maxLeaves bounds the leaves kept in memory.
const maxLeaves = 1024

// Issue gives a certificate, with its chain, for names and addresses, valid
// for 90 days. The same one is given again until a third of its life remains.
// Leaves and their keys exist in memory only.
func (ca *CA) Issue(names []string, ips []net.IP) (*tls.Certificate, error) {
	names, ips, err := ca.mayIssue(names, ips)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	id := fmt.Sprint(names, ips)
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if leaf := ca.leaves[id]; leaf != nil && now.Before(renewAt(leaf.Leaf)) {
		return leaf, nil
	}
	leaf, err := ca.issue(names, ips, now)
	if err != nil {
		return nil, fmt.Errorf("issue certificate for %s: %w", id, err)
	}
	if len(ca.leaves) >= maxLeaves {
		clear(ca.leaves)
	}
	ca.leaves[id] = leaf
	return leaf, nil
}

// mayIssue gives the names and addresses of a certificate in canonical form, if
// the CA may sign one for them.
func (ca *CA) mayIssue(names []string, ips []net.IP) ([]string, []net.IP, error) {
	names, ips = subjects(names, ips)
	if len(names)+len(ips) == 0 {
		return nil, nil, errors.New("issue certificate: there is neither a name nor an address")
	}
	for _, name := range names {
		if err := ca.Allows(name); err != nil {
			return nil, nil, fmt.Errorf("issue certificate: %w", err)
		}
	}
	for _, ip := range ips {
		if err := ca.allowsIP(ip); err != nil {
			return nil, nil, fmt.Errorf("issue certificate: %w", err)
		}
	}
	return names, ips, nil
}

// subjects brings names and addresses into canonical form, each once, in order.
func subjects(names []string, ips []net.IP) ([]string, []net.IP) {
	var outNames []string
	var outIPs []net.IP
	addIP := func(ip net.IP) {
		if !slices.ContainsFunc(outIPs, ip.Equal) {
			outIPs = append(outIPs, ip)
		}
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			addIP(ip)
		} else if name = canonical(name); !slices.Contains(outNames, name) {
			outNames = append(outNames, name)
		}
	}
	for _, ip := range ips {
		addIP(ip)
	}
	return outNames, outIPs
}

func (ca *CA) issue(names []string, ips []net.IP, now time.Time) (*tls.Certificate, error) {
	if err := CheckValidity(ca.intermediate, now); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	notAfter := now.Add(leafLife)
	if notAfter.After(ca.intermediate.NotAfter) {
		notAfter = ca.intermediate.NotAfter
	}
	leaf, err := sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: commonName(names, ips)},
		NotBefore:   now.Add(-backdate),
		NotAfter:    notAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    names,
		IPAddresses: ips,
	}, ca.intermediate, &key.PublicKey, ca.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{
		Certificate: [][]byte{leaf.Raw, ca.intermediate.Raw},
		PrivateKey:  key,
		Leaf:        leaf,
	}, nil
}

// commonName is the first name, for people who read certificates. An address
// gets a word before it, because OpenSSL takes a common name that looks like a
// host name for one, and holds it against the name constraints. A common name
// has at most 64 characters (RFC 5280, appendix A.1).
func commonName(names []string, ips []net.IP) string {
	if len(names) == 0 {
		return "Fanlight " + ips[0].String()
	}
	if len(names[0]) > 64 {
		return "Fanlight " + strings.TrimPrefix(names[0][len(names[0])-50:], ".")
	}
	return names[0]
}
