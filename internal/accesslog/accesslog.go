// Package accesslog writes exchanges as lines of access logs that other programs
// read: combined, as nginx and Apache httpd write it, W3C extended with the fields
// of IIS, and flat JSON.
package accesslog

import (
	"net/netip"
	"strconv"
	"time"

	"fanlight/internal/flow"
)

// Format writes the lines of one format.
type Format struct {
	Header func(now time.Time) string // what a file begins with; nil: nothing
	// Line appends one exchange of a client's connection, with its end.
	Line func(b []byte, c *flow.Conn, x *flow.Exchange, mask flow.Mask) []byte
}

// Formats are the formats by name.
func Formats() map[string]Format {
	return map[string]Format{
		"combined": {Line: combined},
		"w3c":      {Header: w3cHeader, Line: w3c},
		"json":     {Line: flatJSON},
	}
}

// client is who asked: the peer, or whom its PROXY header names.
func client(c *flow.Conn) netip.AddrPort {
	if c.Proxied.IsValid() {
		return c.Proxied
	}
	return c.Client
}

// ended is when the exchange was over, as far as that is known.
func ended(x *flow.Exchange) time.Time {
	for _, at := range []time.Time{x.Ended, x.ResponseDone, x.Responded} {
		if !at.IsZero() {
			return at
		}
	}
	return x.Started
}

// masked is what others may see of a field of the request.
func masked(x *flow.Exchange, name string, mask flow.Mask) string {
	value, _ := flow.Get(x.RequestHeader, name)
	if mask == nil {
		return value
	}
	return mask(name, value)
}

func target(x *flow.Exchange, mask flow.Mask) string {
	if mask == nil {
		return x.Target
	}
	return mask(flow.TargetField, x.Target)
}

// version is the protocol as request lines name it, empty where no request came.
func version(x *flow.Exchange) string {
	switch x.HTTP {
	case "2":
		return "HTTP/2.0"
	case "":
		return ""
	}
	return "HTTP/" + x.HTTP
}

// bytesSent are those of the response body; known is false for one whose end did
// not come.
func bytesSent(x *flow.Exchange) (n int64, known bool) {
	return x.ResponseBodyBytes, !x.ResponseDone.IsZero()
}

// hexByte appends a byte as two digits.
func hexByte(b []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, digits[c>>4], digits[c&15])
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }
