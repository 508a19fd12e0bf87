package rules

import (
	"slices"
	"testing"

	"fanlight/internal/explain"
)

// A leg that was joined by address alone accuses nobody of a loop.
func TestLoopNeedsCertainLegs(t *testing.T) {
	const text = `conn 1  127.0.0.1:50001 -> 127.0.0.1:443  source a.pcap
  +0.010 > GET /a http=1.1 x1   +0.050 < 200 OK x1   +0.050 < response-done 7 B x1   +0.050 exchange-done complete x1
conn 2  127.0.0.1:50002 -> 127.0.0.1:443  source a.pcap  parent c1
  +0.020 > GET /a http=1.1 x2 for x1   +0.040 < 200 OK x2   +0.040 < response-done 7 B x2   +0.040 exchange-done complete x2
`
	for joined, want := range map[string]bool{
		"": true,
		"proof: forwarded for the client's address, sent from the address that was asked": true,
		"likely: sent from the address that was asked, same status and length":            false,
	} {
		trace := parse(t, "loop", []byte(text))
		trace.Exchange(2).Joined = joined
		found := explain.Run(All(), trace)
		if got := slices.ContainsFunc(found, func(f explain.Finding) bool { return f.ID == proxyLoop.ID }); got != want {
			t.Errorf("joined %q: found %v, want %v", joined, got, want)
		}
	}
}
