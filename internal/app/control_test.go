package app

import (
	"crypto/x509"
	"slices"
	"testing"

	"fanlight/internal/site"
)

func TestUncovered(t *testing.T) {
	leaf := &x509.Certificate{DNSNames: []string{"shop.test", "*.wild.test"}}
	bindings := []site.Binding{
		{Names: []string{"shop.test", "www.shop.test", "a.wild.test"}},
		{Names: []string{"*.wild.test", "www.shop.test", "*.shop.test"}},
		{Plain: true, Names: []string{"plain.test"}},
		{},
	}
	if got, want := uncovered(leaf, bindings), []string{"www.shop.test", "*.shop.test"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
