package tlswire

// NotTLSError says that a stream is not TLS, by its first five bytes.
type NotTLSError struct {
	Looks string // what it looks like instead: "plain HTTP", "SSH"; empty if like nothing known
}

func (e *NotTLSError) Error() string {
	if e.Looks == "" {
		return "read TLS record 1: not TLS"
	}
	return "read TLS record 1: not TLS, looks like " + e.Looks
}

// looksLike names the protocol that a stream begins with. The bytes themselves
// are not told: they may be part of a secret.
func looksLike(b [headerLen]byte) string {
	switch string(b[:]) {
	case "HTTP/", "GET /", "HEAD ", "POST ", "PUT /", "DELET", "OPTIO", "PATCH", "TRACE", "CONNE", "PROPF", "GET h", "PUT h":
		return "plain HTTP"
	case "PRI *":
		return "plain HTTP/2"
	case "PROXY", "\r\n\r\n\x00":
		return "a PROXY protocol header"
	case "SSH-1", "SSH-2":
		return "SSH"
	}
	switch {
	case b[0]&0x80 != 0 && b[2] == TypeClientHello && (b[3] == 3 || b[3] == 0 && b[4] == 2):
		return "an SSL 2.0 ClientHello that offers " + VersionName(uint16(b[3])<<8|uint16(b[4]))
	case b[0] == 3 && b[1] == 0 && b[2] == 0:
		return "RDP"
	case b[0] == 5 && b[1] >= 1 && b[1] <= 4 && b[2] <= 2:
		return "SOCKS 5"
	case string(b[:4]) == "220 " || string(b[:4]) == "220-":
		return "SMTP or FTP, where the server speaks first"
	case b[0] >= ' ' && b[0] < 0x7f && b[1] >= ' ' && b[1] < 0x7f && b[2] >= ' ' && b[2] < 0x7f:
		return "text"
	}
	return ""
}
