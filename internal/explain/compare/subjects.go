package compare

import "slices"

// subjects are the aspects that a finding is about, those first that name its
// cause. A finding that is about none of them is a difference of its own.
func subjects(id string) []string {
	return slices.Concat(connectingSubjects(id), tlsSubjects(id), httpSubjects(id))
}

func connectingSubjects(id string) []string {
	switch id {
	case "port-closed", "syn-unanswered", "address-unreachable":
		return []string{"connect"}
	case "one-bad-address-of-many", "stale-origin-address", "hosts-entry-bypassed", "hosts-family-leak", "loopback-family-mismatch":
		return []string{"server-address"}
	case "keepalive-race", "idle-mapping-dropped", "half-open-peer":
		return []string{"idle", "reused"}
	case "gateway-timeout", "timers-inverted", "slow-origin", "head-of-line-blocking":
		return []string{"wait"}
	case "slow-transfer":
		return []string{"receive"}
	case "streaming-buffered":
		return []string{"wait", "receive"}
	case "receiver-stalls":
		return []string{"zero-window"}
	case "proxy-protocol-mismatch":
		return []string{"proxy-header"}
	}
	return nil
}

func tlsSubjects(id string) []string {
	switch id {
	case "renegotiation-unanswered", "renegotiation-refused", "renegotiation-unfinished", "renegotiation-limit", "renegotiation-body-deadlock":
		return []string{"hello-request"}
	case "sni-missing-to-origin", "sni-unknown-alert":
		return []string{"sni"}
	case "certificate-name-mismatch", "weak-certificate", "default-certificate-served", "key-usage-incompatible":
		return []string{"certificate", "certificate-issuer", "sni"}
	case "certificate-date-invalid":
		return []string{"certificate-until"}
	case "private-ca-not-trusted-here", "tls-intercepted":
		return []string{"certificate-issuer", "certificate"}
	case "chain-incomplete":
		return []string{"certificate-chain"}
	case "version-mismatch", "tls13-intolerance":
		return []string{"tls-versions-offered", "tls-version"}
	case "cipher-or-group-mismatch":
		return []string{"key-shares"}
	case "large-clienthello-dropped":
		return []string{"hello-size"}
	case "alpn-no-overlap":
		return []string{"alpn-offered"}
	case "alpn-promise-broken":
		return []string{"alpn"}
	case "legacy-tls-origin":
		return []string{"tls-version"}
	case "post-handshake-auth-not-offered":
		return []string{"post-handshake-auth", "tls-version"}
	case "client-certificate-not-sent":
		return []string{"client-certificate"}
	case "resumption-never-works", "resumed-under-wrong-name":
		return []string{"resumed"}
	}
	return nil
}

func httpSubjects(id string) []string {
	switch id {
	case "server-header-stripped-reauth":
		return []string{"response-header:server"}
	case "via-header-breaks-persistence":
		return []string{"request-header:via"}
	case "host-rejected", "sni-host-mismatch":
		return []string{"request-header:host"}
	case "cookie-dropped", "request-header-too-large":
		return []string{"request-header:cookie"}
	case "no-credentials-offered":
		return []string{"request-header:authorization"}
	case "request-malformed", "request-framing-ambiguous", "response-framing-conflict":
		return []string{"irregular", "request-repeated", "response-repeated"}
	case "expect-100-stall":
		return []string{"interim", "request-header:expect"}
	case "https-redirect-loop", "redirect-leaks-backend":
		return []string{"response-header:location"}
	case "connection-closed-each-request":
		return []string{"response-header:connection"}
	case "ws-upgrade-headers-lost":
		return []string{"request-header:upgrade", "request-header:connection"}
	case "h2-http11-required":
		return []string{"request-http", "alpn"}
	case "client-address-untrusted":
		return []string{"request-header:x-forwarded-for"}
	case "body-truncated":
		return []string{"outcome"}
	}
	return nil
}
