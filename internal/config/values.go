package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// valueError is what is wrong with a single value; at is the byte offset in it.
type valueError struct {
	at            int
	message, hint string
}

func (e *valueError) Error() string { return e.message }

func badValue(hint, format string, args ...any) error {
	return &valueError{message: fmt.Sprintf(format, args...), hint: hint}
}

func parseInt(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, badValue("", "%q is not a whole number", s)
	}
	return n, nil
}

func parseDuration(s string) (Duration, error) {
	if n, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 16); err == nil && n > 0 && strings.HasSuffix(s, "d") {
		return Duration(time.Duration(n) * 24 * time.Hour), nil
	}
	d, err := time.ParseDuration(s)
	if _, bare := strconv.Atoi(s); bare == nil {
		return 0, badValue(fmt.Sprintf("write %ss, or another unit: ms, s, m, h", s), "%q has no unit", s)
	}
	switch {
	case err != nil:
		return 0, badValue("write 5s, 250ms or 1h30m", "%q is not a duration", s)
	case d <= 0:
		return 0, badValue("leave it out for the default", "%q is not more than zero", s)
	}
	return Duration(d), nil
}

// String is the form used in the file: 1h30m, 250ms.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

type unit struct {
	name  string
	bytes int64
}

func units() []unit {
	return []unit{{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1}}
}

func parseSize(s string) (Size, error) {
	const hint = "write 64MiB, 10kB, or a number of bytes"
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, badValue("", "%q is too large", s)
	}
	if err != nil {
		return 0, badValue(hint, "%q is not a size", s)
	}
	name := strings.TrimSpace(s[digits:])
	if name == "" {
		return Size(n), nil
	}
	for _, u := range units() {
		switch {
		case !strings.EqualFold(u.name, name):
		case n > math.MaxInt64/u.bytes:
			return 0, badValue("", "%q is too large", s)
		default:
			return Size(n * u.bytes), nil
		}
	}
	return 0, badValue(hint, "%q is not a unit of size", name)
}

// String is the form used in the file, in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range units() {
		if s != 0 && int64(s)%u.bytes == 0 && u.bytes > 1 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

func parseAddress(s string) (Address, error) {
	if _, err := netip.ParsePrefix(s); err == nil {
		return Address{}, badValue("write every address by itself", "%q is a range, not an address", s)
	}
	if _, err := netip.ParseAddrPort(s); err == nil {
		return Address{}, badValue("leave the port to the bindings of the sites", "%q has a port", s)
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, badValue("write an address such as 127.0.0.2 or \"::1\"", "%q is not an IP address", s)
	}
	a = a.Unmap()
	return a, exact(a)
}

// exact refuses what is not one address of this machine.
func exact(a netip.Addr) error {
	switch {
	case a.IsUnspecified():
		return badValue(`name the exact addresses, such as 127.0.0.2; "ip -brief address" lists those of this machine`,
			"%s takes the port on every address of the machine", a)
	case a.IsMulticast():
		return badValue("", "%s is a multicast address", a)
	}
	return nil
}

// parsePrefix gives IPv4 as such where it is written as IPv6 (RFC 4291 section
// 2.5.5.2): clients are compared so.
func parsePrefix(s string) (Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, badValue("write 10.0.0.7, 10.0.0.0/8 or \"fd00::/8\"", "%q is neither an IP address nor a CIDR block", s)
	case p != p.Masked():
		return p, badValue(fmt.Sprintf("did you mean %q?", p.Masked()), "%q has bits set beyond its length", s)
	}
	if mapped := 128 - 32; p.Addr().Is4In6() && p.Bits() >= mapped {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped), nil
	}
	return p, nil
}

func parseOrigin(s string) (Origin, error) {
	const hint = "write https://HOST:PORT"
	u, err := url.Parse(s)
	switch {
	case strings.Contains(s, "@"):
		return Origin{}, badValue("send credentials with request_headers", "the URL holds credentials")
	case !strings.Contains(s, "://"):
		return Origin{}, badValue(fmt.Sprintf("did you mean %q?", "https://"+s), "%q has no scheme", s)
	case err != nil:
		return Origin{}, badValue(hint, "this is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return Origin{}, badValue(hint, "scheme %q is neither https nor http", u.Scheme)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", strings.HasSuffix(s, "?"), strings.HasSuffix(s, "#"):
		return Origin{}, badValue(fmt.Sprintf("did you mean %q? The path of the request is passed on as it is", u.Scheme+"://"+u.Host), "%q has more than host and port", s)
	}
	o := Origin{Scheme: u.Scheme, Host: strings.ToLower(u.Hostname())}
	if fault := hostFault(o.Host); fault != "" {
		return o, badValue(hint, "%s", fault)
	}
	o.Port, err = originPort(u)
	return o, err
}

func originPort(u *url.URL) (uint16, error) {
	switch port := u.Port(); {
	case port != "":
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return 0, badValue("", "port %s is not between 1 and 65535", port)
		}
		return uint16(n), nil
	case u.Scheme == "http":
		return 80, nil
	}
	return 443, nil
}

// String is the URL of the origin, always with its port.
func (o Origin) String() string { return o.Scheme + "://" + o.Authority() }

// Authority is HOST:PORT, an IPv6 address in brackets.
func (o Origin) Authority() string {
	host := o.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(o.Port))
}
