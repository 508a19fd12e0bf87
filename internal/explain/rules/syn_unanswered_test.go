package rules

import (
	"testing"

	"fanlight/internal/explain"
)

// TestAttemptsGivenUpEarly: a gateway that gives up after one repeated SYN and
// tries again shows silence; one such attempt alone does not.
func TestAttemptsGivenUpEarly(t *testing.T) {
	const front = `conn 1  192.0.2.10:51544 -> 10.0.0.4:443  source bad.pcapng  keys yes  scheme https  at 2026-01-01T10:00:00.000000Z
  +0.000 syn [#1]   +0.001 established [#3]   +0.004 tls-done 1.3 cipher=TLS_AES_128_GCM_SHA256 [#7]
  +0.005 > GET /pay http=1.1 x1 [#10]
    > Host: app.example
  +0.005 > request-done 0 B x1 [#10]
  +8.009 < 503 "Service Unavailable" x1 [#20]
    < Content-Length: 107
    < Cache-Control: no-cache
    < Content-Type: text/html
  +8.009 < response-done 107 B x1 [#20]   +8.009 exchange-done complete x1
`
	const first = "conn 2  10.0.0.4:40001 -> 10.0.0.5:80  source bad.pcapng  at 2026-01-01T10:00:00.006000Z\n  +0.000 syn [#11]   +1.025 > retransmission [#12]\n"
	const second = "conn 3  10.0.0.4:40002 -> 10.0.0.5:80  source bad.pcapng  at 2026-01-01T10:00:02.006000Z\n  +0.000 syn [#13]   +1.012 > retransmission [#14]\n"
	for _, test := range []struct {
		name, flow string
		decided    bool
	}{
		{"one attempt", front + first, false},
		{"two attempts", front + first + second, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			decided := false
			for _, found := range explain.Run(All(), parse(t, test.name, []byte(test.flow))) {
				decided = decided || found.ID == synUnanswered.ID && !found.Undecided
				if found.ID == noUsableOrigin.ID {
					t.Errorf("named a consequence: %s", found.Cause)
				}
			}
			if decided != test.decided {
				t.Errorf("found: %v, want %v", decided, test.decided)
			}
		})
	}
}
