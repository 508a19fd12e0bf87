package tlswire

import "strconv"

// RecordType is the content type of a record (RFC 8446, section 5.1).
type RecordType uint8

const (
	ChangeCipherSpec RecordType = 20
	AlertRecord      RecordType = 21
	Handshake        RecordType = 22
	ApplicationData  RecordType = 23
	Heartbeat        RecordType = 24 // RFC 6520
)

func (t RecordType) String() string {
	switch t {
	case ChangeCipherSpec:
		return "change_cipher_spec"
	case AlertRecord:
		return "alert"
	case Handshake:
		return "handshake"
	case ApplicationData:
		return "application_data"
	case Heartbeat:
		return "heartbeat"
	}
	return "record type " + strconv.Itoa(int(t))
}

// Record is one TLS record that has passed completely.
type Record struct {
	Type    RecordType
	Version uint16 // as the header has it: 0x0301 to 0x0303, whatever was negotiated
	Length  int    // bytes after the header

	// Payload is what followed the header. It is nil unless the scanner kept
	// it, and may be used only until emit returns.
	Payload []byte

	// Sealed says that a handshake or alert record is encrypted: this
	// direction sent ChangeCipherSpec before. A hello that TLS 1.3 sends in
	// clear after one (HelloRetryRequest) and an alert of two bytes are not
	// sealed; the former is recognised only where Payload is kept. Records of
	// TLS 1.3 that hide as ApplicationData are not marked.
	Sealed bool
}
