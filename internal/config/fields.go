package config

import (
	"reflect"
	"strconv"
	"strings"
)

// field is a key that a struct may have in a file, as its tags say.
type field struct {
	key      string
	index    []int
	required bool
	example  string
	enum     []string
	limited  bool
	minimum  int64
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		key, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		f := field{key: key, index: sf.Index, required: options != "omitempty", example: sf.Tag.Get("example")}
		for tag := range strings.SplitSeq(sf.Tag.Get("jsonschema"), ",") {
			name, value, _ := strings.Cut(tag, "=")
			switch name {
			case "enum":
				f.enum = append(f.enum, value)
			case "minimum":
				f.minimum, _ = strconv.ParseInt(value, 10, 64)
				f.limited = true
			}
		}
		out = append(out, f)
	}
	return out
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// suggestKey makes a hint for a key that is not one of known.
func suggestKey(key string, known []string) string {
	if homes := homesOf(key); nearest(key, known) == "" && len(homes) > 0 {
		return "it belongs " + strings.Join(homes, " or ")
	}
	return suggest(key, known)
}

// homesOf tells where a key is known.
func homesOf(key string) []string {
	var out []string
	for _, home := range []struct {
		noun string
		of   any
	}{
		{"at the top level of the main file", Config{}}, {"in recording", Recording{}}, {"in disk of recording", Disk{}}, {"in limits at the top level", Limits{}}, {"in an entry of notify", Notify{}},
		{"in a site", Site{}}, {"in filter of a site", Filter{}}, {"in max of filter", FilterMax{}}, {"in an entry of rules of filter", FilterRule{}}, {"in rejected of filter", FilterRejected{}}, {"in certificate", Certificate{}}, {"in a route", Route{}}, {"in limits of a site", SiteLimits{}}, {"in limits of a route", RouteLimits{}}, {"in rate_limit", RateLimit{}},
		{"in rewrite of a route", Rewrite{}}, {"in respond of a route", Respond{}}, {"in tls of a route", OriginTLS{}}, {"in timeouts of a route", Timeouts{}}, {"in pool of a route", Pool{}},
		{"in an entry of to", originForm{}}, {"in health of a route", Health{}}, {"in eject of a route", Eject{}}, {"in retry of a route", Retry{}},
		{"in waf of a site", WAF{}}, {"in thresholds of waf", WAFThresholds{}}, {"in body of waf", WAFBody{}}, {"in exclude of waf", WAFExclusion{}},
	} {
		for _, f := range fieldsOf(reflect.TypeOf(home.of)) {
			if f.key == key {
				out = append(out, home.noun)
			}
		}
	}
	return out
}
