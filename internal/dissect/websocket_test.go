package dissect

import (
	"testing"

	"fanlight/internal/flow"
)

// TestWebSocketSilence: how long nobody had said anything before the end is
// counted from the last frame to the first FIN, not to the end of the record.
func TestWebSocketSilence(t *testing.T) {
	const handshake = `
		> S 99 0
		< SA 299 100
		> A 100 300
		> A 100 300 "GET / HTTP/1.1^Host: a^Connection: Upgrade^Upgrade: websocket^^"
		< A 300 168 "HTTP/1.1 101 Switching^Upgrade: websocket^^"
	`
	for name, test := range map[string]struct{ script, want string }{
		"after a frame": {handshake + `
			< A 346 168 t=500 "\x81\x02hi"
			< FA 350 168 t=60000
			> FA 168 351 t=90000
		`, "60000.000"},
		"without a frame": {handshake + `
			< FA 346 168 t=12000
			> FA 168 347
		`, "12000.000"},
	} {
		trace, _, err := analyse(t, tape(t, 80, test.script), "tape.pcap", nil, 1)
		if err != nil || len(trace.Conns) != 1 {
			t.Fatalf("%s: %d connections, %v", name, len(trace.Conns), err)
		}
		got := ""
		for _, e := range trace.Conns[0].Events {
			if e.Kind == flow.TunnelDone {
				got = e.Attr(flow.KeyIdle)
			}
		}
		if got != test.want {
			t.Errorf("%s: idle_ms=%q, want %q\n%s", name, got, test.want, trace)
		}
	}
}
