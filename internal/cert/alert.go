package cert

import (
	"crypto/tls"
	"errors"
	"net"
	"strconv"
)

// AlertName is the IANA name of a TLS alert (RFC 8446, section 6, with those
// of earlier versions); alert_N for one that has none.
func AlertName(code uint8) string {
	if int(code) < len(alertNames) && alertNames[code] != "" {
		return alertNames[code]
	}
	return "alert_" + strconv.Itoa(int(code))
}

var alertNames = [...]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed",
	22: "record_overflow", 30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate",
	42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked",
	45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
	49: "access_denied", 50: "decode_error", 51: "decrypt_error", 60: "export_restriction",
	70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
	86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
	109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable",
	112: "unrecognized_name", 113: "bad_certificate_status_response", 114: "bad_certificate_hash_value",
	115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol",
	121: "ech_required",
}

// alertOf takes the alert out of an error of crypto/tls; sent tells one that we
// sent from one that the peer did. The type crypto/tls uses for it is not
// exported, so it is recognised by its text.
func alertOf(err error) (code uint8, sent, ok bool) {
	var direct tls.AlertError
	if errors.As(err, &direct) {
		return uint8(direct), false, true
	}
	var wrapped *net.OpError
	if !errors.As(err, &wrapped) || wrapped.Err == nil || wrapped.Op != "remote error" && wrapped.Op != "local error" {
		return 0, false, false
	}
	text := wrapped.Err.Error()
	for i := range 256 {
		if tls.AlertError(i).Error() == text {
			return uint8(i), wrapped.Op == "local error", true
		}
	}
	return 0, false, false
}
