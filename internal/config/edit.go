package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// SetAddresses gives src with its list of addresses changed: those of add that
// it lacks are appended, those of remove are taken out. Every other byte stays.
// Without a list, one is written that holds add. The last address is never
// removed, because a file without the list allows every address.
func SetAddresses(src []byte, add, remove []netip.Addr) ([]byte, error) {
	e, err := openEditor(src)
	if err != nil {
		return nil, fmt.Errorf("edit addresses: %w", err)
	}
	for _, a := range add {
		if err := e.addAddress(a); err != nil {
			return nil, fmt.Errorf("add address %s: %w", a, err)
		}
	}
	for _, a := range remove {
		if err := e.removeAddress(a); err != nil {
			return nil, fmt.Errorf("remove address %s: %w", a, err)
		}
	}
	return e.src, nil
}

// SetSiteState gives src with the state of a site set to running or stopped.
// Every other byte stays.
func SetSiteState(src []byte, site, state string) ([]byte, error) {
	e, err := openEditor(src)
	if err == nil {
		err = e.setState(site, state)
	}
	if err != nil {
		return nil, fmt.Errorf("set state of site %q: %w", site, err)
	}
	return e.src, nil
}

// editor changes a YAML source in place. Each change is read back and refused
// if it says anything else than what was meant.
type editor struct {
	src  []byte
	root *node
}

func openEditor(src []byte) (*editor, error) {
	root, err := parseYAML(src)
	if err != nil {
		return nil, err
	}
	if root.kind != mapping && root.kind != empty {
		return nil, fmt.Errorf("the file is %s, not a mapping", root.kind)
	}
	return &editor{src, root}, nil
}

// replace puts text in place of src[from:to], if the file then differs from
// now only by what change does to its values.
func (e *editor) replace(from, to int, text string, change func(root map[string]any)) error {
	out := slices.Concat(e.src[:from], []byte(text), e.src[to:])
	root, err := parseYAML(out)
	if err != nil || root.kind != mapping {
		return errUnusual
	}
	var visited int
	got := root.plain(&visited)
	want, _ := e.root.plain(&visited).(map[string]any)
	if visited > maxNodes {
		return errUnusual
	}
	if want == nil {
		want = map[string]any{}
	}
	if change(want); !reflect.DeepEqual(got, want) {
		return errUnusual
	}
	e.src, e.root = out, root
	return nil
}

var errUnusual = errors.New("the file is written in a way that cannot be edited safely (change it by hand)")

func (e *editor) setState(site, state string) error {
	var s *node
	if sites := e.root.find("sites"); sites != nil {
		s = sites.find(site)
	}
	if s == nil {
		return errors.New("there is no such site in the file")
	}
	change := func(root map[string]any) { root["sites"].(map[string]any)[site].(map[string]any)["state"] = state }
	if s.kind != mapping {
		return errUnusual
	}
	if old := s.find("state"); old != nil {
		return e.setScalar(s, "state", state, change)
	}
	return e.insertKey(s, "state", state, change)
}

// setScalar writes the value of a key that is there.
func (e *editor) setScalar(n *node, key, value string, change func(map[string]any)) error {
	for _, entry := range n.entries {
		if entry.key.value != key {
			continue
		}
		if entry.value.kind == empty {
			colon := e.tokenEnd(entry.key) + 1
			return e.replace(colon, colon, " "+value, change)
		}
		from, to := e.offset(entry.value), e.tokenEnd(entry.value)
		if old := string(e.src[from:to]); strings.HasPrefix(old, `"`) {
			value = `"` + value + `"`
		} else if strings.HasPrefix(old, "'") {
			value = "'" + value + "'"
		}
		return e.replace(from, to, value, change)
	}
	return errUnusual
}

// insertKey adds a key to a mapping, on a line of its own if the mapping has
// lines: before the first key without a comment above it, so that no comment
// comes to stand above another key.
func (e *editor) insertKey(n *node, key, value string, change func(map[string]any)) error {
	if len(n.entries) == 0 {
		if n.flow || n != e.root {
			return errUnusual
		}
		return e.appendLine(key+": "+value, change)
	}
	first := n.entries[0].key
	at := e.offset(first)
	if n.flow {
		if e.src[at] == '"' {
			key, value = `"`+key+`"`, quoted(value)
		}
		return e.replace(at, at, key+": "+value+", ", change)
	}
	for _, candidate := range n.entries {
		start := e.lineStart(e.offset(candidate.key))
		if !strings.HasPrefix(strings.TrimSpace(e.lineBefore(start)), "#") {
			at = e.offset(candidate.key)
			break
		}
	}
	start := e.lineStart(at)
	return e.replace(start, start, string(e.src[start:at])+key+": "+value+e.newline(), change)
}

func quoted(value string) string {
	if strings.HasPrefix(value, "[") || strings.HasPrefix(value, `"`) {
		return value
	}
	return `"` + value + `"`
}

func (e *editor) appendLine(line string, change func(map[string]any)) error {
	if len(e.src) > 0 && e.src[len(e.src)-1] != '\n' {
		line = e.newline() + line
	}
	return e.replace(len(e.src), len(e.src), line+e.newline(), change)
}
