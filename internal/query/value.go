package query

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Type is how the values of a field are written and compared.
type Type uint8

const (
	Text     Type = iota
	Name          // of a host: letter case does not count
	Word          // one of a few words
	Number        // whole; ids may have their letter (c7, x12)
	Size          // bytes
	Duration      // nanoseconds
	Time          // nanoseconds since the Unix epoch
	Version       // of TLS or HTTP
	Flag          // yes or no
	Address       // IP address; compared with networks too
)

var typeNames = [...]string{"text", "name", "word", "number", "size", "duration", "time", "version", "yes/no", "address"}

func (t Type) String() string { return typeNames[t] }

// ordered reports whether values of the type can be less than others.
func (t Type) ordered() bool { return t >= Number && t <= Version }

// searched reports whether values of the type are looked into.
func (t Type) searched() bool { return t <= Word }

// value is one value of a field: text of what is searched, an address, or a
// number.
type value struct {
	text    string
	number  int64
	address netip.Addr
}

// operand is what stands behind an operator; from and to are the same but for
// a range.
type operand struct {
	source   string // as it was written, without quotes
	text     string
	from, to int64
	network  netip.Prefix
}

// readOperand reads a value as the field's type has it.
func readOperand(f *field, s string, inSet bool) (operand, error) {
	o := operand{source: s, text: s}
	var err error
	switch f.kind {
	case Text:
	case Name:
		o.text = strings.ToLower(s)
	case Word:
		if !f.knows(s) {
			err = fault{fmt.Sprintf("%q is never the value of %s", s, f.name), suggest(s, f.words)}
		}
	case Address:
		o.network, err = readNetwork(s)
	default:
		low, high, isRange := strings.Cut(s, "..")
		if !isRange || !inSet || !f.kind.ordered() {
			low, high = s, s
		}
		if o.from, err = readNumber(f.kind, low); err == nil {
			o.to, err = readNumber(f.kind, high)
		}
		if err == nil && o.from > o.to {
			err = fault{fmt.Sprintf("the range %s is empty", s), "the smaller value stands first"}
		}
	}
	return o, err
}

// fault is an error with a hint.
type fault struct{ msg, hint string }

func (f fault) Error() string { return f.msg }

func readNumber(kind Type, s string) (int64, error) {
	switch kind {
	case Size:
		return readSize(s)
	case Duration:
		return readDuration(s)
	case Time:
		return readTime(s)
	case Version:
		if v, ok := version(s); ok {
			return v, nil
		}
		return 0, fault{fmt.Sprintf("%q is no version", s), "write 1.2, or ssl3"}
	case Flag:
		return readFlag(s)
	}
	digits := s
	if len(s) > 1 && (s[0] == 'c' || s[0] == 'x') {
		digits = s[1:]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fault{fmt.Sprintf("%q is no whole number", s), ""}
	}
	return n, nil
}

func readSize(s string) (int64, error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	unit, known := int64(0), false
	switch strings.ToLower(s[digits:]) {
	case "", "b":
		unit, known = 1, true
	case "kb":
		unit, known = 1e3, true
	case "mb":
		unit, known = 1e6, true
	case "gb":
		unit, known = 1e9, true
	case "kib":
		unit, known = 1<<10, true
	case "mib":
		unit, known = 1<<20, true
	case "gib":
		unit, known = 1<<30, true
	}
	if err != nil || !known || n > math.MaxInt64/unit {
		return 0, fault{fmt.Sprintf("%q is no size", s), "write 4kB, 64KiB, or a number of bytes"}
	}
	return n * unit, nil
}

func readDuration(s string) (int64, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(n) < 1e9 {
		return int64(math.Round(n * 1e9)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fault{fmt.Sprintf("%q is no duration", s), "write 30ms, 120s, 1h30m, or a number of seconds"}
	}
	return int64(d), nil
}

func readTime(s string) (int64, error) {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1700 && t.Year() <= 2200 {
			return t.UnixNano(), nil
		}
	}
	return 0, fault{fmt.Sprintf("%q is no time", s), "write 2006-01-02T15:04:05Z"}
}

func readFlag(s string) (int64, error) {
	switch strings.ToLower(s) {
	case "yes", "true", "1":
		return 1, nil
	case "no", "false", "0":
		return 0, nil
	}
	return 0, fault{fmt.Sprintf("%q is neither yes nor no", s), ""}
}

// version reads a version of TLS or HTTP as a number that orders them: 1.2 is
// 12, SSL 3.0 comes before TLS 1.0.
func version(s string) (int64, bool) {
	s = strings.ToLower(s)
	for _, prefix := range [...]string{"tls", "http/", "h", "v", " "} {
		s = strings.TrimPrefix(s, prefix)
	}
	switch s {
	case "ssl3", "ssl3.0", "sslv3":
		return 3, true
	}
	major, minor, _ := strings.Cut(s, ".")
	if minor == "" && len(s) == len(major) {
		minor = "0"
	}
	if len(major) != 1 || len(minor) != 1 || major < "1" || major > "9" || minor < "0" || minor > "9" {
		return 0, false
	}
	return int64(major[0]-'0')*10 + int64(minor[0]-'0'), true
}

func readNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fault{fmt.Sprintf("%q is neither an address nor a network", s), "write 10.0.0.5, 10.0.0.0/8 or 2001:db8::/32"}
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// holds reports whether a value is equal to the operand, or in its range.
func (o *operand) holds(kind Type, v value) bool {
	switch kind {
	case Text, Word:
		return v.text == o.text
	case Name:
		return strings.EqualFold(v.text, o.text)
	case Address:
		return o.network.Contains(v.address)
	}
	return o.from <= v.number && v.number <= o.to
}
