package operator

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"fanlight/internal/waf/rx"
)

// byteRange matches values with a byte that is not valid.
type byteRange struct {
	needing
	valid [256]bool
}

// newByteRange reads numbers and ranges of them, as in "9,32-126". Without any,
// each value matches.
func newByteRange(list string) (Operator, error) {
	if list == "" {
		return always{}, nil
	}
	o := &byteRange{}
	for part := range strings.SplitSeq(list, ",") {
		first, last, ok := strings.Cut(strings.TrimSpace(part), "-")
		if !ok {
			last = first
		}
		from, err := byteNumber(first)
		if err != nil {
			return nil, err
		}
		to, err := byteNumber(last)
		if err != nil {
			return nil, err
		}
		for b := from; b <= to; b++ {
			o.valid[b] = true
		}
	}
	var invalid rx.ByteSet
	for b, valid := range o.valid {
		if !valid {
			add(&invalid, byte(b))
		}
	}
	o.needs = rx.Needs{Any: []rx.Clause{{Bytes: []rx.ByteSet{invalid}, MinLen: 1}}}
	return o, nil
}

func byteNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 255 {
		return 0, fmt.Errorf("read the range of @validateByteRange: %q is no byte", s)
	}
	return n, nil
}

func (o *byteRange) Match(value, _ string, _ Capture) bool {
	for i := range len(value) {
		if !o.valid[value[i]] {
			return true
		}
	}
	return false
}

// urlEncoding matches values with a percent sign that two hexadecimal digits do
// not follow.
type urlEncoding struct{}

func (urlEncoding) Match(value, _ string, _ Capture) bool {
	for {
		i := strings.IndexByte(value, '%')
		if i < 0 {
			return false
		}
		if i+2 >= len(value) || !isHex(value[i+1]) || !isHex(value[i+2]) {
			return true
		}
		value = value[i+3:]
	}
}

func (urlEncoding) Needs() rx.Needs {
	return rx.Needs{Any: []rx.Clause{{Bytes: []rx.ByteSet{bytesOf("%")}, MinLen: 1}}}
}

func isHex(c byte) bool { return c-'0' < 10 || c|0x20 >= 'a' && c|0x20 <= 'f' }

// utf8Encoding matches values that are not UTF-8.
type utf8Encoding struct{ anything }

func (utf8Encoding) Match(value, _ string, _ Capture) bool { return !utf8.ValidString(value) }

// networks is @ipMatch.
type networks struct {
	anything
	list []net.IPNet
}

// newNetworks reads addresses and networks; what is neither is passed over.
func newNetworks(list []string) Operator {
	o := &networks{}
	for _, text := range list {
		text = strings.TrimSpace(text)
		if !strings.Contains(text, "/") {
			switch {
			case strings.Contains(text, ":"):
				text += "/128"
			case strings.Contains(text, "."):
				text += "/32"
			}
		}
		if _, network, err := net.ParseCIDR(text); err == nil {
			o.list = append(o.list, *network)
		}
	}
	return o
}

// Match takes an address without a zone; IPv4 in IPv6 is IPv4.
func (o *networks) Match(value, _ string, _ Capture) bool {
	if !strings.ContainsAny(value, ".:") {
		return false // ParseAddr would say so with an error
	}
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" {
		return false
	}
	ip := addr.As16()
	for i := range o.list {
		if o.list[i].Contains(ip[:]) {
			return true
		}
	}
	return false
}
