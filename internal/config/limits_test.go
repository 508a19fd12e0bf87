package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// docs/limits.md names every limit with its default, and none that is not there.
func TestLimitsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(raw), -1) {
		told[m[1]] = m[2]
	}
	c := Config{Sites: map[string]*Site{"a": {Bind: []Binding{{}}, Routes: []Route{{To: Origins{{}}}}}}}
	c.SetDefaults()
	site := c.Sites["a"]
	route := site.Routes[0]
	for prefix, v := range map[string]any{
		"limits.": c.Limits, "limits.http2.": c.Limits.HTTP2, "site.limits.": site.Limits, "route.limits.": route.Limits, "route.timeouts.": route.Timeouts, "route.pool.": route.Pool,
	} {
		value := reflect.ValueOf(v)
		for _, f := range fieldsOf(value.Type()) {
			field := value.FieldByIndex(f.index)
			if field.Kind() == reflect.Struct {
				continue // its keys have rows of their own
			}
			want := defaultText(field)
			if field.IsZero() {
				want = "none"
			}
			got, found := told[prefix+f.key]
			if d, err := parseDuration(got); err == nil {
				got = d.String()
			}
			if strings.TrimSpace(got) != want {
				t.Errorf("%s: default %s; the table says %q, %v", prefix+f.key, want, got, found)
			}
			delete(told, prefix+f.key)
		}
	}
	for key := range told {
		t.Errorf("%s is in the table, but no key", key)
	}
}
