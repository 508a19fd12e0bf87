package tlswire

// MessageKind says what a Message is.
type MessageKind uint8

// The kinds of messages a Session gives.
const (
	NoMessage              MessageKind = iota
	ClientHelloMsg                     // ClientHello; nil where Sealed: a renegotiation that cannot be read
	ServerHelloMsg                     // ServerHello, Version, Cipher
	HelloRetry                         // ServerHello
	CertificateMsg                     // Certificates, none is a client's way to decline
	CertificateRequestMsg              // Request
	HelloRequestMsg                    // Sealed: known by the record's type and place alone
	FinishedMsg                        // of Dir
	NewTicketMsg                       // Ticket
	KeyUpdateMsg                       //
	CertificateStatusMsg               // Staple, up to TLS 1.2; TLS 1.3 has it with the certificates
	EncryptedExtensionsMsg             // ALPN, EarlyDataAccepted
	AlertMsg                           // Level, Code; neither where Sealed
	CCSMsg                             // ChangeCipherSpec
	DoneMsg                            // the handshake is complete in both directions: Version, Cipher, ALPN, Resumed, Renegotiation
	DataMsg                            // Data
	EarlyDataMsg                       // Data: 0-RTT; refused data too, since that shows only later
	OpaqueMsg                          // an application record that stays encrypted: Length
	BadRecordMsg                       // a record that its keys do not open, or that was lost in part: Length
	TooLongMsg                         // a handshake message that is too long to be kept: HandshakeType, Length
	OtherMsg                           // another handshake message or record: HandshakeType, Data; a certificate that brotli or zstd compressed too
)

// Message is one thing that a Session met, valid only until emit returns.
// Fields that its kind does not name are zero.
type Message struct {
	Kind          MessageKind
	Dir           int  // 0 from the client, 1 from the server
	Sealed        bool // known only from outside
	HandshakeType uint8
	Data          []byte // application bytes, or the body of a handshake message
	ClientHello   *ClientHello
	ServerHello   *ServerHello
	Certificates  [][]byte // DER, the sender's first
	Staple        []byte   // OCSP response in DER about the first certificate, none if nil; in TLS 1.3 with the certificates
	Request       *CertificateRequest
	Level, Code   uint8 // of an alert
	Length        int   // bytes after the record's header; of an OtherMsg without Data too

	Version, Cipher   uint16
	ALPN              string
	Resumed           int8   // -1 unknown, 0 no, 1 yes
	Ticket            string // fingerprint
	Renegotiation     bool   // not the connection's first handshake
	EarlyDataAccepted bool
}

// State tells how much of what was sealed could be opened.
type State uint8

// The states of decryption.
const (
	NotObserved State = iota // nothing sealed has come
	Yes
	No
	Partial
)

func (s State) String() string {
	return [...]string{"not observed", "yes", "no", "partial"}[s&3]
}
