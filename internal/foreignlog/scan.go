package foreignlog

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// scan takes a line apart from the left. After a step that did not fit, failed
// is set and the rest is empty.
type scan struct {
	rest   string
	failed bool
}

func (s *scan) fail() string {
	s.rest, s.failed = "", true
	return ""
}

// word takes what reaches to the next blank.
func (s *scan) word() string {
	s.rest = strings.TrimLeft(s.rest, " ")
	word, rest, _ := strings.Cut(s.rest, " ")
	s.rest = rest
	if word == "" {
		return s.fail()
	}
	return word
}

// list takes words of which all but the last end with a comma.
func (s *scan) list() string {
	list := s.word()
	for strings.HasSuffix(list, ",") && !s.failed {
		list += " " + s.word()
	}
	return list
}

// upTo takes what stands before mark, and mark.
func (s *scan) upTo(mark string) string {
	text, rest, found := strings.Cut(s.rest, mark)
	if !found {
		return s.fail()
	}
	s.rest = rest
	return text
}

// bracketed takes [text].
func (s *scan) bracketed() string {
	s.rest = strings.TrimLeft(s.rest, " ")
	if !strings.HasPrefix(s.rest, "[") {
		return s.fail()
	}
	s.rest = s.rest[1:]
	return s.upTo("]")
}

// quoted takes "text"; a backslash keeps the quote behind it inside.
func (s *scan) quoted() string {
	s.rest = strings.TrimLeft(s.rest, " ")
	if !strings.HasPrefix(s.rest, `"`) {
		return s.fail()
	}
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			text := s.rest[1:i]
			s.rest = s.rest[i+1:]
			return text
		}
	}
	return s.fail()
}

// number takes a decimal number, or "-" for none.
func (s *scan) number() int {
	word := s.word()
	if word == "-" {
		return 0
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		s.fail()
	}
	return n
}

// address reads an address with or without a port; what is a name or a path is
// no address.
func address(text string) netip.AddrPort {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), 0)
	}
	return netip.AddrPort{}
}

// unbracketed reads an address behind whose last colon stands the port, also
// one of IPv6 without brackets.
func unbracketed(text string) netip.AddrPort {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return address(text)
	}
	return withPort(text[:i], text[i+1:])
}

// withPort joins an address and a port that stand apart.
func withPort(ip, port string) netip.AddrPort {
	at := address(ip)
	if n, err := strconv.ParseUint(port, 10, 16); err == nil && at.IsValid() {
		return netip.AddrPortFrom(at.Addr(), uint16(n))
	}
	return at
}

// seconds reads a duration such as 1.009; what is none is not known.
func seconds(text string) (time.Duration, bool) { return scaled(text, time.Second) }

// milliseconds reads a duration such as 120016.
func milliseconds(text string) (time.Duration, bool) { return scaled(text, time.Millisecond) }

func scaled(text string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n < 1e9) {
		return 0, false
	}
	return time.Duration(n * float64(unit)), true
}

// status reads a status code, 0 if it is none.
func status(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 999 {
		return 0
	}
	return n
}
