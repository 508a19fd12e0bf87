package httpwire

// Error codes of HTTP/2 (RFC 9113, section 7).
const (
	CodeNone uint32 = iota
	CodeProtocol
	CodeInternal
	CodeFlowControl
	CodeSettingsTimeout
	CodeStreamClosed
	CodeFrameSize
	CodeRefusedStream
	CodeCancel
	CodeCompression
	CodeConnect
	CodeEnhanceYourCalm
	CodeInadequateSecurity
	CodeHTTP11Required
)

// Settings of HTTP/2 (RFC 9113, section 6.5.2; RFC 8441; RFC 9218).
const (
	SettingTableSize       uint16 = 1
	SettingPush            uint16 = 2
	SettingMaxStreams      uint16 = 3
	SettingInitialWindow   uint16 = 4
	SettingMaxFrame        uint16 = 5
	SettingMaxHeaderList   uint16 = 6
	SettingConnectProtocol uint16 = 8
	SettingNoPriorities    uint16 = 9
)

// Names of what is irregular to a strict reader, besides those that the
// tolerant one tells.
const (
	H2WrongValue     = "h2-wrong-value"     // a setting, an increment or a dependency that RFC 9113 does not allow
	H2Unexpected     = "h2-unexpected"      // a frame that its sender may not send
	H2ForbiddenField = "h2-forbidden-field" // see H2Field.Forbidden
	H2BadPseudo      = "h2-bad-pseudo"      // a pseudo field that is unknown, missing, repeated or behind others
	H2HostDiffers    = "h2-host-differs"    // from :authority
)

// H2Error is a breach of RFC 9113 or RFC 7541. Stream is the stream that ends
// by it; 0: the connection does.
type H2Error struct {
	Code   uint32
	Stream uint32
	Name   string // of the irregularity
}

func (e *H2Error) Error() string {
	return "read HTTP/2 frame: " + e.Name + " (" + H2ErrorName(e.Code) + ")"
}

func connectionError(code uint32, name string) *H2Error { return &H2Error{Code: code, Name: name} }
