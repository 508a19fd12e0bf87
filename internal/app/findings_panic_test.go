package app

import (
	"log/slog"
	"strings"
	"testing"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// A rule that panics is told of and ends nothing.
func TestRulePanics(t *testing.T) {
	var told strings.Builder
	f := newFindings(nil, nil, slog.New(slog.NewTextHandler(&told, nil)))
	f.rules = []explain.Rule{{ID: "bad", Check: func(*explain.Pass) { panic("out of range") }}}
	if found := f.Of(&flow.Trace{}); found != nil || !strings.Contains(told.String(), "out of range") {
		t.Errorf("found %v, told %q", found, told.String())
	}
}
