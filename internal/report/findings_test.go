package report

import (
	"strings"
	"testing"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

func TestFindingsThatSayTheSame(t *testing.T) {
	var found []explain.Finding
	for i := range 12 {
		found = append(found, explain.Finding{ID: "port-closed", Title: "Nothing listens there", Cause: "10.0.0.5:443 refuses.", Conns: []flow.ConnID{flow.ConnID(i + 1)}})
	}
	found[5].Cause = "10.0.0.6:443 refuses."
	var b strings.Builder
	if err := Findings(&b, found); err != nil {
		t.Fatal(err)
	}
	const want = `note (possible): Nothing listens there [port-closed]
  on c1
  10.0.0.5:443 refuses.
  the same 10 times more, on c2 c3 c4 c5 c7 c8 c9 c10 and 2 further connections

note (possible): Nothing listens there [port-closed]
  on c6
  10.0.0.6:443 refuses.
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
