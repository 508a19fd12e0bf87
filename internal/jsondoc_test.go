package internal_test

import (
	"go/ast"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// field is a field of a JSON object.
type field struct {
	name   string
	always bool // never left out
}

// object is a struct that is written as JSON, as its package declares it.
type object struct {
	fields   []field
	embedded []string // structs whose fields are its own, with the package's last name
	uses     []string // structs that fields are made of
}

// objects reads the structs with JSON names of every package, under names such
// as `flow.ConnRecord`.
func objects(t *testing.T) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "internal/") || s.path == "internal/testnet" {
			continue
		}
		for _, f := range s.files {
			ast.Inspect(f, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if st, ok := spec.Type.(*ast.StructType); ok {
					if o := readObject(s.name, st); len(o.fields) > 0 {
						all[s.name+"."+spec.Name.Name] = o
					}
				}
				return true
			})
		}
	}
	return all
}

func readObject(pkg string, st *ast.StructType) (o object) {
	for _, f := range st.Fields.List {
		if len(f.Names) == 0 && f.Tag == nil {
			o.embedded = append(o.embedded, typeNames(pkg, f.Type)...)
			continue
		}
		if f.Tag == nil {
			continue
		}
		raw, _ := strconv.Unquote(f.Tag.Value) // the parser has read it
		tag := strings.Split(reflect.StructTag(raw).Get("json"), ",")
		if tag[0] == "" || tag[0] == "-" {
			continue
		}
		o.fields = append(o.fields, field{tag[0], !slices.Contains(tag, "omitempty") && !slices.Contains(tag, "omitzero")})
		o.uses = append(o.uses, typeNames(pkg, f.Type)...)
	}
	return o
}

// typeNames gives the named types in a type, with the package's last name.
func typeNames(pkg string, e ast.Expr) (out []string) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				out = append(out, x.Name+"."+n.Sel.Name)
			}
			return false
		case *ast.Ident:
			out = append(out, pkg+"."+n.Name)
		}
		return true
	})
	return out
}

// all gives an object's own fields and those of what it embeds.
func (o object) all(objects map[string]object) []field {
	out := slices.Clone(o.fields)
	for _, name := range o.embedded {
		out = append(out, objects[name].all(objects)...)
	}
	return out
}

var (
	docMark = regexp.MustCompile(`^<!-- (\w+\.\w+) -->$`)
	docRow  = regexp.MustCompile("^\\| `(\\w+)` \\| (always|if known) \\|")
)

// documented reads the tables of docs/json.md: each follows a comment that
// names its struct.
func documented(t *testing.T) map[string][]field {
	t.Helper()
	raw, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	out, current := map[string][]field{}, ""
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if m := docMark.FindStringSubmatch(line); m != nil {
			current = m[1]
			out[current] = nil
		} else if strings.HasPrefix(line, "#") {
			current = ""
		} else if m := docRow.FindStringSubmatch(line); m != nil {
			if current == "" {
				t.Fatalf("a row without a struct: %s", line)
			}
			out[current] = append(out[current], field{m[1], m[2] == "always"})
		}
	}
	return out
}

// TestJSONDocs holds the tables of docs/json.md against the structs that are
// written: every object with a type, and all that it is made of, field by field.
func TestJSONDocs(t *testing.T) {
	structs, docs := objects(t), documented(t)
	for name, rows := range docs {
		o, exists := structs[name]
		if !exists {
			t.Errorf("docs/json.md describes %s, which is not there", name)
			continue
		}
		compareFields(t, name, rows, o.all(structs))
	}
	for name, o := range structs {
		if _, described := docs[name]; described {
			for _, used := range slices.Concat(o.uses, embeddedUses(o, structs)) {
				if _, missing := structs[used]; missing && docs[used] == nil {
					t.Errorf("docs/json.md has no table for %s, which is a part of %s", used, name)
				}
			}
		} else if slices.ContainsFunc(o.fields, func(f field) bool { return f.name == "type" }) {
			t.Errorf("docs/json.md has no table for %s, an object with a type", name)
		}
	}
}

func embeddedUses(o object, structs map[string]object) (out []string) {
	for _, name := range o.embedded {
		out = append(out, structs[name].uses...)
	}
	return out
}

// wrapped are fields that are put around the struct when it is printed.
var wrapped = map[string]field{
	"console.Site":          {"type", true},
	"console.Origin":        {"type", true},
	"console.incidentStory": {"type", true},
}

func compareFields(t *testing.T, name string, doc, code []field) {
	t.Helper()
	if extra, ok := wrapped[name]; ok {
		code = append(code, extra)
	}
	for _, f := range code {
		if !slices.Contains(doc, f) {
			t.Errorf("docs/json.md, %s: no row `%s` with the right word (always: %v)", name, f.name, f.always)
		}
	}
	for _, f := range doc {
		if !slices.ContainsFunc(code, func(c field) bool { return c.name == f.name }) {
			t.Errorf("docs/json.md, %s: row `%s` is no field of it", name, f.name)
		}
	}
}
