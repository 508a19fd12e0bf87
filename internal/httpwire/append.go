package httpwire

import "strconv"

// LastChunk ends a chunked body that has no trailers.
const LastChunk = "0\r\n\r\n"

// AppendRequestLine appends an HTTP/1.1 request line. Blanks and control bytes
// in the target, which a parsed regular one cannot have, are percent-encoded.
func AppendRequestLine[M, T text](dst []byte, method M, target T) []byte {
	const digits = "0123456789ABCDEF"
	dst = append(dst, method...)
	dst = append(dst, ' ')
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c == 0x7f {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, RequestLineEnd...)
}

// RequestLineEnd is what AppendRequestLine puts behind the target.
const RequestLineEnd = " HTTP/1.1\r\n"

// AppendStatusLine appends an HTTP/1.1 status line. An empty reason is kept
// empty; control bytes in it become spaces.
func AppendStatusLine(dst []byte, status int, reason string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	return append(appendValue(dst, reason), '\r', '\n')
}

// AppendField appends a field line. Control bytes in the value become spaces,
// so that no value can end the line (RFC 9110 5.5); the name must be a token.
func AppendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	return append(appendValue(dst, value), '\r', '\n')
}

func appendValue(dst []byte, value string) []byte {
	start := len(dst)
	dst = append(dst, value...)
	for i := start; i < len(dst); i++ {
		if c := dst[i]; isControl(c) && c != '\t' {
			dst[i] = ' '
		}
	}
	return dst
}

// AppendChunkHead appends the line before a chunk of n > 0 bytes; the chunk's
// data is followed by CRLF.
func AppendChunkHead(dst []byte, n int) []byte {
	return append(strconv.AppendUint(dst, uint64(n), 16), '\r', '\n')
}

// AppendChunk appends data as one chunk; nothing if it is empty, since an
// empty chunk would end the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = append(AppendChunkHead(dst, len(data)), data...)
	return append(dst, '\r', '\n')
}
