package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
)

// source holds the comments that describe the keys.
//
//go:embed config.go
var source string

// Schema is the JSON Schema (2020-12) of the configuration file, made from the
// structs and their comments.
func Schema() ([]byte, error) {
	comments, err := describe(source)
	if err != nil {
		return nil, fmt.Errorf("describe the configuration: %w", err)
	}
	r := jsonschema.Reflector{
		Anonymous:      true,
		ExpandedStruct: true,
		FieldNameTag:   "yaml",
		Mapper:         leafSchema,
		LookupComment: func(t reflect.Type, field string) string {
			return comments[strings.TrimSuffix(t.Name()+"."+field, ".")]
		},
	}
	s := r.Reflect(&Config{})
	s.Title = "Fanlight configuration"
	sites, _ := s.Properties.Get("sites")
	sites.PropertyNames = &jsonschema.Schema{Pattern: siteNamePattern}
	orWord(s.Definitions, "Recording", "off")
	orWord(s.Definitions, "Disk", "off")
	orWord(s.Definitions, "Eject", "off")
	orWord(s.Definitions, "Retry", "off")
	orWord(s.Definitions, "Compress", "off")
	orText(s.Definitions, "AccessLog")
	orWord(s.Definitions, "Certificate", "local")
	notify := s.Definitions["Notify"]
	for _, to := range []string{"webhook", "exec"} {
		notify.OneOf = append(notify.OneOf, &jsonschema.Schema{Required: []string{to}})
	}
	for _, target := range []string{"files", "to", "redirect", "respond"} {
		route := s.Definitions["Route"]
		route.OneOf = append(route.OneOf, &jsonschema.Schema{Required: []string{target}})
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return append(out, '\n'), nil
}

// orWord lets a mapping also be written as one word.
func orWord(defs jsonschema.Definitions, name, word string) {
	full := defs[name]
	defs[name] = &jsonschema.Schema{
		Description: full.Description,
		OneOf:       []*jsonschema.Schema{{Const: word}, full},
	}
	full.Description = ""
}

// orText lets a mapping also be written as any one text.
func orText(defs jsonschema.Definitions, name string) {
	full := defs[name]
	defs[name] = &jsonschema.Schema{
		Description: full.Description,
		OneOf:       []*jsonschema.Schema{{Type: "string"}, full},
	}
	full.Description = ""
}

// leafSchema is the form of a value that is written as text.
func leafSchema(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	origin := text(`^https?://[^/?#@\s]+/?$`)
	switch reflect.New(t).Interface().(type) {
	case *Duration:
		return text(`^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$|^[0-9]{1,5}d$`)
	case *Size:
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: "0"}, text(`^[0-9]+ *([KkMmGg][Ii]?)?[Bb]$`),
		}}
	case *Address:
		return &jsonschema.Schema{Type: "string", AnyOf: []*jsonschema.Schema{{Format: "ipv4"}, {Format: "ipv6"}}}
	case *Endpoint:
		return text(`^(\[[^\]]+\]|[0-9.]+):[0-9]{1,5}$`)
	case *Prefix:
		return text(`^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$`)
	case *Binding:
		return text(`^\s*(https?://)?(\[[^\]]+\]|[0-9.]+):[0-9]{1,5}(\s+\S+)*\s*$`)
	case *StatusPages:
		return statusPagesSchema()
	case *ServerHeader:
		return serverHeaderSchema()
	case *Origins:
		form := originSchema(origin)
		either := &jsonschema.Schema{OneOf: []*jsonschema.Schema{origin, form}}
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{origin, form, {Type: "array", Items: either}}}
	case *Balance:
		return text(`^(round_robin|least_connections|hash (address|path|header \S+|cookie \S+))$`)
	case *Condition:
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			text(`^(connect|refused|reset|timeout|50[234])$`), {Type: "integer", Minimum: "502", Maximum: "504"},
		}}
	case *Percent:
		return text(`^[0-9]{1,3}%$`)
	case *Statuses:
		status := &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "integer", Minimum: "100", Maximum: "599"}, text(`^[1-5][0-9]{2}(-[1-5][0-9]{2})?$`)}}
		return &jsonschema.Schema{OneOf: append(status.OneOf[:2:2], &jsonschema.Schema{Type: "array", Items: status})}
	case *Count:
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "integer", Minimum: "1"}, {Const: "off"}}}
	}
	return nil
}

// originSchema is an origin that is written as a mapping.
func originSchema(url *jsonschema.Schema) *jsonschema.Schema {
	properties := jsonschema.NewProperties()
	properties.Set("url", url)
	properties.Set("weight", &jsonschema.Schema{Type: "integer", Minimum: "1", Maximum: "100", Description: "share of the exchanges beside the others; default 1"})
	properties.Set("backup", &jsonschema.Schema{Type: "boolean", Description: "used when no other origin can be"})
	return &jsonschema.Schema{Type: "object", Properties: properties, Required: []string{"url"}, AdditionalProperties: jsonschema.FalseSchema}
}

// describe collects the comments of the structs in a Go source, by TYPE and
// TYPE.FIELD.
func describe(src string) (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, spec := range gen.Specs {
			describeType(out, spec.(*ast.TypeSpec), gen.Doc)
		}
	}
	return out, nil
}

func describeType(out map[string]string, spec *ast.TypeSpec, doc *ast.CommentGroup) {
	out[spec.Name.Name] = sentence(doc)
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range fields.Fields.List {
		for _, name := range f.Names {
			out[spec.Name.Name+"."+name.Name] = sentence(f.Comment)
		}
	}
}

func sentence(c *ast.CommentGroup) string {
	return strings.Join(strings.Fields(c.Text()), " ")
}
