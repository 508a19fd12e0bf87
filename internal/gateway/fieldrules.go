package gateway

import (
	"fanlight/internal/httpwire"
)

// fieldRules are the header rules of a site and of one of its routes as one:
// those of the route come after those of the site and overrule them.
type fieldRules struct {
	drops  []string
	writes []fieldLine
}

// fieldLine is a field that is written, unless its value turns out empty.
type fieldLine struct {
	name  string
	value Text
}

// joinRules makes one of the rules of a site and a route.
func joinRules(site, route *HeaderRules) fieldRules {
	var out fieldRules
	for _, rules := range []*HeaderRules{site, route} {
		out.drops = append(out.drops, rules.Remove...)
		for _, set := range rules.Set {
			out.drops = append(out.drops, set[0])
		}
	}
	for _, lines := range [][][2]string{site.Set, site.Add} {
		for _, line := range lines {
			if !route.drops([]byte(line[0])) {
				out.writes = append(out.writes, fieldLine{line[0], NewText(line[1])})
			}
		}
	}
	for _, lines := range [][][2]string{route.Set, route.Add} {
		for _, line := range lines {
			out.writes = append(out.writes, fieldLine{line[0], NewText(line[1])})
		}
	}
	return out
}

func (r *fieldRules) empty() bool { return len(r.drops)+len(r.writes) == 0 }

// drop reports whether a field is removed or replaced; one that an origin may
// take for such a field as well.
func (r *fieldRules) drop(name []byte) bool {
	for _, n := range r.drops {
		if same(name, n) {
			return true
		}
	}
	return false
}

func (r *fieldRules) dropName(name string) bool { return len(r.drops) > 0 && r.drop([]byte(name)) }

// append writes the fields that are set and added.
func (r *fieldRules) append(b []byte, f *facts) []byte {
	for i := range r.writes {
		w := &r.writes[i]
		if w.value.fixed {
			b = httpwire.AppendField(b, w.name, w.value.parts[0].text)
			continue
		}
		start := len(b)
		b = append(append(b, w.name...), ": "...)
		from := len(b)
		if b = w.value.append(b, f, nil); len(b) == from {
			b = b[:start]
			continue
		}
		b = append(harmless(b, from), "\r\n"...)
	}
	return b
}

// harmless makes blanks of control bytes, so that no value ends its line (RFC
// 9110 section 5.5).
func harmless(b []byte, from int) []byte {
	for i := from; i < len(b); i++ {
		if c := b[i]; c < ' ' && c != '\t' || c == 0x7f {
			b[i] = ' '
		}
	}
	return b
}
