package cli

import (
	"strings"
	"testing"
)

// TestCorpus prints the score of the captures that are kept here, and allows no
// answer that is not right.
func TestCorpus(t *testing.T) {
	table, err := scoreCaptures(t.Context(), "../../testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	table.Text(&b)
	t.Log("\n" + b.String())
	for _, f := range table.Faults {
		t.Errorf("%s: %s: %s", f.Capture, f.Kind, f.Text)
	}
}
