package vars

import (
	"net/url"
	"strings"
)

// Target reads the request line, whose target is as the client sent it.
func (v *Values) Target(method, target, protocol string) {
	v.Set(RequestMethod, method)
	v.Set(RequestProtocol, protocol)
	v.Set(RequestURIRaw, target)
	v.Set(RequestLine, v.arena.Join(method, " ", target, " ", protocol))
	uri, _, _ := strings.Cut(target, "#")
	path, query := v.split(uri)
	v.arguments(query)
	v.query = len(v.args)
	v.argumentsDone()
	v.Set(RequestFilename, path)
	v.Set(QueryString, query)
	base := path[strings.LastIndexAny(path, `/\`)+1:]
	if base == "" {
		base = path
	}
	v.Set(RequestBasename, base)
}

// split gives the path, decoded, and the query of a target without a fragment. A
// target that is no URI is cut at its question mark, and nothing is decoded.
func (v *Values) split(uri string) (path, query string) {
	if path, query, plain := cutPlain(uri); plain {
		v.Set(RequestURI, uri)
		return v.unescape(path, false), query
	}
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		v.Set(URIParseError, "1")
		v.Set(RequestURI, uri)
		path, query, _ = strings.Cut(uri, "?")
		return path, query
	}
	v.Set(RequestURI, u.String())
	return u.Path, u.RawQuery
}

// cutPlain cuts a target that net/url reads and writes again without a change: a
// path of bytes that need no escape, and any query without control characters.
func cutPlain(uri string) (path, query string, plain bool) {
	if !strings.HasPrefix(uri, "/") || strings.HasPrefix(uri, "//") {
		return "", "", false
	}
	path, query, _ = strings.Cut(uri, "?")
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '%':
			if i+2 >= len(path) || hex(path[i+1]) < 0 || hex(path[i+2]) < 0 {
				return "", "", false
			}
		case strings.IndexByte("/-._~!$&'()*+,;=:@[]", c) < 0:
			return "", "", false
		}
	}
	for i := range len(query) {
		if query[i] < ' ' || query[i] == 0x7f {
			return "", "", false
		}
	}
	return path, query, true
}

// arguments adds the parameters of a query, or of a form.
func (v *Values) arguments(query string) {
	for n := 0; query != ""; {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		if v.limits.Arguments > 0 && n >= v.limits.Arguments {
			v.Set(ArgumentsLimitReached, "1")
			return
		}
		n++
		key, value, _ := strings.Cut(pair, "=")
		v.addArgument(v.unescape(key, true), v.unescape(value, true))
	}
}

// unescape decodes %XX, and + if it stands for a blank. What is no escape stays.
func (v *Values) unescape(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s
	}
	b := v.arena.Room(len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' && plus {
			c = ' '
		}
		if c == '%' && i+2 < len(s) {
			if high, low := hex(s[i+1]), hex(s[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		b = append(b, c)
	}
	return v.arena.Keep(b)
}

// hex is the value of a digit; -1: it is none.
func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
