package explain

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAdvice tells what happened before what to do, and puts first what whoever
// asks can change; with a client at fault, what the client can.
func TestAdvice(t *testing.T) {
	f := Finding{
		ID: "some-rule", Title: "Something failed", Cause: "It was asked too much.", Confidence: Likely,
		Evidence: []Evidence{Fact("it said so")}, Missing: []string{"its log"},
		Fixes: []Fix{
			{Side: Gateway, Product: "nginx", Text: "Wait."},
			{Side: Origin, Product: "IIS", Text: "Ask less.", Command: "one\ntwo"},
			{Side: Client, Text: "Do not ask."},
			{Side: Gateway, Product: "Fanlight", Text: "Turn it on."},
		},
	}
	const begin = "what happened: Something failed [some-rule]\n  It was asked too much.\n" +
		"  This is likely: it fits better than anything else, but the record does not prove it. It would\n  be certain with its log.\n\nwhat to do:\n"
	const end = "  Gateways of other makes: fanlight explain some-rule\n\nwhat shows it:\n  - it said so\n"
	const iis = "  IIS (the origin): Ask less.\n      one\n      two\n"
	for _, test := range []struct {
		withClient bool
		fixes      string
	}{
		{false, "  Fanlight: Turn it on.\n" + iis + "  the client: Do not ask.\n"},
		{true, "  the client: Do not ask.\n" + iis + "  Fanlight: Turn it on.\n"},
	} {
		var b strings.Builder
		f.Advice(&b, "Fanlight", test.withClient)
		if diff := cmp.Diff(begin+test.fixes+end, b.String()); diff != "" {
			t.Errorf("with a client %t (-want +got):\n%s", test.withClient, diff)
		}
	}
}
