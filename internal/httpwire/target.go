package httpwire

import (
	"bytes"
	"net/netip"
)

// checkTarget looks for the four forms of RFC 9112 3.2. Bytes that RFC 3986
// does not have but browsers send (| { } ^ and others) pass; a fragment, bytes
// above ASCII and a broken % in the path do not. The query may hold any %.
func (h *Head) checkTarget() {
	target := h.Bytes(h.Target)
	for i, c := range target {
		switch {
		case c > ' ' && c < 0x7f && c != '#':
		case isBlank(c):
			h.note(BadStartLine, int(h.Target.Start)+i)
		case c == '#':
			h.note(FragmentInTarget, int(h.Target.Start)+i)
		case c >= 0x80:
			h.note(NonASCIITarget, int(h.Target.Start)+i)
		default:
			h.note(controlName(c, ControlInTarget), int(h.Target.Start)+i)
		}
	}
	if !validForm(h.Bytes(h.Method), target) {
		h.note(BadTarget, int(h.Target.Start))
	}
	path, query := SplitTarget(target)
	if at := badEscape(path); at >= 0 {
		start := len(target) - len(path)
		if query != nil {
			start -= len(query) + 1
		}
		h.note(BadEscape, int(h.Target.Start)+start+at)
	}
}

func validForm(method, target []byte) bool {
	switch {
	case string(method) == "CONNECT":
		return validAuthority(target, true)
	case string(target) == "*":
		return string(method) == "OPTIONS"
	case len(target) > 0 && target[0] == '/':
		return true
	}
	authority, _ := splitAbsolute(target)
	return validAuthority(authority, false)
}

// badEscape gives the index of a % that two hexadecimal digits do not follow,
// -1 if there is none.
func badEscape(path []byte) int {
	for i := 0; ; i++ {
		next := bytes.IndexByte(path[i:], '%')
		if next < 0 {
			return -1
		}
		i += next
		if len(path)-i < 3 || !isHex(path[i+1]) || !isHex(path[i+2]) {
			return i
		}
	}
}

// Authority gives the host and port a request is for: that of an absolute-form
// or authority-form target, which overrules Host (RFC 9112 3.2.2), or else the
// value of the first Host field; nil if there is none.
func (h *Head) Authority() []byte {
	target := h.Bytes(h.Target)
	switch {
	case string(h.Bytes(h.Method)) == "CONNECT":
		return target
	case len(target) > 0 && target[0] != '/' && target[0] != '*':
		authority, _ := splitAbsolute(target)
		return authority
	}
	return h.Get("Host")
}

// SplitTarget gives the path and the query of a request target as they were
// written. The query is without its question mark, nil if there was none. The
// path of an absolute-form target may be empty; that of an authority-form
// target is nil.
func SplitTarget(target []byte) (path, query []byte) {
	path = target
	if len(target) == 0 || target[0] != '/' && string(target) != "*" {
		_, path = splitAbsolute(target)
	}
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return path, nil
}

// splitAbsolute takes a target scheme://authority/path apart; both parts are
// nil if it is none. rest starts with a slash or a question mark or is empty.
func splitAbsolute(target []byte) (authority, rest []byte) {
	colon := bytes.Index(target, []byte("://"))
	if colon <= 0 || !validScheme(target[:colon]) {
		return nil, nil
	}
	rest = target[colon+3:]
	if i := bytes.IndexAny(rest, "/?"); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, rest[len(rest):]
}

func validScheme(b []byte) bool {
	for _, c := range b {
		if class[c]&classScheme == 0 {
			return false
		}
	}
	return lower(b[0]) >= 'a' && lower(b[0]) <= 'z'
}

// checkHost follows RFC 9112 3.2: exactly one Host in HTTP/1.1, which may be
// empty where the target has no authority.
func (h *Head) checkHost() {
	hosts := 0
	for _, f := range h.Fields {
		if !equalFold(h.Bytes(f.Name), "host") {
			continue
		}
		if hosts++; hosts > 1 {
			h.note(HostRepeated, int(f.Name.Start))
		}
		if value := h.Bytes(f.Value); len(value) > 0 && !validAuthority(value, false) {
			h.note(BadHost, int(f.Value.Start))
		}
	}
	if hosts == 0 && h.Minor > 0 {
		h.note(HostMissing, int(h.lines.End))
	}
}

// validAuthority accepts host[:port] of RFC 3986 3.2 without user information.
// Percent-encoding and zones are left out: names here are DNS names, and a
// second way to write one is a way around a rule.
func validAuthority(b []byte, needPort bool) bool {
	host, port := b, []byte(nil)
	if i := bytes.LastIndexByte(b, ':'); i > bytes.LastIndexByte(b, ']') {
		host, port = b[:i], b[i+1:]
	}
	if len(host) == 0 || len(port) > 5 || needPort && len(port) == 0 || len(port) > 0 && !validPort(port) {
		return false
	}
	if host[0] == '[' {
		return validIPLiteral(host)
	}
	for _, c := range host {
		if class[c]&classHost == 0 {
			return false
		}
	}
	return true
}

func validPort(b []byte) bool {
	n := parseLength(b)
	return n >= 0 && n <= 65535
}

func validIPLiteral(host []byte) bool {
	if host[len(host)-1] != ']' || bytes.IndexByte(host, '%') >= 0 {
		return false
	}
	addr, err := netip.ParseAddr(string(host[1 : len(host)-1]))
	return err == nil && addr.Is6()
}
