package rules

import (
	"path/filepath"
	"slices"
	"testing"

	"fanlight/internal/explain"
	"fanlight/internal/flow"

	"golang.org/x/tools/txtar"
)

// Long connections lose their oldest events. No rule may need one that is gone.
func TestDroppedEvents(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no traces", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range archive.Files {
			whole, err := flow.Parse(string(section.Data))
			if err != nil {
				continue // what is expected of a trace
			}
			for i, c := range whole.Conns {
				events := c.Events
				for n := range events {
					whole.Conns[i].Events = slices.Clone(events[n:])
					explain.Run(All(), whole)
				}
				whole.Conns[i].Events = events
			}
		}
	}
}
