package config

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

func (e *editor) addAddress(a netip.Addr) error {
	text := `"` + a.String() + `"`
	change := func(root map[string]any) {
		items, _ := root["addresses"].([]any)
		root["addresses"] = append(slices.Clone(items), a.String())
	}
	n := e.root.find("addresses")
	switch {
	case n == nil:
		return e.insertKey(e.root, "addresses", "["+text+"]", change)
	case n.kind == empty:
		return e.setScalar(e.root, "addresses", "["+text+"]", change)
	case n.kind != list:
		return errors.New("addresses is not a list")
	case slices.Contains(listed(n), a.Unmap()):
		return nil
	}
	return e.appendItem(n, text, a.String(), change)
}

// appendItem adds an item after the last one, written as the others are.
func (e *editor) appendItem(n *node, text, bare string, change func(map[string]any)) error {
	if len(n.items) == 0 {
		at := e.offset(n) + 1
		return e.replace(at, at, text, change)
	}
	last := n.items[len(n.items)-1]
	from, to := e.offset(last), e.tokenEnd(last)
	if e.src[from] != '"' && !strings.Contains(bare, ":") {
		text = bare
	}
	if n.flow {
		return e.replace(to, to, ", "+text, change)
	}
	start, end := e.lineStart(from), e.lineEnd(to)
	line := string(e.src[start:from]) + text + e.newline()
	if end == len(e.src) && e.src[end-1] != '\n' {
		line = e.newline() + strings.TrimSuffix(line, e.newline())
	}
	return e.replace(end, end, line, change)
}

func (e *editor) removeAddress(a netip.Addr) error {
	n := e.root.find("addresses")
	if n == nil || n.kind != list {
		return errors.New("the file has no list of addresses")
	}
	i := slices.Index(listed(n), a.Unmap())
	switch {
	case i < 0:
		return nil
	case len(n.items) == 1:
		return errors.New("it is the last one, and a file without the list allows every address")
	}
	from, to := e.itemSpan(n, i)
	return e.replace(from, to, "", func(root map[string]any) {
		root["addresses"] = slices.Delete(slices.Clone(root["addresses"].([]any)), i, i+1)
	})
}

// itemSpan is what to delete for item i: the whole line if nothing else is on
// it, else the item with one comma.
func (e *editor) itemSpan(n *node, i int) (from, to int) {
	from, to = e.offset(n.items[i]), e.tokenEnd(n.items[i])
	if n.flow {
		from, to = e.withComma(from, to)
	}
	start, end := e.lineStart(from), e.lineEnd(to)
	before := strings.TrimSpace(string(e.src[start:from]))
	after := strings.TrimSpace(string(e.src[to:end]))
	if (before == "" || !n.flow && before == "-") && (after == "" || after[0] == '#') {
		return start, end
	}
	return from, to
}

// withComma takes in the comma after an item and the blanks up to the next, or
// else the comma before it.
func (e *editor) withComma(from, to int) (int, int) {
	rest := string(e.src[to:e.lineEnd(to)])
	if trimmed, ok := strings.CutPrefix(strings.TrimLeft(rest, " \t"), ","); ok {
		return from, to + len(rest) - len(strings.TrimLeft(trimmed, " \t"))
	}
	before := strings.TrimRight(string(e.src[e.lineStart(from):from]), " \t")
	if kept, ok := strings.CutSuffix(before, ","); ok {
		return e.lineStart(from) + len(kept), to
	}
	return from, to
}

// listed are the addresses of a list, invalid where an item is none.
func listed(n *node) []netip.Addr {
	out := make([]netip.Addr, len(n.items))
	for i, item := range n.items {
		if a, err := netip.ParseAddr(item.value); err == nil {
			out[i] = a.Unmap()
		}
	}
	return out
}
