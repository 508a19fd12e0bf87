package app

import (
	"reflect"
	"slices"
	"testing"

	"fanlight/internal/config"
)

// Whoever adds a key at the top of the file decides what a reload does with it.
func TestEverySettingIsJudged(t *testing.T) {
	var keys []string
	for f := range reflect.TypeFor[config.Config]().Fields() {
		if key := yamlKey(f); key != "" && key != "sites" {
			keys = append(keys, key)
		}
	}
	judged := slices.Concat(changing(), fixed())
	slices.Sort(keys)
	slices.Sort(judged)
	if !slices.Equal(keys, judged) {
		t.Errorf("a reload changes or leaves %q (plan.go), the configuration has %q", judged, keys)
	}
}
