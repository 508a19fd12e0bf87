package accesslog

import (
	"strings"
	"time"

	"fanlight/internal/flow"
)

// w3cFields are those of IIS in its order, and behind them what else IIS can be
// told to write.
const w3cFields = "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken sc-bytes cs-version cs-host"

// w3cHeader begins a log of W3C's extended format (W3C WD-logfile-960323).
func w3cHeader(now time.Time) string {
	return "#Software: Fanlight\n#Version: 1.0\n#Date: " + now.UTC().Format(time.DateTime) + "\n#Fields: " + w3cFields + "\n"
}

// w3c is a line of it: times in UTC, when the exchange was over, time-taken in
// milliseconds. What IIS alone knows, or nobody, is a dash.
func w3c(b []byte, c *flow.Conn, x *flow.Exchange, mask flow.Mask) []byte {
	stem, query, _ := strings.Cut(target(x, mask), "?")
	b = ended(x).UTC().AppendFormat(b, time.DateTime)
	for _, value := range []string{c.Server.Addr().String(), x.Method, stem, query} {
		b = appendField(b, value)
	}
	b = appendInt(append(b, ' '), int64(c.Server.Port()))
	b = appendField(append(b, " -"...), client(c).Addr().String())
	b = appendField(b, masked(x, "User-Agent", mask))
	b = appendField(b, masked(x, "Referer", mask))
	b = appendInt(append(b, ' '), int64(x.Status))
	if x.SubStatus != 0 {
		b = appendInt(append(b, ' '), int64(x.SubStatus))
	} else {
		b = append(b, " -"...)
	}
	b = append(b, " - "...)
	if took, known := x.Total(); known {
		b = appendInt(b, took.Milliseconds())
	} else {
		b = append(b, '-')
	}
	if n, known := bytesSent(x); known {
		b = appendInt(append(b, ' '), n)
	} else {
		b = append(b, " -"...)
	}
	b = appendField(b, version(x))
	return append(appendField(b, x.Host), '\n')
}

// appendField writes a blank and a value without blanks: as IIS does, a plus
// stands for one. What cannot be printed is written in hexadecimal.
func appendField(b []byte, value string) []byte {
	b = append(b, ' ')
	if value == "" {
		return append(b, '-')
	}
	for i := range len(value) {
		switch c := value[i]; {
		case c == ' ':
			b = append(b, '+')
		case c < ' ' || c >= 0x7f:
			b = hexByte(append(b, '%'), c)
		default:
			b = append(b, c)
		}
	}
	return b
}
