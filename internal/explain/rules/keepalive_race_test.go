package rules

import (
	"testing"

	"fanlight/internal/explain"
)

// TestOutageProvesNoRace: a server that ended closes kept-alive connections as
// one whose idle timer ran out does, and refuses the next.
func TestOutageProvesNoRace(t *testing.T) {
	const closed = `conn 7  192.0.2.10:51544 -> 10.0.0.5:443  source bad.pcapng  keys yes  at 2026-01-01T10:00:00.000000Z
  +0.000 syn [#1]   +0.001 established [#3]
  +0.010 > GET /secure http=1.1 x1 [#10]
    > Host: app.example
  +0.010 > request-done 0 B x1 [#10]
  +0.020 < 200 OK x1 [#12]
    < Content-Length: 5
  +0.020 < response-done 5 B x1 [#12]   +0.020 exchange-done complete x1
  +3.024 fin by server [#20]
  +3.024 > GET /secure http=1.1 x2 [#21]
    > Host: app.example
  +3.024 > request-done 0 B x2 [#21]
  +3.025 rst by server [#22]
`
	refused := func(at string) string {
		return "conn 8  192.0.2.10:51545 -> 10.0.0.5:443  source bad.pcapng  at " + at + "\n  +0.000 syn [#23]   +0.001 rst by server [#24]\n"
	}
	for _, test := range []struct {
		name, flow string
		want       explain.Confidence
	}{
		{"alone", closed, explain.Proof},
		{"refused a second later", closed + refused("2026-01-01T10:00:04.100000Z"), explain.Possible},
		{"refused an hour before", closed + refused("2026-01-01T09:00:00.000000Z"), explain.Proof},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, found := range explain.Run(All(), parse(t, test.name, []byte(test.flow))) {
				if found.ID == keepaliveRace.ID {
					if found.Confidence != test.want {
						t.Errorf("got %s, want %s: %s", found.Confidence, test.want, found.Cause)
					}
					return
				}
			}
			t.Error("no keepalive-race")
		})
	}
}
