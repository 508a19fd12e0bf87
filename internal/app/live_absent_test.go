package app_test

// notLive are the rules for which a door's own record cannot have what they
// need, each with the reason.
func notLive() map[string]string {
	const (
		packets = "it rests on packets sent again or probes, which only a capture shows"
	)
	return map[string]string{
		"capture-incomplete":     "it is about packet captures",
		"accept-queue-overflow":  packets,
		"v6-blackhole-fallback":  "a client's first attempt goes elsewhere; the door's own shows as syn-unanswered",
		"injected-reset":         "it rests on the TTL of packets",
		"mtu-black-hole":         packets,
		"idle-mapping-dropped":   packets,
		"half-open-peer":         packets,
		"loss-limited-transfer":  packets,
		"early-response-lost":    "who takes part knows whether the answer arrived",
		"quic-udp-blocked":       "the door speaks no QUIC, and sees no UDP",
		"round-trip-bound-setup": "the door sees it towards far origins; no round trip is long on the loopback interface",

		"resumed-under-wrong-name":     "the door keeps sessions apart by name, towards clients and origins",
		"revocation-check-stall":       "the look-up is another program's connection",
		"early-data-rejected":          "the door gives out no tickets that allow early data, and sends none",
		"legacy-renegotiation-refused": "the door knows secure renegotiation, and does not insist on it",
		"handshake-waits-for-user":     "the door asks clients for no certificate yet",
		"renegotiation-unanswered":     "the door answers every HelloRequest or refuses it, and sends none",
		"expect-100-stall":             "the door answers Expect itself, and sends none to origins",

		"stale-origin-address":    "the door looks names up again, and goes on with those that still have an address",
		"source-ports-exhausted":  "the door sees it; to use up the machine's ports would disturb what else runs here",
		"answered-by-middlebox":   "it rests on the TTL of packets",
		"hosts-entry-bypassed":    "how the client got its address is not known at the door",
		"hosts-family-leak":       "the connection that leaks goes elsewhere",
		"window-limited-transfer": "it rests on the windows of packets",
		"slow-transfer":           "who takes part does not see who waited for whom",
		"timers-inverted":         "the door lets the origin go as soon as its client leaves",

		"quic-handshake-failed": "the door speaks no QUIC, and sees no UDP",
		"alt-svc-wrong":         "the attempt at the other address does not come to the door",
		"cache-wrong-variant":   "the door keeps no cache; one behind it is not judged on connections to origins",
	}
}
