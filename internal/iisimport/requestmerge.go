package iisimport

import (
	"fmt"
	"slices"
	"strings"
)

// collection is what add, remove and clear make of a list.
type collection struct {
	items []*item
	byKey map[string]*item // as folded gives it; without those that are gone
}

// item is an entry of a list.
type item struct {
	key   string // by which it is compared: a name, an extension
	entry *element
	line  Line
	gone  bool
}

// live gives the entries that are left.
func (c *collection) live() []*item {
	return slices.DeleteFunc(slices.Clone(c.items), func(i *item) bool { return i.gone })
}

// listKey names the attribute that tells the entries of a list apart; empty: the
// element is no list.
func listKey(element string) string {
	switch element {
	case "fileExtensions", "appliesTo":
		return "fileExtension"
	case "verbs":
		return "verb"
	case "hiddenSegments":
		return "segment"
	case "headerLimits":
		return "header"
	case "denyUrlSequences", "denyQueryStringSequences":
		return "sequence"
	case "alwaysAllowedUrls":
		return "url"
	case "alwaysAllowedQueryStrings":
		return "queryString"
	case "scanHeaders":
		return "requestHeader"
	case "denyStrings":
		return "string"
	case "filteringRules":
		return "name"
	}
	return ""
}

// parentOf names the element that one stands in.
func parentOf(element string) string {
	switch element {
	case "headerLimits":
		return "requestLimits"
	case "scanHeaders", "appliesTo", "denyStrings":
		return "filteringRule"
	case "requestLimits", "filteringRules":
		return "requestFiltering"
	}
	if listKey(element) != "" {
		return "requestFiltering"
	}
	return ""
}

// read takes the attributes and children of an element.
func (m *requestFiltering) read(e *element, within string) {
	for _, a := range e.attrs {
		l := Line{Number: e.line, Within: within, Text: fmt.Sprintf("%s=%q", a.Name.Local, a.Value)}
		switch name := a.Name.Local; {
		case a.Name.Space != "" || name == "xmlns":
		case strings.HasPrefix(name, "lock"):
			m.note(l, "", Elsewhere, "it says which other files may change the settings")
		case name == "configSource":
			m.note(l, "", Lost, "its content stands in %s; add it here and import again", a.Value)
		default:
			m.set(within+"."+name, a.Value, l)
		}
	}
	for _, c := range e.children {
		switch {
		case isEntry(within, c.name):
			m.change(m.list(within), c, within)
		case parentOf(c.name) == within:
			m.read(c, c.name)
		default:
			m.strange(c, within)
		}
	}
}

// strange reports an element that does not belong where it stands.
func (m *requestFiltering) strange(e *element, within string) {
	m.note(Line{Number: e.line, Within: within, Text: "<" + e.name + ">"}, "", Lost, "the reference of IIS has no such element here")
}

// isEntry tells whether an element changes the list it stands in.
func isEntry(within, name string) bool {
	add := "add"
	if within == "filteringRules" {
		add = "filteringRule"
	}
	return listKey(within) != "" && (name == add || name == "remove" || name == "clear")
}

// set takes an attribute; one further in overrides it.
func (m *requestFiltering) set(key, value string, l Line) {
	if before, found := m.settings[key]; found {
		m.note(before.line, "", Unused, "line %d overrides it", l.Number)
	}
	m.settings[key] = setting{value, l}
}

func (m *requestFiltering) list(name string) *collection {
	if m.lists[name] == nil {
		m.lists[name] = &collection{byKey: map[string]*item{}}
	}
	return m.lists[name]
}

// folded is a key as IIS compares it: verbs alone by letter case.
func folded(within, key string) string {
	if within == "verbs" {
		return key
	}
	return strings.ToLower(key)
}

// change does what an add, remove or clear says.
func (m *requestFiltering) change(c *collection, e *element, within string) {
	name, _ := e.attr(listKey(within))
	l, key := Line{Number: e.line, Within: within, Text: e.text()}, folded(within, name)
	twin := c.byKey[key]
	switch {
	case e.name == "clear":
		for _, i := range c.live() {
			m.note(i.line, "", Unused, "line %d clears the list", l.Number)
		}
		c.items = nil
		clear(c.byKey)
		m.note(l, "", Same, "entries that other files add above this one are cleared too")
	case e.name == "remove" && twin == nil:
		m.note(l, "", Unused, "nothing in this file adds it; another file may")
	case e.name == "remove":
		m.note(twin.line, "", Unused, "line %d removes it", l.Number)
		twin.gone = true
		delete(c.byKey, key)
		m.same(l, "")
	case name == "":
		m.note(l, "", Lost, "it has no %s, without which IIS refuses the file (500.19)", listKey(within))
	case twin != nil:
		m.note(l, "", Unused, "line %d adds it already, and IIS refuses to add it twice (500.19)", twin.line.Number)
	default:
		i := &item{key: name, entry: e, line: l}
		c.items, c.byKey[key] = append(c.items, i), i
	}
}

// text is an element as one would write it, without what stands in it.
func (e *element) text() string {
	var b strings.Builder
	b.WriteString("<" + e.name)
	for _, a := range e.attrs {
		fmt.Fprintf(&b, " %s=%q", a.Name.Local, a.Value)
	}
	return b.String() + ">"
}
