package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// parseBinding reads "[http://]ADDR:PORT [NAME ...]".
func parseBinding(s string) (Binding, error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return Binding{}, badValue("", "it is empty")
	}
	var b Binding
	var err error
	if b.Addr, b.Plain, err = parseEndpoint(words[0]); err != nil {
		return b, at(err, strings.Index(s, words[0]))
	}
	offset := strings.Index(s, words[0]) + len(words[0])
	for _, word := range words[1:] {
		offset += strings.Index(s[offset:], word)
		name, err := parseName(word)
		if err != nil {
			return b, at(err, offset)
		}
		if slices.Contains(b.Names, name) {
			return b, &valueError{at: offset, message: fmt.Sprintf("%q is there twice", name)}
		}
		b.Names = append(b.Names, name)
		offset += len(word)
	}
	return b, nil
}

func at(err error, offset int) error {
	var fault *valueError
	if errors.As(err, &fault) {
		fault.at += offset
	}
	return err
}

func parseEndpoint(word string) (addr netip.AddrPort, plain bool, err error) {
	rest, plain := strings.CutPrefix(word, "http://")
	rest = strings.TrimPrefix(rest, "https://")
	addr, err = netip.ParseAddrPort(rest)
	if err != nil {
		return addr, plain, endpointFault(rest)
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if addr.Port() == 0 {
		return addr, plain, badValue("", "port 0 is no port a client could know")
	}
	return addr, plain, exact(addr.Addr())
}

// endpointFault tells what is wrong with something that is not ADDR:PORT.
func endpointFault(s string) error {
	host, port, hasPort := cutLast(s, ":")
	bare, isAddr := parseBracketed(s)
	_, addrOnly := parseBracketed(host)
	switch {
	case isAddr:
		return badValue(fmt.Sprintf("did you mean %q?", netip.AddrPortFrom(bare, 443)), "%q has no port", s)
	case hasPort && (host == "" || host == "*"):
		return badValue("name the exact address, such as 127.0.0.2:"+port, "%q takes the port on every address of the machine", s)
	case addrOnly && len(port) > 3 && strings.Trim(port, "0123456789") == "":
		return badValue("", "port %s is not between 1 and 65535", port)
	case hasPort && hostFault(host) == "" && !strings.ContainsAny(host, ":[") && strings.Trim(host, "0123456789.") != "":
		return badValue(fmt.Sprintf("write the address first, then the name: \"127.0.0.2:%s %s\"", port, host), "%q is a name where an address belongs", host)
	}
	return badValue(`write ADDR:PORT, such as 127.0.0.2:443 or [::1]:443, then the names`, "%q is not an address with a port", s)
}

func parseBracketed(s string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		s = strings.TrimSuffix(inner, "]")
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// String is the form used in the file.
func (b Binding) String() string {
	out := b.Addr.String()
	if b.Plain {
		out = "http://" + out
	}
	return strings.Join(append([]string{out}, b.Names...), " ")
}
