package filter

import (
	"bytes"
	"slices"
)

const ruleSubStatus = 19

// rules looks at the policy's own rules, in their order.
func (l *look) rules() *Verdict {
	for i := range l.f.rules {
		r := &l.f.rules[i]
		if !l.applies(r) {
			continue
		}
		if v := l.rule(r); v != nil {
			v.Status, v.SubStatus = 404, ruleSubStatus
			return v
		}
	}
	return nil
}

// LooksAtFields reports whether a request may be refused for a header field.
func (f *Filter) LooksAtFields() bool {
	return len(f.p.DenyHeaders) > 0 || len(f.maxHeaders) > 0 ||
		slices.ContainsFunc(f.rules, func(r rule) bool { return len(r.Headers) > 0 || r.Raw })
}

func (l *look) applies(r *rule) bool {
	return r.extensions == nil || l.extensions(func(_ reading, _ span, ext []byte) bool {
		_, listed := r.extensions.find(ext)
		return listed
	})
}

func (l *look) rule(r *rule) *Verdict {
	if r.URL && !l.ownURL {
		if v := r.deny.in(&l.url, r.Name); v != nil {
			return v.of(r)
		}
	}
	if r.Query && !l.ownQuery {
		if v := r.deny.in(&l.query, r.Name); v != nil {
			return v.of(r)
		}
		if at := unescaped(l.query.received); r.DenyUnescaped && at >= 0 {
			return l.query.verdict(Received, at, at+1, Verdict{what: unescapedIn + "query"}).of(r)
		}
	}
	for i := range l.h.Fields {
		f := &l.h.Fields[i]
		if name := l.h.Bytes(f.Name); slices.ContainsFunc(r.Headers, func(h string) bool { return sameName(name, h) }) {
			if v := r.in(l.h.Bytes(f.Value), string(name)); v != nil {
				return v.of(r)
			}
		}
	}
	if r.Raw {
		return l.raw(r)
	}
	return nil
}

// raw looks at the lines of the header fields as they were sent, and at those
// that HTTP/2 sends otherwise: Host, and Cookie in pieces.
func (l *look) raw(r *rule) *Verdict {
	lines := l.h.FieldLines()
	v := r.in(lines, "")
	if v != nil {
		v.Where, v.Offset = l.lineOf(lines, v.Offset)
		return v.of(r)
	}
	for _, name := range [...]string{"Host", "Cookie"} {
		if v = r.in(l.h.Get(name), name); v != nil {
			return v.of(r)
		}
	}
	return nil
}

// lineOf gives the field of an offset in the lines, and the offset in its line.
func (l *look) lineOf(lines []byte, offset int) (where string, at int) {
	start := bytes.LastIndexByte(lines[:offset], '\n') + 1
	name, _, _ := bytes.Cut(lines[start:], []byte(":"))
	return "line of " + cut(name), offset - start
}

// in looks for what a rule denies in the value of a field.
func (r *rule) in(value []byte, name string) *Verdict {
	text, start, end, found := r.deny.find(value)
	if found {
		return &Verdict{Where: "header " + name, Entry: text, Offset: start, Length: end - start, Matched: cut(value[start:end]), what: quoted([]byte(text)) + " is in a header field"}
	}
	if at := unescaped(value); r.DenyUnescaped && at >= 0 {
		return &Verdict{Where: "header " + name, Offset: at, Length: 1, Matched: "%", what: unescapedIn + "header field"}
	}
	return nil
}

// of says whose verdict it is.
func (v *Verdict) of(r *rule) *Verdict {
	v.Rule = "rule " + r.Name
	return v
}

// sameName compares names of header fields; an underscore is a dash to programs
// that make variables of them.
func sameName(sent []byte, name string) bool {
	if len(sent) != len(name) {
		return false
	}
	for i, c := range sent {
		if a, b := lower(c), lower(name[i]); a != b && !(a == '_' && b == '-') {
			return false
		}
	}
	return true
}

func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if lower(c) != lower(s[i]) {
			return false
		}
	}
	return true
}
