package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Target is a URL to ask for.
type Target struct {
	Secure bool
	Host   string // DNS name or IP address, without brackets
	Port   uint16
	Path   string // request target: path and query
}

// ParseTarget reads an http or https URL. Without a scheme it is https.
func ParseTarget(text string) (*Target, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("read URL: " + withoutURL(err))
	}
	return fromURL(u)
}

// withoutURL leaves the URL out of an error: it may hold a password.
func withoutURL(err error) string {
	var wrong *url.Error
	if errors.As(err, &wrong) {
		return wrong.Err.Error()
	}
	return "it is not one"
}

func fromURL(u *url.URL) (*Target, error) {
	t := &Target{Host: u.Hostname(), Path: u.RequestURI()}
	switch u.Scheme {
	case "https":
		t.Secure, t.Port = true, 443
	case "http":
		t.Port = 80
	default:
		return nil, fmt.Errorf("read URL: scheme %q: expected https or http", u.Scheme)
	}
	switch {
	case u.User != nil:
		return nil, errors.New("read URL: it holds a user name or password, which probe does not send; leave them out")
	case t.Host == "" || u.Opaque != "":
		return nil, errors.New("read URL: it names no host")
	case strings.Contains(t.Host, "%"):
		return nil, errors.New("read URL: an address with a zone is not known to the server; leave the zone out")
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("read URL: port %q: expected 1 to 65535", port)
		}
		t.Port = uint16(n)
	}
	return t, nil
}

// Scheme is https or http.
func (t *Target) Scheme() string {
	if t.Secure {
		return "https"
	}
	return "http"
}

// Authority is host and port as a Host field has it.
func (t *Target) Authority() string {
	host := t.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if t.Secure && t.Port == 443 || !t.Secure && t.Port == 80 {
		return host
	}
	return host + ":" + strconv.Itoa(int(t.Port))
}

// Origin is the URL without its path.
func (t *Target) Origin() string { return t.Scheme() + "://" + t.Authority() }

func (t *Target) String() string { return t.Origin() + t.Path }

// next is where a Location leads from t.
func (t *Target) next(location string) (*Target, error) {
	base, err := url.Parse(t.String())
	if err != nil {
		return nil, errors.New("read URL: " + withoutURL(err))
	}
	u, err := base.Parse(location)
	if err != nil {
		return nil, errors.New("read Location: " + withoutURL(err))
	}
	return fromURL(u)
}

// Pin gives a name's port an address, as curl's --resolve does.
type Pin struct {
	Host string
	Port uint16
	Addr netip.Addr
}

// ParsePin reads HOST:PORT:ADDR. An IPv6 address may be in brackets.
func ParsePin(text string) (p Pin, err error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) == 3 {
		port, portErr := strconv.ParseUint(parts[1], 10, 16)
		addr, addrErr := netip.ParseAddr(strings.Trim(parts[2], "[]"))
		if portErr == nil && addrErr == nil && parts[0] != "" && port > 0 {
			return Pin{parts[0], uint16(port), addr.Unmap()}, nil
		}
	}
	return p, fmt.Errorf("read %q: expected HOST:PORT:ADDRESS, such as shop.test:443:10.0.0.5", text)
}

// ParseGateway reads ADDRESS[:PORT]; the port is that of the URL if it is left
// out.
func ParseGateway(text string, t *Target) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap, nil
	}
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(addr, t.Port), nil
	}
	if _, _, err := net.SplitHostPort(text); err == nil {
		return netip.AddrPort{}, fmt.Errorf("read gateway %q: expected an IP address and a port, not a name", text)
	}
	return netip.AddrPort{}, fmt.Errorf("read gateway %q: expected an IP address, with :PORT if it is not %d", text, t.Port)
}
