package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/explain/compare"
	"fanlight/internal/explain/rules"
	"fanlight/internal/flow"
)

// TestCompareCorpus holds captures of faults against healthy ones of the same
// kind of software. They were made apart from each other: other addresses,
// certificates and targets, often another server. The first difference must be
// the cause, or what shows it.
func TestCompareCorpus(t *testing.T) {
	for _, test := range []struct{ bad, good, first, finding string }{
		{"client-certificate-not-sent-nginx", "client-certificate-nginx", "client-certificate", "client-certificate-not-sent"},
		{"client-certificate-not-sent-haproxy", "client-certificate-optional", "finding", "client-certificate-not-sent"},
		{"renegotiation-unanswered-go", "apache-renegotiation-with-a-client-certificate", "hello-request", "renegotiation-unanswered"},
		{"renegotiation-unanswered-stopped", "apache-renegotiation-with-a-client-certificate", "hello-request", "renegotiation-unanswered"},
		{"renegotiation-refused-go", "apache-renegotiation-with-a-client-certificate", "hello-request", "renegotiation-refused"},
		{"renegotiation-refused-openssl", "apache-renegotiation-with-a-client-certificate", "hello-request", "renegotiation-refused"},
		{"renegotiation-unfinished-nginx", "apache-renegotiation-with-a-client-certificate", "finding", "renegotiation-unfinished"},
		{"renegotiation-unfinished-haproxy", "apache-renegotiation-with-a-client-certificate", "finding", "renegotiation-unfinished"},
		{"post-handshake-auth-not-offered-go", "apache-renegotiation-with-a-client-certificate", "post-handshake-auth", "post-handshake-auth-not-offered"},
		{"certificate-date-invalid-curl12", "nginx-keep-alive-over-tls-1.2", "certificate-until", "certificate-date-invalid"},
		{"certificate-date-invalid-curl13", "nginx-keep-alive-over-tls-1.3", "certificate-until", "certificate-date-invalid"},
		{"certificate-name-mismatch-go", "nginx-keep-alive-over-tls-1.3", "sni", "certificate-name-mismatch"},
		{"private-ca-not-trusted-here-curl12", "nginx-keep-alive-over-tls-1.2", "finding", "private-ca-not-trusted-here"},
		{"cipher-or-group-mismatch-groups", "nginx-keep-alive-over-tls-1.3", "key-shares", "cipher-or-group-mismatch"},
		{"version-mismatch-go", "go-client-certificate", "tls-versions-offered", "version-mismatch"},
		{"version-mismatch-nginx", "nginx-keep-alive-over-tls-1.2", "tls-versions-offered", "version-mismatch"},
		{"sni-unknown-alert-haproxy", "through-haproxy", "sni", "sni-unknown-alert"},
		{"no-certificate-for-binding-reset", "nginx-keep-alive-over-tls-1.2", "finding", "no-certificate-for-binding"},
		{"tls-to-plaintext-port-nginx", "nginx-keep-alive-over-tls-1.2", "finding", "tls-to-plaintext-port"},
		{"legacy-tls-origin-openssl", "nginx-keep-alive-over-tls-1.2", "tls-version", "legacy-tls-origin"},
		{"port-closed-nginx", "through-nginx", "connect", "port-closed"},
		{"syn-unanswered-haproxy", "through-haproxy", "connect", "syn-unanswered"},
		{"accepted-but-silent-nginx", "nginx-keep-alive-over-tls-1.2", "finding", "accepted-but-silent"},
		{"gateway-timeout-nginx", "through-nginx", "wait", "gateway-timeout"},
		{"gateway-timeout-haproxy", "through-haproxy", "wait", "gateway-timeout"},
		{"slow-origin-nginx", "through-nginx", "wait", "slow-origin"},
		{"keepalive-race-nginx", "nginx-keep-alive-over-tls-1.3", "idle", "keepalive-race"},
		{"keepalive-race-apache", "nginx-keep-alive-over-tls-1.2", "idle", "keepalive-race"},
		{"host-rejected-nginx", "through-nginx", "finding", "host-rejected"},
		{"https-redirect-loop-nginx", "nginx-keep-alive-over-tls-1.2", "response-header:location", "https-redirect-loop"},
		{"redirect-leaks-backend-nginx", "through-nginx", "response-header:location", "redirect-leaks-backend"},
		{"connection-closed-each-request-nginx", "nginx-keep-alive-over-tls-1.2", "response-header:connection", "connection-closed-each-request"},
		{"expect-100-stall-tls", "plain-100-continue", "interim", "expect-100-stall"},
		{"proxy-protocol-mismatch-haproxy", "through-haproxy", "proxy-header", "proxy-protocol-mismatch"},
		{"request-malformed-nginx", "nginx-keep-alive-over-tls-1.2", "irregular", "request-malformed"},
		{"response-framing-conflict-both", "nginx-keep-alive-over-tls-1.3", "irregular", "response-framing-conflict"},
		{"request-header-too-large-nginx", "nginx-keep-alive-over-tls-1.2", "finding", "request-header-too-large"},
		{"body-truncated-plain", "plain-keep-alive", "outcome", "body-truncated"},
	} {
		if test.first == "finding" {
			test.first += ":" + test.finding
		}
		t.Run(test.bad+" and "+test.good, func(t *testing.T) {
			r := compare.Compare(rules.All(), corpusTrace(t, "healthy", test.good), corpusTrace(t, "sick", test.bad))
			first(t, r, test.first, test.finding)
		})
	}
}

// TestCompareHealthy: between two captures in which nothing is wrong, no finding
// is named, and none differs from itself.
func TestCompareHealthy(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(corpus, "healthy", "nginx-*.pcapng"))
	must(t, err)
	var before *flow.Trace
	for _, name := range names {
		trace := corpusTrace(t, "healthy", strings.TrimSuffix(filepath.Base(name), ".pcapng"))
		if r := compare.Compare(rules.All(), trace, trace); len(r.Differences) != 0 {
			t.Errorf("%s differs from itself in %s", name, r.Differences[0].Key)
		}
		if before != nil {
			r := compare.Compare(rules.All(), before, trace)
			if slices.ContainsFunc(r.Differences, func(d compare.Difference) bool { return d.Class == compare.Known }) {
				t.Errorf("%s and the one before it: %s is taken for a known cause", name, r.Differences[0].Key)
			}
		}
		before = trace
	}
}

var corpus = filepath.Join("..", "..", "testdata", "captures")

func corpusTrace(t *testing.T, folder, name string) *flow.Trace {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(corpus, folder, name+".pcapng"))
	must(t, err)
	return analysed(t, raw, "")
}
