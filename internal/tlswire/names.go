package tlswire

import (
	"fmt"
	"strconv"
)

// IsGREASE tells the values that clients send to keep servers tolerant (RFC
// 8701) in lists of cipher suites, extensions, groups and versions.
func IsGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

func unnamed(v uint16) string { return fmt.Sprintf("0x%04x", v) }

// VersionName is "1.2" for 0x0303 and so on, "ssl3" and "ssl2" for what came
// before, empty for GREASE and like 0x1234 for anything else.
func VersionName(v uint16) string {
	switch {
	case IsGREASE(v):
		return ""
	case v == 0x0002:
		return "ssl2"
	case v == 0x0300:
		return "ssl3"
	case v > 0x0300 && v <= 0x0304:
		return "1." + strconv.Itoa(int(v)-0x0301)
	case v>>8 == 0x7f:
		return "1.3-draft" + strconv.Itoa(int(v&0xff))
	}
	return unnamed(v)
}

// ParseAlert reads the payload of an alert record; ok is false if it is
// encrypted or no alert.
func ParseAlert(payload []byte) (level, code uint8, ok bool) {
	if len(payload) != 2 || payload[0] < 1 || payload[0] > 2 {
		return 0, 0, false
	}
	return payload[0], payload[1], true
}

// AlertLevelName is "warning" or "fatal" (RFC 5246, section 7.2), else empty.
func AlertLevelName(level uint8) string {
	switch level {
	case 1:
		return "warning"
	case 2:
		return "fatal"
	}
	return ""
}

// GroupName is the name of a group in the IANA registry of supported groups;
// empty for GREASE and like 0x1234 for a group without a name.
func GroupName(id uint16) string {
	if IsGREASE(id) {
		return ""
	}
	switch id {
	case 1:
		return "sect163k1"
	case 2:
		return "sect163r1"
	case 3:
		return "sect163r2"
	case 4:
		return "sect193r1"
	case 5:
		return "sect193r2"
	case 6:
		return "sect233k1"
	case 7:
		return "sect233r1"
	case 8:
		return "sect239k1"
	case 9:
		return "sect283k1"
	case 10:
		return "sect283r1"
	case 11:
		return "sect409k1"
	case 12:
		return "sect409r1"
	case 13:
		return "sect571k1"
	case 14:
		return "sect571r1"
	case 15:
		return "secp160k1"
	case 16:
		return "secp160r1"
	case 17:
		return "secp160r2"
	case 18:
		return "secp192k1"
	case 19:
		return "secp192r1"
	case 20:
		return "secp224k1"
	case 21:
		return "secp224r1"
	case 22:
		return "secp256k1"
	case 23:
		return "secp256r1"
	case 24:
		return "secp384r1"
	case 25:
		return "secp521r1"
	case 26:
		return "brainpoolP256r1"
	case 27:
		return "brainpoolP384r1"
	case 28:
		return "brainpoolP512r1"
	case 29:
		return "x25519"
	case 30:
		return "x448"
	case 31:
		return "brainpoolP256r1tls13"
	case 32:
		return "brainpoolP384r1tls13"
	case 33:
		return "brainpoolP512r1tls13"
	case 34:
		return "GC256A"
	case 35:
		return "GC256B"
	case 36:
		return "GC256C"
	case 37:
		return "GC256D"
	case 38:
		return "GC512A"
	case 39:
		return "GC512B"
	case 40:
		return "GC512C"
	case 41:
		return "curveSM2"
	case 256:
		return "ffdhe2048"
	case 257:
		return "ffdhe3072"
	case 258:
		return "ffdhe4096"
	case 259:
		return "ffdhe6144"
	case 260:
		return "ffdhe8192"
	case 512:
		return "MLKEM512"
	case 513:
		return "MLKEM768"
	case 514:
		return "MLKEM1024"
	case 4587:
		return "SecP256r1MLKEM768"
	case 4588:
		return "X25519MLKEM768"
	case 4589:
		return "SecP384r1MLKEM1024"
	case 25497:
		return "X25519Kyber768Draft00"
	case 25498:
		return "SecP256r1Kyber768Draft00"
	case 65281:
		return "arbitrary_explicit_prime_curves"
	case 65282:
		return "arbitrary_explicit_char2_curves"
	}
	return unnamed(id)
}

// AlertName is the name of an alert in the IANA registry, without its
// _RESERVED ending, or one like "alert 77".
func AlertName(code uint8) string {
	switch code {
	case 0:
		return "close_notify"
	case 10:
		return "unexpected_message"
	case 20:
		return "bad_record_mac"
	case 21:
		return "decryption_failed"
	case 22:
		return "record_overflow"
	case 30:
		return "decompression_failure"
	case 40:
		return "handshake_failure"
	case 41:
		return "no_certificate"
	case 42:
		return "bad_certificate"
	case 43:
		return "unsupported_certificate"
	case 44:
		return "certificate_revoked"
	case 45:
		return "certificate_expired"
	case 46:
		return "certificate_unknown"
	case 47:
		return "illegal_parameter"
	case 48:
		return "unknown_ca"
	case 49:
		return "access_denied"
	case 50:
		return "decode_error"
	case 51:
		return "decrypt_error"
	case 52:
		return "too_many_cids_requested"
	case 60:
		return "export_restriction"
	case 70:
		return "protocol_version"
	case 71:
		return "insufficient_security"
	case 80:
		return "internal_error"
	case 86:
		return "inappropriate_fallback"
	case 90:
		return "user_canceled"
	case 100:
		return "no_renegotiation"
	case 109:
		return "missing_extension"
	case 110:
		return "unsupported_extension"
	case 111:
		return "certificate_unobtainable"
	case 112:
		return "unrecognized_name"
	case 113:
		return "bad_certificate_status_response"
	case 114:
		return "bad_certificate_hash_value"
	case 115:
		return "unknown_psk_identity"
	case 116:
		return "certificate_required"
	case 117:
		return "general_error"
	case 120:
		return "no_application_protocol"
	case 121:
		return "ech_required"
	}
	return "alert " + strconv.Itoa(int(code))
}

// HandshakeName is the name of a handshake message in the IANA registry,
// without its _RESERVED ending, or one like "handshake 77".
func HandshakeName(typ uint8) string {
	switch typ {
	case 0:
		return "hello_request"
	case 1:
		return "client_hello"
	case 2:
		return "server_hello"
	case 3:
		return "hello_verify_request"
	case 4:
		return "new_session_ticket"
	case 5:
		return "end_of_early_data"
	case 6:
		return "hello_retry_request"
	case 8:
		return "encrypted_extensions"
	case 9:
		return "request_connection_id"
	case 10:
		return "new_connection_id"
	case 11:
		return "certificate"
	case 12:
		return "server_key_exchange"
	case 13:
		return "certificate_request"
	case 14:
		return "server_hello_done"
	case 15:
		return "certificate_verify"
	case 16:
		return "client_key_exchange"
	case 17:
		return "client_certificate_request"
	case 20:
		return "finished"
	case 21:
		return "certificate_url"
	case 22:
		return "certificate_status"
	case 23:
		return "supplemental_data"
	case 24:
		return "key_update"
	case 25:
		return "compressed_certificate"
	case 26:
		return "ekt_key"
	case 67:
		return "next_protocol"
	case 254:
		return "message_hash"
	}
	return "handshake " + strconv.Itoa(int(typ))
}
