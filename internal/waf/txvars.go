package waf

import (
	"slices"
	"strconv"
	"strings"
)

// names gives each name in TX that the rules spell out a slot, so that most of
// them are found without a look-up. Names are lower case.
type names struct {
	slot map[string]int
	list []string
}

func (n *names) of(name string) int {
	if i, ok := n.slot[name]; ok {
		return i
	}
	if n.slot == nil {
		n.slot = map[string]int{}
	}
	n.slot[name] = len(n.list)
	n.list = append(n.list, name)
	return len(n.list) - 1
}

// txVars is the collection TX of one request.
type txVars struct {
	names *names
	value []string // by slot
	set   []bool
	more  []pair // names that only a macro makes
	// place is where in more the first len(place) of them are: a client may send
	// thousands of parts, for each of which a rule makes a name.
	place map[string]int
}

// few is how many names are found without place.
const few = 16

type pair struct{ key, value string }

// captures is how many of TX:0 and so on are there from the start, empty.
const captures = 11

func (t *txVars) reset(n *names) {
	t.names = n
	t.value = slices.Grow(t.value[:0], len(n.list))[:len(n.list)]
	t.set = slices.Grow(t.set[:0], len(n.list))[:len(n.list)]
	clear(t.value)
	clear(t.set)
	clear(t.more)
	t.more = t.more[:0]
	if len(t.place) > 64*few {
		t.place = nil // it would be cleared as a whole each time
	}
	clear(t.place)
	for i := range captures { // the first slots
		t.set[i] = true
	}
}

// Capture sets what a group matched.
func (t *txVars) Capture(group int, text string) { t.value[group] = text }

func (t *txVars) at(slot int) (string, bool) { return t.value[slot], t.set[slot] }

func (t *txVars) get(name string) (string, bool) {
	if slot, ok := t.names.slot[name]; ok {
		return t.at(slot)
	}
	if i := t.find(name); i >= 0 {
		return t.more[i].value, true
	}
	return "", false
}

// find is where in more a name is, or -1.
func (t *txVars) find(name string) int {
	if len(t.more) <= few {
		return slices.IndexFunc(t.more, func(p pair) bool { return p.key == name })
	}
	if t.place == nil {
		t.place = map[string]int{}
	}
	for i := len(t.place); i < len(t.more); i++ {
		t.place[t.more[i].key] = i
	}
	if i, ok := t.place[name]; ok {
		return i
	}
	return -1
}

func (t *txVars) put(name, value string) {
	if slot, ok := t.names.slot[name]; ok {
		t.putAt(slot, value)
	} else if i := t.find(name); i >= 0 {
		t.more[i].value = value
	} else {
		t.more = append(t.more, pair{name, value})
	}
}

func (t *txVars) putAt(slot int, value string) { t.value[slot], t.set[slot] = value, true }

func (t *txVars) remove(name string) {
	if slot, ok := t.names.slot[name]; ok {
		t.value[slot], t.set[slot] = "", false
	} else if i := t.find(name); i >= 0 {
		t.removeAt(i)
	}
}

// removeAt puts the last one where one was.
func (t *txVars) removeAt(i int) {
	last := len(t.more) - 1
	if i < len(t.place) {
		delete(t.place, t.more[i].key)
		if i < last {
			t.place[t.more[last].key] = i
		}
	}
	t.more[i] = t.more[last]
	t.more = t.more[:last]
}

// calculate is what setvar makes of a variable: "+5" and "-5" count, anything
// else replaces. ok is false where Coraza leaves the variable as it was.
func calculate(current, value string) (result string, ok bool) {
	if value == "" || value[0] != '+' && value[0] != '-' {
		return value, true
	}
	by := 0
	if len(value) > 1 {
		n, err := strconv.Atoi(value[1:])
		if err != nil {
			return value, !strings.HasPrefix(value[1:], "tx.")
		}
		by = n
	}
	from := 0
	if current != "" {
		n, err := strconv.Atoi(current)
		if err != nil {
			return "", false
		}
		from = n
	}
	if value[0] == '-' {
		by = -by
	}
	return strconv.Itoa(from + by), true
}
