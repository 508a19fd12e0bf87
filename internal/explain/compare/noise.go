package compare

import (
	"slices"
	"strings"
)

// shape is a request target without what changes from one try to the next: ids
// in the path, values in the query.
func shape(target string) string {
	if _, rest, found := strings.Cut(target, "://"); found { // absolute form, as a proxy is sent it
		if _, path, found := strings.Cut(rest, "/"); found {
			target = "/" + path
		} else {
			target = "/"
		}
	}
	path, query, _ := strings.Cut(target, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		s, _, _ = strings.Cut(s, ";")
		segments[i] = withoutIDs(s, 1)
	}
	out := strings.Join(segments, "/")
	if query == "" {
		return out
	}
	names := strings.Split(query, "&")
	for i, pair := range names {
		names[i], _, _ = strings.Cut(pair, "=")
	}
	slices.Sort(names)
	return out + "?" + strings.Join(slices.Compact(names), "&")
}

// withoutIDs puts a mark in place of words that look made by a machine: numbers
// of so many digits or more, and what is long and mixed.
func withoutIDs(s string, digits int) string {
	var b strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return !inWord(r) })
		if n < 0 {
			n = len(s)
		}
		if word := s[:n]; random(word, digits) {
			b.WriteByte('*')
		} else {
			b.WriteString(word)
		}
		s = s[n:]
		n = strings.IndexFunc(s, inWord)
		if n < 0 {
			n = len(s)
		}
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String()
}

func inWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("+_-", r)
}

func random(word string, least int) bool {
	digits, letters := 0, 0
	for _, r := range word {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			letters++
		}
	}
	return digits >= least && letters == 0 || len(word) >= 12 && digits >= 2 && letters >= 2 || len(word) >= 32
}

// headerValue is what of a field's value is compared: nothing but that it is
// there for fields that differ from one time to the next, the names for cookies,
// the scheme for credentials and challenges.
func headerValue(name, value string) string {
	switch name {
	case "date", "expires", "last-modified", "etag", "if-none-match", "if-modified-since", "if-match", "age",
		"content-length", "content-md5", "digest", "range", "content-range", "sec-websocket-key", "sec-websocket-accept",
		"traceparent", "tracestate", "x-request-id", "x-correlation-id", "request-id", "fanlight-incident", "referer":
		return present
	case "cookie":
		return cookieNames(strings.Split(value, ";"))
	case "set-cookie":
		pair, _, _ := strings.Cut(value, ";")
		return cookieNames([]string{pair})
	case "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info":
		scheme, _, _ := strings.Cut(value, " ")
		return scheme
	case "host":
		host, _, _ := strings.Cut(value, ":")
		return strings.ToLower(host)
	case "location", "content-location":
		return shape(value)
	case "content-type":
		kind, _, _ := strings.Cut(value, "; boundary")
		return strings.ToLower(kind)
	}
	return withoutIDs(value, 4)
}

// present stands for a value that is not compared.
const present = "present"

func cookieNames(pairs []string) string {
	var names []string
	for _, pair := range pairs {
		name, _, _ := strings.Cut(strings.TrimSpace(pair), "=")
		names = append(names, withoutIDs(name, 3))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// byTheWay tells fields that say who speaks and which way it came: other
// proxies and clients differ in them without being the cause.
func byTheWay(name string) bool {
	switch name {
	case "via", "forwarded", "user-agent", "x-real-ip", "date", "age", "x-cache", "x-served-by", "x-powered-by", "accept", "accept-language",
		"accept-encoding", "priority", "dnt", "upgrade-insecure-requests", "cache-control", "pragma", "last-modified", "etag", "vary",
		"x-aspnet-version", "accept-ranges", "x-request-id", "x-correlation-id", "traceparent", "tracestate", "fanlight-incident", "alt-svc":
		return true
	}
	for _, prefix := range []string{"x-forwarded-", "sec-ch-", "sec-fetch-", "cf-", "x-envoy-", "x-amz"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// telling tells fields whose value decides what the other side does.
func telling(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade", "expect", "host", "content-type",
		"content-encoding", "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "location", "cookie", "set-cookie",
		"persistent-auth", "retry-after", "strict-transport-security":
		return true
	}
	return strings.HasPrefix(name, "access-control-")
}
