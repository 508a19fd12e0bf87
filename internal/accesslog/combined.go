package accesslog

import (
	"fmt"
	"strings"

	"fanlight/internal/flow"
)

// combined is the combined format of Apache httpd and nginx:
//
//	CLIENT - - [TIME] "REQUEST LINE" STATUS BYTES "REFERER" "USER AGENT"
//
// What a client chose is escaped as Apache does (ap_escape_logitem), so that it
// cannot end a field or a line. A client that got no response has status 000, as
// in nginx.
func combined(b []byte, c *flow.Conn, x *flow.Exchange, mask flow.Mask) []byte {
	b = append(client(c).Addr().AppendTo(b), " - - ["...)
	b = ended(x).AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	if x.Method == "" {
		b = append(b, '-')
	} else {
		b = appendEscaped(b, strings.TrimSpace(x.Method+" "+target(x, mask)+" "+version(x)))
	}
	b = fmt.Appendf(b, `" %03d `, x.Status)
	if n, known := bytesSent(x); known {
		b = appendInt(b, n)
	} else {
		b = append(b, '-')
	}
	b = appendQuoted(b, masked(x, "Referer", mask))
	b = appendQuoted(b, masked(x, "User-Agent", mask))
	return append(b, '\n')
}

func appendQuoted(b []byte, value string) []byte {
	if value == "" {
		value = "-"
	}
	return append(appendEscaped(append(b, ` "`...), value), '"')
}

// appendEscaped writes quotes, backslashes and what cannot be printed as Apache
// does: \" \\ \n \x1B.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ' || c >= 0x7f:
			b = hexByte(append(b, `\x`...), c)
		default:
			b = append(b, c)
		}
	}
	return b
}
