package quicwire

import "fmt"

// ErrorName is the name of a transport error code (RFC 9000, section 20.1, and
// RFC 9368, section 10.2). Those of TLS carry the number of the alert, see Alert.
func ErrorName(code uint64) string {
	names := [...]string{"NO_ERROR", "INTERNAL_ERROR", "CONNECTION_REFUSED", "FLOW_CONTROL_ERROR",
		"STREAM_LIMIT_ERROR", "STREAM_STATE_ERROR", "FINAL_SIZE_ERROR", "FRAME_ENCODING_ERROR",
		"TRANSPORT_PARAMETER_ERROR", "CONNECTION_ID_LIMIT_ERROR", "PROTOCOL_VIOLATION", "INVALID_TOKEN",
		"APPLICATION_ERROR", "CRYPTO_BUFFER_EXCEEDED", "KEY_UPDATE_ERROR", "AEAD_LIMIT_REACHED",
		"NO_VIABLE_PATH", "VERSION_NEGOTIATION_ERROR"}
	switch {
	case code < uint64(len(names)):
		return names[code]
	case code >= 0x100 && code <= 0x1ff:
		return fmt.Sprintf("CRYPTO_ERROR %d", uint8(code))
	}
	return fmt.Sprintf("0x%x", code)
}

// Alert is the TLS alert that a transport error code stands for (RFC 9001,
// section 4.8); ok is false for the other codes.
func Alert(code uint64) (alert uint8, ok bool) {
	return uint8(code), code >= 0x100 && code <= 0x1ff
}

// HTTP3ErrorName is the name of an application's error code where the
// application is HTTP/3 (RFC 9114, section 8.1, and RFC 9204, section 8.3).
func HTTP3ErrorName(code uint64) string {
	http3 := [...]string{"H3_NO_ERROR", "H3_GENERAL_PROTOCOL_ERROR", "H3_INTERNAL_ERROR",
		"H3_STREAM_CREATION_ERROR", "H3_CLOSED_CRITICAL_STREAM", "H3_FRAME_UNEXPECTED", "H3_FRAME_ERROR",
		"H3_EXCESSIVE_LOAD", "H3_ID_ERROR", "H3_SETTINGS_ERROR", "H3_MISSING_SETTINGS",
		"H3_REQUEST_REJECTED", "H3_REQUEST_CANCELLED", "H3_REQUEST_INCOMPLETE", "H3_MESSAGE_ERROR",
		"H3_CONNECT_ERROR", "H3_VERSION_FALLBACK"}
	qpack := [...]string{"QPACK_DECOMPRESSION_FAILED", "QPACK_ENCODER_STREAM_ERROR", "QPACK_DECODER_STREAM_ERROR"}
	switch {
	case code >= 0x100 && code-0x100 < uint64(len(http3)):
		return http3[code-0x100]
	case code >= 0x200 && code-0x200 < uint64(len(qpack)):
		return qpack[code-0x200]
	}
	return fmt.Sprintf("0x%x", code)
}
