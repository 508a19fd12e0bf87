package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
	"fanlight/internal/probe"
	"fanlight/internal/testnet"
)

// TestProbeFindings: what a probe meets is explained, and what it only tries is
// not.
func TestProbeFindings(t *testing.T) {
	old := func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS12 }
	for _, test := range []struct {
		name string
		peer interface {
			Start(testing.TB) *testnet.Origin
		}
		path      string
		untrusted bool
		max       uint16
		want      string
	}{
		{name: "healthy", peer: testnet.Echo{}},
		{name: "TLS 1.0 to 1.2", peer: testnet.Echo{At: testnet.At{Tune: old}}},
		{name: "TLS 1.1 asked for", peer: testnet.Echo{At: testnet.At{Tune: old}}, max: tls.VersionTLS11, want: "legacy-tls-origin"},
		{name: "issuer", peer: testnet.Echo{}, untrusted: true, want: "private-ca-not-trusted-here"},
		{name: "name", peer: testnet.Echo{At: testnet.At{Leaf: testnet.Leaf{Names: []string{"other.test"}}}}, want: "certificate-name-mismatch"},
		{name: "date", peer: testnet.Echo{At: testnet.At{Leaf: testnet.Leaf{}.Expired()}}, want: "certificate-date-invalid"},
		{name: "silent", peer: testnet.Silent{}, want: "accepted-but-silent"},
		{name: "late", peer: testnet.LateAsker{}, path: "secure", want: "renegotiation-answered"},
		{name: "race", peer: testnet.CloseOnRequest{}, want: "keepalive-race"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := test.peer.Start(t)
			_, port, _ := net.SplitHostPort(o.Addr)
			target, err := probe.ParseTarget("https://localhost:" + port + "/" + test.path)
			if err != nil {
				t.Fatal(err)
			}
			roots := o.Pool()
			if test.untrusted {
				roots = x509.NewCertPool()
			}
			r := probe.Run(t.Context(), probe.Options{URL: target, Roots: roots, Timeout: 1200 * time.Millisecond, MaxVersion: test.max,
				Pins: []probe.Pin{{Host: "localhost", Port: target.Port, Addr: netip.MustParseAddr("127.0.0.1")}}})
			var got []string
			for _, f := range explain.Run(rules.All(), r.Expected()) {
				if !slices.Contains(got, f.ID) { // a probe meets most troubles several times
					got = append(got, f.ID)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("findings %v, want %s", got, test.want)
			}
		})
	}
}
