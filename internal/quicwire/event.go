package quicwire

// Versions of QUIC that are understood.
const (
	Version1 = 0x00000001
	Version2 = 0x6b3343cf
)

// Level is the encryption level of a packet, which is a matter of its type.
type Level uint8

const (
	Initial Level = iota
	ZeroRTT
	Handshake
	OneRTT
	levels
)

func (l Level) String() string {
	return [...]string{"Initial", "0-RTT", "Handshake", "1-RTT", "unknown"}[min(l, levels)]
}

// Kind says what an Event tells.
type Kind uint8

const (
	Began              Kind = iota + 1 // first Initial of the client that opened: Version, ConnectionID
	VersionNegotiation                 // the server speaks Versions only (RFC 9000, section 6)
	Retry                              // the server wants the client's address proven (RFC 9000, section 8.1)
	VersionChanged                     // the connection goes on in Version (RFC 9368)
	Crypto                             // Data: next bytes of the TLS handshake at Level, in order
	Stream                             // Data at Offset of Stream, as it passed: perhaps out of order, perhaps again
	Reset                              // the sender gave up sending on Stream: Code
	StopSending                        // the sender wants nothing more of Stream: Code
	Close                              // Code, App, Frame, Reason: the connection is closed by its sender
)

// Event is one thing a packet told. Slices are valid until emit returns.
type Event struct {
	Kind  Kind
	Dir   int // who sent it: 0 the client, 1 the server
	Level Level

	Version      uint32
	Versions     []uint32
	ConnectionID []byte

	Data   []byte
	Stream uint64
	Offset uint64
	Fin    bool // of Stream: its last byte is the last of Data

	Code   uint64
	App    bool   // Code is the application's (see HTTP3ErrorName), else QUIC's (see ErrorName)
	Frame  uint64 // type of the frame at fault, 0 unknown; not of the application
	Reason string // what the sender wrote for people, untrusted
}

// Counts are the packets of one direction by level, and how many were opened.
type Counts struct {
	Packets [4]uint64 // indexed by Level
	Opened  [4]uint64

	Retries      uint64
	Negotiations uint64
	Unknown      uint64 // of another version, or no QUIC packet
	CryptoLost   uint64 // bytes of handshake beyond what is kept for ordering
}

// Secrets are the TLS 1.3 secrets of one connection (those of an
// SSLKEYLOGFILE); nil where not known.
type Secrets struct {
	ClientHandshake, ServerHandshake []byte // CLIENT_ and SERVER_HANDSHAKE_TRAFFIC_SECRET
	ClientTraffic, ServerTraffic     []byte // CLIENT_ and SERVER_TRAFFIC_SECRET_0
}
