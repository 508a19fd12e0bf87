package httpwire

// EncodedPath gives the path that CleanPath gives, still percent-encoded: runs
// of slashes are merged and dot segments resolved, but of the escapes only
// those of unreserved characters (RFC 3986 section 2.3) are decoded, which mean
// the same either way. CleanPath of the result is CleanPath of the target, so
// that what is sent to an origin is what a route has judged. The result may
// alias target. ok is false where CleanPath refuses.
func EncodedPath(target []byte) (path []byte, ok bool) {
	if _, ok := CleanPath(target); !ok {
		return nil, false
	}
	raw, _ := SplitTarget(target)
	switch {
	case len(raw) == 0:
		return []byte("/"), true
	case string(raw) == "*", isClean(raw):
		return raw, true
	}
	return resolveDots(decodeUnreserved(raw)), true
}

// decodeUnreserved writes what is left of the escapes in capitals, and a
// backslash, which some origins take for a slash, as an escape.
func decodeUnreserved(raw []byte) []byte {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, len(raw)+8)
	for i := 0; i < len(raw); i++ {
		c, escaped := raw[i], raw[i] == '%'
		if escaped {
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		if escaped && !isUnreserved(c) || c == '\\' {
			out = append(out, '%', digits[c>>4], digits[c&15])
		} else {
			out = append(out, c)
		}
	}
	return out
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

// EncodedOffset gives where the byte at an offset of the path of CleanPath
// begins in the path of EncodedPath, -1 if it lies inside of an encoded slash
// or backslash.
func EncodedOffset(encoded []byte, offset int) int {
	i := 0
	for ; offset > 0 && i < len(encoded); i++ {
		offset--
		if encoded[i] != '%' {
			continue
		}
		if c := unhex(encoded[i+1])<<4 | unhex(encoded[i+2]); c == '/' || c == '\\' {
			offset -= 2 // it stands in the other as an escape too
		}
		i += 2
	}
	if offset != 0 {
		return -1
	}
	return i
}
