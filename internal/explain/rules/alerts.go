package rules

import (
	"strings"

	"fanlight/internal/flow"
)

// handshakeFailed is the index of the TLSFailed event of a first handshake
// that did not complete, with one of the faults if any are given; or -1.
func handshakeFailed(c *flow.Conn, faults ...string) int {
	if c.TLS == nil || c.TLS.Done == flow.Yes {
		return -1
	}
	for i := find(c, 0, flow.Unknown, flow.TLSFailed); i >= 0; i = find(c, i+1, flow.Unknown, flow.TLSFailed) {
		if len(faults) == 0 {
			return i
		}
		for _, f := range faults {
			if c.Events[i].Attr(flow.KeyFault) == f {
				return i
			}
		}
	}
	return -1
}

// alertPhrases are how a participant's TLS library words the alerts it got,
// where the alert itself was encrypted and only the words are known.
func alertPhrases() map[string]string {
	return map[string]string{
		"unknown_ca":              "unknown certificate authority",
		"bad_certificate":         "bad certificate",
		"certificate_expired":     "expired certificate",
		"certificate_unknown":     "unknown certificate",
		"certificate_required":    "certificate required",
		"handshake_failure":       "handshake failure",
		"insufficient_security":   "insufficient security",
		"protocol_version":        "protocol version",
		"unrecognized_name":       "unrecognized name",
		"no_renegotiation":        "no renegotiation",
		"no_application_protocol": "no application protocol",
		"certificate_revoked":     "revoked certificate",
		"access_denied":           "access denied",
		"unsupported_certificate": "unsupported certificate",
	}
}

// alerted is the index of the event that shows one of the fatal alerts from
// side, or -1: the alert itself, or the failure a participant was told of.
func alerted(c *flow.Conn, side flow.Side, names ...string) int {
	for i := range c.Events {
		e := &c.Events[i]
		for _, name := range names {
			switch {
			case e.Kind == flow.Alert && e.From == side && e.Text == name && e.Attr(flow.KeyLevel) != "warning":
				return i
			case e.Kind == flow.TLSFailed && e.Attr(flow.KeyFault) == flow.FaultAlert && c.Self == side.Other() &&
				saysAlert(e.Text, name):
				return i
			}
		}
	}
	return -1
}

// saysAlert tells that words name an alert. "unknown certificate" begins
// "unknown certificate authority", which is another alert.
func saysAlert(words, name string) bool {
	phrase := alertPhrases()[name]
	if name == "certificate_unknown" && strings.Contains(words, "unknown certificate authority") {
		return false
	}
	return strings.Contains(words, name) || phrase != "" && strings.Contains(words, phrase)
}
