package config

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type schema struct {
	Ref                  string             `json:"$ref"`
	Version              string             `json:"$schema"`
	Defs                 map[string]*schema `json:"$defs"`
	Description          string             `json:"description"`
	Properties           map[string]*schema `json:"properties"`
	Required             []string           `json:"required"`
	AdditionalProperties json.RawMessage    `json:"additionalProperties"`
	Items                *schema            `json:"items"`
	OneOf                []*schema          `json:"oneOf"`
	Enum                 []string           `json:"enum"`
	Const                any                `json:"const"`
	Pattern              string             `json:"pattern"`
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	src, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(src, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// object is the schema of a struct, past references and other forms.
func (s *schema) object(name string) *schema {
	if name == "Config" {
		return s
	}
	def := s.Defs[name]
	if def != nil && def.Properties == nil && len(def.OneOf) == 2 {
		return def.OneOf[1]
	}
	return def
}

func TestSchemaHasEveryKeyAndNoOther(t *testing.T) {
	s := readSchema(t)
	if s.Version != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("version %q", s.Version)
	}
	for _, v := range []any{Config{}, Recording{}, Disk{}, Limits{}, Site{}, Certificate{}, HeaderRules{}, Route{}, OriginTLS{}, Timeouts{}, Pool{}, Health{}, Eject{}, Retry{}, Rewrite{}, Respond{}, SiteLimits{}, RouteLimits{}, RateLimit{}, Filter{}, FilterVerbs{}, FilterExtensions{}, FilterMax{}, FilterAllow{}, FilterRule{}, FilterRejected{}} {
		typ := reflect.TypeOf(v)
		def := s.object(typ.Name())
		if def == nil {
			t.Errorf("%s is not defined", typ)
			continue
		}
		if string(def.AdditionalProperties) != "false" {
			t.Errorf("%s: additionalProperties %s", typ, def.AdditionalProperties)
		}
		fields := fieldsOf(typ)
		if len(fields) != len(def.Properties) {
			t.Errorf("%s has %d keys, its schema %d", typ, len(fields), len(def.Properties))
		}
		for _, f := range fields {
			p := def.Properties[f.key]
			if p == nil {
				t.Errorf("%s.%s is not in the schema", typ, f.key)
				continue
			}
			if p.Description == "" {
				t.Errorf("%s.%s has no description", typ, f.key)
			}
			if !slices.Equal(p.Enum, f.enum) {
				t.Errorf("%s.%s: enum %v, want %v", typ, f.key, p.Enum, f.enum)
			}
			if slices.Contains(def.Required, f.key) != f.required {
				t.Errorf("%s.%s: required %v, want %v", typ, f.key, !f.required, f.required)
			}
		}
	}
}

func TestSchemaForms(t *testing.T) {
	s := readSchema(t)
	if word := s.Defs["Certificate"].OneOf[0].Const; word != "local" {
		t.Errorf("certificate: %v", word)
	}
	if word := s.Defs["Recording"].OneOf[0].Const; word != "off" {
		t.Errorf("recording: %v", word)
	}
	if n := len(s.Defs["Route"].OneOf); n != 4 {
		t.Errorf("route has %d alternatives", n)
	}
}

// What the schema accepts as text, the reader accepts, and the reverse.
func TestSchemaPatterns(t *testing.T) {
	s := readSchema(t)
	binding := regexp.MustCompile(s.Defs["Site"].Properties["bind"].Items.Pattern)
	duration := regexp.MustCompile(s.Defs["Timeouts"].Properties["connect"].Pattern)
	size := regexp.MustCompile(s.Defs["Recording"].OneOf[1].Properties["memory"].OneOf[1].Pattern)
	origin := regexp.MustCompile(s.Defs["Route"].Properties["to"].OneOf[0].Pattern)
	for _, c := range []struct {
		text    string
		pattern *regexp.Regexp
		err     error
	}{
		{"127.0.0.2:443 shop.test", binding, second(parseBinding("127.0.0.2:443 shop.test"))},
		{"http://[::1]:80", binding, second(parseBinding("http://[::1]:80"))},
		{"shop.test:443", binding, second(parseBinding("shop.test:443"))},
		{"5s", duration, second(parseDuration("5s"))},
		{"1h30m", duration, second(parseDuration("1h30m"))},
		{"5", duration, second(parseDuration("5"))},
		{"64MiB", size, second(parseSize("64MiB"))},
		{"10kB", size, second(parseSize("10kB"))},
		{"10k", size, second(parseSize("10k"))},
		{"https://10.0.0.5:8443", origin, second(parseOrigin("https://10.0.0.5:8443"))},
		{"https://a.test/x", origin, second(parseOrigin("https://a.test/x"))},
		{"a.test:80", origin, second(parseOrigin("a.test:80"))},
	} {
		if c.pattern.MatchString(c.text) != (c.err == nil) {
			t.Errorf("%q: schema %v, reader %v", c.text, c.pattern.MatchString(c.text), c.err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// The defaults that the descriptions name are those that are applied.
func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	comments, err := describe(source)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Sites: map[string]*Site{"a": {Bind: []Binding{{}}, WAF: &WAF{}, Filter: &Filter{Rules: []FilterRule{{}}}, Routes: []Route{{To: Origins{{}}, Health: &Health{}}}}}}
	c.SetDefaults()
	filter, waf := c.Sites["a"].Filter, c.Sites["a"].WAF
	route := c.Sites["a"].Routes[0]
	checked := 0
	for _, v := range []any{c, c.Recording, c.Recording.Disk, c.Limits, *c.Sites["a"], route, route.TLS, route.Timeouts, route.Pool, route.Limits, *route.Health, route.Eject, route.Retry, *filter, filter.AlwaysAllow, filter.Rules[0], *waf, waf.Thresholds, waf.Body} {
		value := reflect.ValueOf(v)
		for i := range value.NumField() {
			name := value.Type().Name() + "." + value.Type().Field(i).Name
			m := regexp.MustCompile(`default (\S+?)[;:]?( |$)`).FindStringSubmatch(comments[name])
			if m == nil {
				continue
			}
			checked++
			want := m[1]
			if d, err := parseDuration(want); err == nil {
				want = d.String()
			}
			if got := defaultText(value.Field(i)); got != want {
				t.Errorf("%s: default %s, documented %s", name, got, want)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d defaults were found in comments", checked)
	}
}

func defaultText(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case *Certificate:
		return map[bool]string{true: "local"}[x != nil && x.Local]
	case interface{ String() string }:
		return x.String()
	}
	text, _ := json.Marshal(v.Interface())
	return strings.Trim(string(text), `"`)
}
