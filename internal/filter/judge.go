package filter

import (
	"bytes"

	"fanlight/internal/httpwire"
)

// Judge gives the verdict on a request as received, nil if it passes; then
// nothing is allocated. length is that of its body, negative if that is not
// known before its end; most is then what the body may have, 0 for any length.
func (f *Filter) Judge(h *httpwire.Head, length int64) (v *Verdict, most int64) {
	l := f.looks.Get().(*look)
	defer f.looks.Put(l)
	l.begin(h)
	if !l.allowed() {
		v, most = l.judge(length), f.p.Max.Body
	}
	l.h, l.url, l.query = nil, part{}, part{}
	return v, most
}

// judge puts the checks in the order of what they cost and of how much they tell:
// first what is no matter of texts, then what makes a URL ambiguous, then what is
// in it.
func (l *look) judge(length int64) *Verdict {
	if v := l.verb(); v != nil {
		return v
	}
	if v := l.lengths(length); v != nil {
		return v
	}
	if v := l.headers(); v != nil {
		return v
	}
	if v := l.urlBytes(); v != nil {
		return v
	}
	if v := l.urlNames(); v != nil {
		return v
	}
	if v := l.sequences(); v != nil {
		return v
	}
	return l.rules()
}

// allowed finds what passes without some checks, and reports whether it passes
// without any.
func (l *look) allowed() bool {
	url, query := l.allowsURL(), l.allowsQuery()
	switch {
	case !url && !query:
	case l.f.p.Allow.Skips == SkipAll:
		return true
	case l.f.p.Allow.Skips == SkipOwn:
		l.ownURL, l.ownQuery = url, query
	}
	l.sequencesURL, l.sequencesQuery = url, query
	return false
}

// allowsURL is about the whole URL; one that an origin may read as another is
// none of those that were meant.
func (l *look) allowsURL() bool {
	if l.f.allowURL == nil || l.url.count > 1 {
		return false
	}
	_, found := l.f.allowURL.find(l.url.readings[0].text)
	return found
}

func (l *look) allowsQuery() bool {
	if l.f.allowQuery == nil {
		return false
	}
	for _, r := range l.query.all() {
		if _, found := l.f.allowQuery.find(r.text); found && r.how <= Decoded {
			return true
		}
	}
	return false
}

func (l *look) verb() *Verdict {
	v := &l.f.p.Verbs
	method := l.h.Bytes(l.h.Method)
	for _, list := range [][]string{v.Allow, v.Deny} {
		for _, verb := range list {
			if string(method) == verb || v.IgnoreCase && equalFold(method, verb) {
				if v.Allow != nil {
					return nil
				}
				return &Verdict{Rule: "verbs", Status: 404, SubStatus: 6, Where: "verb", Entry: verb, Matched: cut(method), Offset: -1, what: quoted(method) + " is in deny"}
			}
		}
	}
	if v.Allow == nil {
		return nil
	}
	return &Verdict{Rule: "verbs", Status: 404, SubStatus: 6, Where: "verb", Matched: cut(method), Offset: -1, what: quoted(method) + " is not in allow"}
}

func (l *look) lengths(body int64) *Verdict {
	m := &l.f.p.Max
	switch {
	case m.Body > 0 && body > m.Body:
		return TooLong(m.Body, body)
	case m.URL > 0 && !l.ownURL && len(l.url.received) > m.URL:
		return longer("max.url", 14, "URL", len(l.url.received), m.URL)
	case m.Query > 0 && !l.ownQuery && len(l.query.received) > m.Query:
		return longer("max.query", 15, "query", len(l.query.received), m.Query)
	}
	for i := range l.f.maxHeaders {
		limit := &l.f.maxHeaders[i]
		if size := l.headerSize(limit.name); size > limit.most {
			v := longer("max.headers", 0, "header "+limit.name, size, limit.most)
			v.Status, v.Entry = 431, limit.name
			return v
		}
	}
	return nil
}

// headerSize is the length of all values of a name as a list (RFC 9110, section
// 5.3).
func (l *look) headerSize(name string) (size int) {
	times := 0
	for i := range l.h.Fields {
		if f := &l.h.Fields[i]; sameName(l.h.Bytes(f.Name), name) {
			size += int(f.Value.End - f.Value.Start)
			times++
		}
	}
	return size + len(", ")*max(0, times-1)
}

func (l *look) headers() *Verdict {
	for _, name := range l.f.p.DenyHeaders {
		for i := range l.h.Fields {
			if sent := l.h.Bytes(l.h.Fields[i].Name); sameName(sent, name) {
				return &Verdict{Rule: "deny_headers", Status: 404, SubStatus: 10, Where: "header " + name, Entry: name, Matched: cut(sent), Offset: -1, what: "field " + quoted(sent) + " is there"}
			}
		}
	}
	return nil
}

// urlBytes looks for what makes a URL mean different things to different readers.
func (l *look) urlBytes() *Verdict {
	p := &l.f.p
	if p.DenyUnescaped {
		for _, in := range [...]*part{&l.url, &l.query} {
			if at := unescaped(in.received); at >= 0 && !l.skips(in) {
				return in.verdict(Received, at, at+1, Verdict{Rule: "unescaped_percent", Status: 400, what: unescapedIn + in.name})
			}
		}
	}
	if l.ownURL {
		return nil
	}
	url := &l.url.readings[0]
	if p.DenyHighBit {
		for i, c := range url.text {
			if c >= 0x80 {
				return l.url.verdict(url.how, i, i+1, Verdict{Rule: "high_bit", Status: 404, SubStatus: 12, what: "a byte above 0x7f is in the URL"})
			}
		}
	}
	if p.DenyDoubleEscaping && !p.RawURL {
		if at := escaped(url.text); at >= 0 {
			return l.url.verdict(url.how, at, at+escape(url.text[at:]), Verdict{Rule: "double_escaping", Status: 404, SubStatus: 11, what: "the URL changes when it is decoded again"})
		}
	}
	if p.DenyDots {
		first := bytes.IndexByte(url.text, '.')
		if last := bytes.LastIndexByte(url.text, '.'); last != first {
			return l.url.verdict(url.how, last, last+1, Verdict{Rule: "dots_in_path", Status: 404, what: "more than one dot is in the URL"})
		}
	}
	return nil
}

func (l *look) skips(p *part) bool { return p == &l.url && l.ownURL || p == &l.query && l.ownQuery }

// urlNames looks at the extension and the segments of the URL.
func (l *look) urlNames() (v *Verdict) {
	if l.ownURL {
		return nil
	}
	if v := l.extension(); v != nil {
		return v
	}
	if l.f.segments == nil {
		return nil
	}
	for _, r := range l.url.all() {
		for from := 0; from < len(r.text); {
			to := len(r.text)
			if i := bytes.IndexByte(r.text[from:], '/'); i >= 0 {
				to = from + i
			}
			segment := r.text[from:to]
			entry, hidden := l.f.segments.find(segment)
			if !hidden {
				entry, hidden = l.f.segments.find(bareSegment(segment))
			}
			if hidden {
				return l.url.verdict(r.how, from, to, Verdict{Rule: "hidden_segments", Status: 404, SubStatus: 8, Entry: entry, what: quoted([]byte(entry)) + " is a segment of the URL"})
			}
			from = to + 1
		}
	}
	return nil
}

func (l *look) extension() (v *Verdict) {
	f := l.f
	if !f.allowsExt && f.extensions == nil {
		return nil
	}
	l.extensions(func(r reading, at span, ext []byte) bool {
		entry, listed := f.extensions.find(ext)
		if listed == f.allowsExt {
			return false
		}
		what := "extension " + quoted(ext) + " is not in allow"
		if listed {
			what = "extension " + quoted(ext) + " is in deny"
		}
		v = l.url.verdict(r.how, int(at.from), int(at.to), Verdict{Rule: "extensions", Status: 404, SubStatus: 7, Entry: entry, what: what})
		return true
	})
	return v
}

func (l *look) sequences() *Verdict {
	if !l.ownURL && !l.sequencesURL {
		if v := l.f.denyURL.in(&l.url, "deny_url"); v != nil {
			v.SubStatus = 5
			return v
		}
	}
	if !l.ownQuery && !l.sequencesQuery {
		if v := l.f.denyQuery.in(&l.query, "deny_query"); v != nil {
			v.SubStatus = 18
			return v
		}
	}
	return nil
}
