package httpwire

import "bytes"

// CleanPath gives the path of a request target as routes and folders know it:
// percent-decoded, runs of slashes merged, dot segments resolved, never above
// the root; a slash at the end stays. "*" stays; an absolute-form target
// without a path has "/". It allocates only the result if nothing is to be done.
//
// An encoded slash, and a backslash however written, stand in the result as
// %2F and %5C: they separate nothing. The result must not be decoded again.
//
// ok is false for a broken escape, a control byte or NUL in either form, a
// fragment, an authority-form target, and for a dot segment next to an encoded
// slash or a backslash, which an origin that takes those for separators would
// resolve behind the back of a route.
func CleanPath(target []byte) (path string, ok bool) {
	raw, _ := SplitTarget(target)
	switch {
	case raw == nil:
		return "", false
	case len(raw) == 0:
		return "/", true
	case string(raw) == "*", isClean(raw):
		return string(raw), true
	}
	decoded, ok := decodePath(raw)
	if !ok || hidesDots(decoded) {
		return "", false
	}
	return string(resolveDots(decoded)), true
}

// isClean reports whether a path has nothing to decode, merge or resolve.
func isClean(path []byte) bool {
	before := byte(0)
	for _, c := range path {
		if c <= ' ' || c >= 0x7f || c == '%' || c == '\\' || c == '#' ||
			before == '/' && (c == '/' || c == '.') {
			return false
		}
		before = c
	}
	return true
}

func decodePath(raw []byte) (decoded []byte, ok bool) {
	if badEscape(raw) >= 0 {
		return nil, false
	}
	decoded = make([]byte, 0, len(raw)+8)
	for i := 0; i < len(raw); i++ {
		c, escaped := raw[i], raw[i] == '%'
		if escaped {
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		switch {
		case isControl(c), c == '#' && !escaped:
			return nil, false
		case c == '/' && escaped:
			decoded = append(decoded, "%2F"...)
		case c == '\\':
			decoded = append(decoded, "%5C"...)
		default:
			decoded = append(decoded, c)
		}
	}
	return decoded, true
}

// resolveDots follows RFC 3986 5.2.4 on a path that starts with a slash.
func resolveDots(path []byte) []byte {
	out := make([]byte, 0, len(path))
	dir := false
	for segment := range bytes.SplitSeq(path[1:], []byte("/")) {
		dir = true
		switch string(segment) {
		case "", ".":
		case "..":
			out = out[:max(0, bytes.LastIndexByte(out, '/'))]
		default:
			dir = false
			out = append(append(out, '/'), segment...)
		}
	}
	if dir {
		out = append(out, '/')
	}
	return out
}

// hidesDots reports whether a segment of a decoded path would hold a dot segment
// if %2F and %5C separated.
func hidesDots(path []byte) bool {
	for segment := range bytes.SplitSeq(path, []byte("/")) {
		if bytes.IndexByte(segment, '%') < 0 {
			continue
		}
		parts := bytes.ReplaceAll(segment, []byte("%5C"), []byte("%2F"))
		for part := range bytes.SplitSeq(parts, []byte("%2F")) {
			if string(part) == "." || string(part) == ".." {
				return true
			}
		}
	}
	return false
}
