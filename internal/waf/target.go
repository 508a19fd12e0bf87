package waf

import (
	"regexp"
	"strings"

	"fanlight/internal/waf/seclang"
	"fanlight/internal/waf/vars"
)

// target is what a rule looks at: a variable, or some of its values.
type target struct {
	selector
	name   string  // as rules write it
	of     vars.ID // unless it is live
	live   live    // it changes while rules run
	slots  []int   // of TX that it means
	count  bool
	except []selector
}

// selector chooses values by the lower-case name they came with. The zero value
// chooses all.
type selector struct {
	key string
	rx  *regexp.Regexp
}

func newSelector(k seclang.Key) (selector, error) {
	if !k.Rx {
		return selector{key: lower(k.Text)}, nil
	}
	re, err := regexp.Compile(k.Text)
	return selector{rx: re}, err
}

// target makes a target of what a rule names.
func (p *plan) target(v seclang.Variable) (target, error) {
	t := target{name: v.Name, count: v.Count}
	var known bool
	if t.live, known = liveNames[v.Name]; !known {
		if t.of, known = vars.Lookup(v.Name); !known {
			return t, unsupported("variable " + v.Name)
		}
	}
	var err error
	if t.selector, err = newSelector(v.Key); err != nil {
		return t, err
	}
	if strings.HasSuffix(v.Name, "_NAMES") && v.Key.Text != "" {
		return t, unsupported("variable " + v.Name + ":" + v.Key.Text)
	}
	if t.live == liveTX && t.key != "" {
		p.names.of(t.key)
	}
	for _, k := range v.Except {
		s, err := newSelector(k)
		if err != nil {
			return t, err
		}
		t.except = append(t.except, s)
	}
	return t, nil
}

func (s *selector) holds(lower string) bool {
	if s.rx != nil {
		return s.rx.MatchString(lower)
	}
	return s.key == "" || s.key == lower
}

// whole reports whether nearly all values are looked at: all but for exceptions, or
// of XML, which has two keys, all of one.
func (t *target) whole() bool { return t.rx == nil && (t.key == "" || t.of == vars.XML) }

// wants reports whether a value of that name is looked at.
func (t *target) wants(lower string) bool {
	if !t.holds(lower) {
		return false
	}
	for i := range t.except {
		if t.except[i].holds(lower) {
			return false
		}
	}
	return true
}

// lower is strings.ToLower, which allocates nothing where nothing changes.
func lower(s string) string { return strings.ToLower(s) }

// String names what a target means, for comparison.
func (t *target) String() string {
	text := t.name + ":" + t.selector.String()
	for i := range t.except {
		text += "!" + t.except[i].String()
	}
	return text
}

func (s *selector) String() string {
	if s.rx != nil {
		return "/" + s.rx.String() + "/"
	}
	return s.key
}

// resolve finds the slots that a target in TX means, once all are known.
func (t *target) resolve(n *names) {
	if t.live != liveTX {
		return
	}
	for slot, name := range n.list {
		if t.wants(name) {
			t.slots = append(t.slots, slot)
		}
	}
}
