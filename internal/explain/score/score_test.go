package score

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

func rules() []explain.Rule {
	return []explain.Rule{{ID: "port-closed"}, {ID: "keepalive-race"}, {ID: "client-gave-up"}}
}

func TestParseLabel(t *testing.T) {
	l, err := ParseLabel("# nginx 1.26\nfind port-closed conn c1 exchange x2 confidence proof # why\n\nnot keepalive-race\nsynthetic only IIS does it\n", rules())
	want := Label{Find: []Want{{"port-closed", "c1", "x2", "proof"}}, Not: []string{"keepalive-race"}, Synthetic: "only IIS does it"}
	if diff := cmp.Diff(want, l); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for text, fault := range map[string]string{
		"":                              "neither find nor not",
		"# nothing":                     "neither find nor not",
		"find":                          `line 1: "find": something is missing`,
		"\nfind no-rule":                `line 2: "no-rule" is no finding`,
		"find port-closed conn":         `"conn": something is missing`,
		"find port-closed on c1":        `"on": expected conn, exchange or confidence`,
		"without port-closed":           `"without": expected find, not or synthetic`,
		"synthetic only IIS does that ": "neither find nor not",
	} {
		if _, err := ParseLabel(text, rules()); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: got %v, want %s", text, err, fault)
		}
	}
}

func TestTable(t *testing.T) {
	closed := explain.Finding{ID: "port-closed", Severity: explain.Error, Confidence: explain.Proof, Conns: []flow.ConnID{1}}
	race := explain.Finding{ID: "keepalive-race", Severity: explain.Warning, Conns: []flow.ConnID{2}, Exchanges: []flow.ExchangeID{1}}
	note := explain.Finding{ID: "client-gave-up", Severity: explain.Note}
	unsure := explain.Finding{ID: "keepalive-race", Severity: explain.Error, Undecided: true}
	for _, test := range []struct {
		label string // empty: healthy
		found []explain.Finding
		want  []string // kinds and rules of faults
	}{
		{"find port-closed conn c1 confidence proof", []explain.Finding{closed, note, unsure}, nil},
		{"find port-closed conn c2", []explain.Finding{closed}, []string{"missed port-closed", "wrong port-closed"}},
		{"find port-closed confidence likely", []explain.Finding{closed}, []string{"missed port-closed", "wrong port-closed"}},
		{"find port-closed\nfind keepalive-race exchange x1", []explain.Finding{closed, race}, nil},
		{"find port-closed", []explain.Finding{closed, race}, []string{"wrong keepalive-race"}},
		{"find port-closed", []explain.Finding{unsure}, []string{"missed port-closed"}},
		{"find keepalive-race", []explain.Finding{unsure}, []string{"missed keepalive-race"}},
		{"not client-gave-up", []explain.Finding{note}, []string{"wrong client-gave-up"}},
		{"", nil, nil},
		{"", []explain.Finding{note, unsure}, nil},
		{"", []explain.Finding{race}, []string{"false alarm keepalive-race"}},
	} {
		var table Table
		var label *Label
		if test.label != "" {
			l, err := ParseLabel(test.label, rules())
			if err != nil {
				t.Fatal(err)
			}
			label = &l
		}
		table.Add("x.pcapng", label, test.found)
		var got []string
		for _, f := range table.Faults {
			got = append(got, f.Kind+" "+f.Rule)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.label, diff)
		}
	}
}

func TestTableText(t *testing.T) {
	var table Table
	label, _ := ParseLabel("find port-closed\nsynthetic x", rules())
	table.Add("sick/a.pcapng", &label, nil)
	table.Add("healthy/b.pcapng", nil, []explain.Finding{{ID: "keepalive-race", Severity: explain.Error, Cause: "It raced.", Conns: []flow.ConnID{1}}})
	var b strings.Builder
	table.Text(&b)
	want := `finding         labelled  found  wrong  false alarms
keepalive-race  0         0      0      1
port-closed     1         0      0      0
all             1         0      0      1

1 captures of faults (1 synthetic), 1 healthy ones
sick/a.pcapng: missed: find port-closed
healthy/b.pcapng: false alarm: keepalive-race (possible) on c1: It raced.
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
