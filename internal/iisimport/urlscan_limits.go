package iisimport

import (
	"fmt"
	"strconv"
	"strings"
)

// noLimit is the answer that leaves a limit out.
const noLimit = "none"

// limitOf reads a number of bytes.
func limitOf(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0
}

func (u *urlscan) limits() {
	s := u.section("RequestLimits")
	has := s != nil
	if !has {
		v := u.version(0, "[RequestLimits] is missing: from 2.5 on its built-in limits hold (URL 260 bytes, query 4096, body 30000000), before there are none.")
		has = v != v21
	}
	for _, limit := range []struct {
		name, key, builtin string
		to                 *int64
	}{
		{"MaxAllowedContentLength", "max.body", "30000000", &u.Filter.Max.Body},
		{"MaxUrl", "max.url", "260", &u.Filter.Max.URL},
		{"MaxQueryString", "max.query", "4096", &u.Filter.Max.Query},
	} {
		if !has {
			continue
		}
		o := u.named(s, limit.name, limit.builtin)
		o.line.Within = "RequestLimits"
		*limit.to = u.limit(o, limit.key)
	}
	if s != nil {
		u.headerLimits(s)
	}
}

// limit reads a number of bytes, and asks where it is none, or 0, which would
// refuse every request.
func (u *urlscan) limit(o option, key string) int64 {
	n, ok := limitOf(o.value)
	if ok && n > 0 {
		u.same(o.line, key)
		return n
	}
	name, _, _ := strings.Cut(o.line.Text, "=")
	name = strings.TrimSpace(name)
	given := u.ask(Question{Key: name, Number: o.line.Number, Text: fmt.Sprintf("%s is %q, with which nothing or everything could pass. How many bytes should be the limit?", name, o.value)})
	if n, ok = limitOf(given); ok && n > 0 {
		u.note(o.line, key, Differs, "%d bytes, as answered", n)
		return n
	}
	u.note(o.line, "", Differs, "no limit, as answered")
	return 0
}

// headerLimits reads Max-NAME=BYTES. What 0 means is documented in two ways: no
// limit (UrlScan 3 Reference), and not allowed (Common UrlScan Scenarios).
func (u *urlscan) headerLimits(s *section) {
	for _, l := range s.lines {
		name, ok := cutPrefixFold(l.name, "Max-")
		if !ok || !l.pair || u.read[l.number] {
			continue
		}
		key := "max.headers." + name
		o := u.named(s, l.name, "")
		n, number := limitOf(o.value)
		switch {
		case !isToken(name):
			u.note(o.line, "", Lost, "%q is not the name of a header field", name)
		case !number:
			u.note(o.line, "", Lost, "%q is not a number of bytes", o.value)
		case n > 0:
			u.Filter.Max.Headers = append(u.Filter.Max.Headers, HeaderLimit{name, n})
			u.same(o.line, key)
		default:
			u.zero(o.line, name)
		}
	}
}

func (u *urlscan) zero(l Line, name string) {
	switch u.ask(Question{Key: askZero, Number: l.Number,
		Text:    "Max-" + name + "=0 (and each like it): one page of Microsoft says the header is listed and has no limit, another that it is forbidden. What should it be?",
		Answers: []Answer{{"unlimited", "listed, without a limit"}, {"forbidden", "a request with that header is refused"}}}) {
	case "unlimited":
		u.note(l, "", Same, "no limit, as answered")
	case "forbidden":
		u.Filter.DenyHeaders = append(u.Filter.DenyHeaders, name)
		u.note(l, "deny_headers", Same, "forbidden, as answered")
	default:
		u.note(l, "", Lost, "not answered yet")
	}
}

func cutPrefixFold(s, prefix string) (rest string, found bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
