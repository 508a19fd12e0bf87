package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// place is where in a configuration the decoder is.
type place struct {
	path string // sites.shop.routes[0]
	noun string // route 1 of site "shop"; empty at the top
	site string
}

func (p place) key(key string) place {
	out := place{key, key, p.site}
	if p.path != "" {
		out.path = p.path + "." + key
		out.noun = fmt.Sprintf("%s of %s", key, p.noun)
	}
	return out
}

func (p place) index(i int) place {
	out := place{fmt.Sprintf("%s[%d]", p.path, i), p.noun, p.site}
	if rest, ok := strings.CutPrefix(p.noun, "routes of "); ok {
		out.noun = fmt.Sprintf("route %d of %s", i+1, rest)
	}
	return out
}

func (p place) in() string {
	if p.noun == "" {
		return "at the top level"
	}
	return "in " + p.noun
}

// decoder fills structs from nodes, noting each place and every fault.
type decoder struct {
	c       *Config
	file    string
	faults  []Fault
	visited int
	names   *regexp.Regexp           // of sites
	fields  map[reflect.Type][]field // what fieldsOf gave: sites are many
}

func newDecoder(c *Config) *decoder {
	return &decoder{c: c, names: regexp.MustCompile(siteNamePattern), fields: map[reflect.Type][]field{}}
}

func (d *decoder) fieldsOf(t reflect.Type) []field {
	known, ok := d.fields[t]
	if !ok {
		known = fieldsOf(t)
		d.fields[t] = known
	}
	return known
}

// maxNodes bounds what aliases can make of a small file.
const maxNodes = 1 << 19

func (d *decoder) syntax(err error) {
	f := Fault{Message: err.Error()}
	s := spot{file: d.file}
	var fault *syntaxError
	if errors.As(err, &fault) {
		f.Hint, s.line, s.column = fault.hint, fault.line, fault.column
	}
	d.faults = append(d.faults, d.c.places.locate(f, s))
}

func (d *decoder) fault(n *node, at place, hint, format string, args ...any) {
	f := Fault{Path: at.path, Site: at.site, Message: fmt.Sprintf(format, args...), Hint: hint}
	d.faults = append(d.faults, d.c.places.locate(f, spot{d.file, n.line, n.column}))
}

func (d *decoder) note(n *node, at place) {
	d.c.places.spots[at.path] = spot{d.file, n.line, n.column}
}

// value decodes n into v. What is empty leaves v as it is.
func (d *decoder) value(n *node, v reflect.Value, at place) {
	if d.visited++; d.visited == maxNodes {
		d.fault(n, place{}, "", "aliases make more than %d values of the file", maxNodes)
	}
	if n.kind == empty || d.visited >= maxNodes {
		if v.Kind() == reflect.Struct {
			d.missing(n, v, at, func(string) bool { return false })
		}
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Duration:
		text(d, n, at, p, parseDuration)
	case *Size:
		text(d, n, at, p, parseSize)
	case *Address:
		text(d, n, at, p, parseAddress)
	case *Prefix:
		text(d, n, at, p, parsePrefix)
	case *Endpoint:
		text(d, n, at, p, parseOnlyEndpoint)
	case *Binding:
		text(d, n, at, p, parseBinding)
	case *originURL:
		text(d, n, at, (*Origin)(p), parseOrigin)
	case *Origin:
		d.origin(n, p, at)
	case *Origins:
		d.origins(n, v, at)
	case *Balance:
		text(d, n, at, p, parseBalance)
	case *Condition:
		text(d, n, at, p, parseCondition)
	case *Percent:
		text(d, n, at, p, parsePercent)
	case *Statuses:
		d.statuses(n, v, at)
	case *StatusRange:
		text(d, n, at, p, parseStatusRange)
	case *Count:
		text(d, n, at, p, parseCount)
	case *Eject:
		d.orOff(n, at, "eject", &p.Off, p)
	case *Retry:
		d.orOff(n, at, "retry", &p.Off, p)
	case *Recording:
		d.recording(n, p, at)
	case *Disk:
		d.disk(n, p, at)
	case *AccessLog:
		d.accessLog(n, p, at)
	case *Compress:
		d.compress(n, p, at)
	case *Certificate:
		d.certificate(n, p, at)
	case *StatusPages:
		d.statusPages(n, p, at)
	case *ServerHeader:
		d.serverHeader(n, p, at)
	case *map[string]*Site:
		d.sites(n, at)
	default:
		d.plain(n, v, at)
	}
}

func (d *decoder) plain(n *node, v reflect.Value, at place) {
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, at)
	case reflect.Map:
		d.table(n, v, at)
	case reflect.Slice:
		d.list(n, v, at)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), at)
	case reflect.String:
		text(d, n, at, v.Addr().Interface().(*string), func(s string) (string, error) { return s, nil })
	case reflect.Int:
		text(d, n, at, v.Addr().Interface().(*int), parseInt)
	case reflect.Bool:
		d.boolean(n, v, at)
	default:
		panic("config: no decoder for " + v.Type().String())
	}
}

func (d *decoder) is(n *node, want kind, at place, hint string) bool {
	if n.kind == want {
		return true
	}
	noun := at.noun
	if noun == "" {
		noun = "a configuration"
	}
	d.fault(n, at, hint, "%s must be %s, not %s", noun, want, n.kind)
	return false
}

// text decodes a single value. The parser's errors may be *valueError, which
// moves the column and adds a hint.
func text[T any](d *decoder, n *node, at place, dst *T, parse func(string) (T, error)) {
	if !d.is(n, scalar, at, "") {
		return
	}
	v, err := parse(n.value)
	if err == nil {
		*dst = v
		return
	}
	var fault *valueError
	if errors.As(err, &fault) {
		d.fault(d.inside(n, fault.at), at, fault.hint, "%s: %s", at.noun, fault.message)
		return
	}
	d.fault(n, at, "", "%s: %s", at.noun, err)
}

// inside is the place of the byte at offset of a scalar, if the scalar is
// written as it reads.
func (d *decoder) inside(n *node, offset int) *node {
	lines := d.c.places.lines[d.file]
	if n.line < 1 || n.line > len(lines) {
		return n
	}
	line := []rune(lines[n.line-1])
	start := min(max(n.column-1, 0), len(line))
	quote := 0
	if start < len(line) && (line[start] == '"' || line[start] == '\'') {
		quote = 1
	}
	if !strings.HasPrefix(string(line[min(start+quote, len(line)):]), n.value[:offset]) {
		return n
	}
	moved := *n
	moved.column += quote + utf8.RuneCountInString(n.value[:offset])
	return &moved
}

func (d *decoder) boolean(n *node, v reflect.Value, at place) {
	if n.kind == scalar && n.boolean {
		v.SetBool(strings.EqualFold(n.value, "true"))
		return
	}
	if d.is(n, scalar, at, "") {
		d.fault(n, at, "write true or false, without quotes", "%s must be true or false, not %q", at.noun, n.value)
	}
}

func (d *decoder) list(n *node, v reflect.Value, at place) {
	hint := ""
	if n.kind == scalar {
		hint = fmt.Sprintf("write [%q]", n.value)
	}
	if !d.is(n, list, at, hint) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(n.items)))
	for i, item := range n.items {
		here := at.index(i)
		d.note(item, here)
		if item.kind == empty {
			d.fault(item, here, "", "an entry of %s is empty", at.noun)
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if item.kind != empty {
			d.value(item, element, here)
		}
		v.Set(reflect.Append(v, element)) // a bad one too, so that indices stay those of the file
	}
}

// mapping decodes into a struct.
func (d *decoder) mapping(n *node, v reflect.Value, at place) {
	if !d.is(n, mapping, at, "") {
		return
	}
	fields := d.fieldsOf(v.Type())
	seen, meant := map[string]*node{}, map[string]bool{}
	for _, e := range n.entries {
		here := at.key(e.key.value)
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key.value })
		if i < 0 {
			known := keysOf(fields)
			meant[nearest(e.key.value, known)] = true
			d.fault(e.key, here, suggestKey(e.key.value, known), "unknown key %q %s", e.key.value, at.in())
		} else if !d.twice(e, seen, here, at) {
			d.field(e, fields[i], v.FieldByIndex(fields[i].index), here)
		}
	}
	d.missing(n, v, at, func(key string) bool { return seen[key] != nil || meant[key] })
}

func (d *decoder) field(e entry, f field, v reflect.Value, at place) {
	d.noteEntry(e, at)
	before := len(d.faults)
	d.value(e.value, v, at)
	if len(d.faults) == before {
		d.allowed(e.value, v, f, at)
	}
}

func (d *decoder) twice(e entry, seen map[string]*node, here, at place) bool {
	first := seen[e.key.value]
	seen[e.key.value] = e.key
	if first != nil {
		d.fault(e.key, here, fmt.Sprintf("the first is on line %d", first.line), "key %q is twice %s", e.key.value, at.in())
	}
	return first != nil
}

// noteEntry notes the value; a block that begins on a later line is noted at
// its key.
func (d *decoder) noteEntry(e entry, at place) {
	if e.value.kind == scalar || e.value.flow {
		d.note(e.value, at)
		return
	}
	d.note(e.key, at)
}

// missing reports the required keys that are not there, nor meant by a key
// with a slip in it.
func (d *decoder) missing(n *node, v reflect.Value, at place, there func(key string) bool) {
	for _, f := range d.fieldsOf(v.Type()) {
		if f.required && !there(f.key) {
			d.fault(d.spotOf(n, at), at.key(f.key), "add "+f.example, "no %q %s", f.key, at.in())
		}
	}
}

func (d *decoder) spotOf(n *node, at place) *node {
	if s, known := d.c.places.spots[at.path]; known {
		return &node{line: s.line, column: s.column}
	}
	return n
}

// allowed checks a value against the enum and minimum of its field.
func (d *decoder) allowed(n *node, v reflect.Value, f field, at place) {
	if n.kind != scalar {
		return
	}
	if len(f.enum) > 0 && !slices.Contains(f.enum, n.value) {
		d.fault(n, at, suggest(n.value, f.enum), "%s is %q", at.noun, n.value)
	}
	if f.limited && v.Int() < f.minimum {
		d.fault(n, at, "leave it out for the default", "%s is %s, which is below %d", at.noun, n.value, f.minimum)
	}
}

func (d *decoder) table(n *node, v reflect.Value, at place) {
	if !d.is(n, mapping, at, "") {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]*node{}
	for _, e := range n.entries {
		here := at.key(e.key.value)
		if d.twice(e, seen, here, at) {
			continue
		}
		d.note(e.key, here)
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, element, here)
		v.SetMapIndex(reflect.ValueOf(e.key.value), element)
	}
}
