package files

import (
	"strings"
	"time"
)

// httpDate is the one form of date that is sent (RFC 9110 section 5.6.7).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// validators are what conditions are compared with.
type validators struct {
	etag     string    // strong, with its quotes
	modified time.Time // whole seconds; zero: no Last-Modified
	settled  bool      // modified is old enough to be a strong validator (RFC 9110 section 8.8.2.2)
}

// precondition evaluates the conditions of a GET or HEAD in the order of
// RFC 9110 section 13.2.2: 304, 412, or 0 to go on. A date that cannot be read
// is no condition.
func precondition(get func(string) string, v validators) int {
	if tags := get("If-Match"); tags != "" {
		if !matches(tags, v.etag, strongly) {
			return 412
		}
	} else if since, ok := parseDate(get("If-Unmodified-Since")); ok && !v.modified.IsZero() && v.modified.After(since) {
		return 412
	}
	if tags := get("If-None-Match"); tags != "" {
		if matches(tags, v.etag, weakly) {
			return 304
		}
	} else if since, ok := parseDate(get("If-Modified-Since")); ok && !v.modified.IsZero() && !v.modified.After(since) {
		return 304
	}
	return 0
}

// ifRange reports whether a Range still applies (RFC 9110 section 13.1.5).
func ifRange(field string, v validators) bool {
	if field == "" {
		return true
	}
	if tag, rest, ok := cutTag(field); ok {
		return rest == "" && strongly(tag, v.etag)
	}
	date, ok := parseDate(field)
	return ok && v.settled && date.Equal(v.modified)
}

// matches reports whether a list of entity tags, or "*", covers tag. What
// follows a malformed member is not read.
func matches(list, tag string, same func(a, b string) bool) bool {
	list = trim(list)
	if list == "*" {
		return true
	}
	for list != "" {
		member, rest, ok := cutTag(list)
		if !ok {
			return false
		}
		if same(member, tag) {
			return true
		}
		list = strings.TrimLeft(rest, ", \t")
	}
	return false
}

// strongly and weakly compare entity tags (RFC 9110 section 8.8.3.2).
func strongly(a, b string) bool { return a == b && a[0] == '"' }
func weakly(a, b string) bool   { return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/") }

// cutTag takes one entity-tag from the beginning of a field.
func cutTag(field string) (tag, rest string, ok bool) {
	field = strings.TrimLeft(field, ", \t")
	start := 0
	if strings.HasPrefix(field, "W/") {
		start = 2
	}
	if len(field) <= start || field[start] != '"' {
		return "", "", false
	}
	for i := start + 1; i < len(field); i++ {
		switch c := field[i]; {
		case c == '"':
			return field[:i+1], trim(field[i+1:]), true
		case c <= ' ' || c == 0x7f:
			return "", "", false
		}
	}
	return "", "", false
}

// parseDate reads the three forms a recipient must accept (RFC 9110 section
// 5.6.7).
func parseDate(field string) (time.Time, bool) {
	if field == "" {
		return time.Time{}, false
	}
	for _, layout := range [...]string{httpDate, time.RFC850, time.ANSIC} {
		if t, err := time.Parse(layout, field); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func trim(s string) string { return strings.Trim(s, " \t") }
