package rules

import (
	"slices"
	"testing"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// TestGuards: where the capture may have missed what a rule misses, the rule
// says less.
func TestGuards(t *testing.T) {
	const head = "conn 7  192.0.2.10:5 -> 10.0.0.5:443  source bad.pcapng  keys yes\n" +
		"  +0.000 syn [#1]   +0.001 established [#3]   +0.002 > client-hello sni=a.test versions=1.2 pha=no [#4]\n"
	const asked = "  +0.004 < server-hello version=1.2 [#6]   +0.006 tls-done 1.2 [#9]\n" +
		"  +0.010 > GET /a http=1.1 x1 [#10]\n  +0.010 > request-done 0 B x1 [#10]\n"
	const shut = "  +0.020 < 200 OK x1 [#12]\n  +0.030 > zero-window [#13]   +9.0 fin by server [#14]\n"
	for _, test := range []struct {
		name, text, rule string
		want             explain.Confidence
		undecided        bool
	}{
		{"all captured", head + asked + "  +9.0 fin by client [#14]\n", "client-gave-up", explain.Proof, false},
		{"some lost", head + asked + "  +1.0 < acked-unseen 99 B [#12]   +9.0 fin by client [#14]\n", "client-gave-up", explain.Possible, false},
		{"cut", head + asked + "  +9.0 fin by client [#14]   +9.0 capture-flaw cut packets=3\n", "client-gave-up", explain.Possible, false},
		{"merged takes nothing away", head + asked + "  +9.0 fin by client [#14]   +9.0 capture-flaw merged packets=3\n", "client-gave-up", explain.Proof, false},
		{"window seen to stay closed", head + asked + shut, "receiver-stalls", explain.Proof, false},
		{"window that may have opened", head + asked + "  +0.015 < acked-unseen 99 B [#11]\n" + shut, "receiver-stalls", explain.Possible, false},
		{"silent", head + "  +9.0 fin by client [#14]\n", "accepted-but-silent", explain.Likely, false},
		{"one side only", head + "  +9.0 fin by client [#14]   +9.0 > capture-flaw one-sided packets=4\n", "accepted-but-silent", 0, true},
		{"not from silence", head + "  +1.0 < acked-unseen 99 B [#12]   +1.1 < alert protocol_version level=fatal [#13]   +1.1 < tls-failed fault=alert [#13]   +1.2 fin by server [#14]\n", "version-mismatch", explain.Proof, false},
	} {
		found := explain.Run(All(), parse(t, test.name, []byte(test.text)))
		i := slices.IndexFunc(found, func(f explain.Finding) bool { return f.ID == test.rule })
		if i < 0 {
			t.Errorf("%s: no %s in %+v", test.name, test.rule, found)
			continue
		}
		if f := found[i]; f.Confidence != test.want && !test.undecided || f.Undecided != test.undecided {
			t.Errorf("%s: %s, undecided %v; want %s, %v", test.name, f.Confidence, f.Undecided, test.want, test.undecided)
		}
		if bad := len(explain.Flaws(parse(t, test.name, []byte(test.text)).Conns[0])) > 0; bad && test.want != explain.Proof &&
			!slices.ContainsFunc(found, func(f explain.Finding) bool { return f.ID == "capture-incomplete" }) {
			t.Errorf("%s: nothing says that the capture is incomplete", test.name)
		}
	}
}

// TestFlawTexts: every flaw has words.
func TestFlawTexts(t *testing.T) {
	for _, flaw := range []string{flow.FlawOneSided, flow.FlawCut, flow.FlawMerged, flow.FlawTwice, flow.FlawClock, explain.FlawLost, explain.FlawMidStream} {
		if !slices.ContainsFunc(flawTexts(), func(f flawText) bool { return f.flaw == flaw }) {
			t.Errorf("no words for %s", flaw)
		}
	}
}
