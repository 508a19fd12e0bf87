package dissect

import (
	"fmt"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

const (
	handshake = `
		> S 99 0
		< SA 299 100
		> A 100 300`
	// a request of 28 bytes, and a response of 39
	getA = `"GET /a HTTP/1.1^Host: a^^"`
	okA  = `"HTTP/1.1 200 OK^Content-Length: 1^^a"`
)

// What a capture tells of a connection of which it has only a part: nothing is
// claimed of what may have been in the rest.
var partial = map[string]string{
	"from the beginning": handshake + `
		> A 100 300 ` + getA + `
		< A 300 128 ` + okA + `
		> A 128 339 ` + getA + `
		< A 339 156 ` + okA,
	"from the middle": `
		> A 100 300 ` + getA + `
		< A 300 128 ` + okA + `
		> A 128 339 ` + getA + `
		< A 339 156 ` + okA,
	"from the middle, the response first": `
		< A 300 128 ` + okA + `
		> A 128 339 ` + getA + `
		< A 339 156 ` + okA,
	"first exchange not captured": handshake + `
		< A 400 200
		> A 200 400 t=50 ` + getA + `
		< A 400 228 ` + okA,
	"an exchange in the middle not captured": handshake + `
		> A 100 300 ` + getA + `
		< A 300 128 ` + okA + `
		> A 228 439 t=500 ` + getA + `
		< A 439 256 t=20 ` + okA,
	"from the middle of a body": `
		< A 300 100 "the rest of a body"
		> A 100 318 "and the rest of an upload"
		< A 318 125 ` + okA + `
		> A 125 357 "still uploaded"
		> A 139 357 ` + getA + `
		< A 357 167 ` + okA,
	"ends while the client waits": handshake + `
		> A 100 300 ` + getA + `
		< A 300 128 t=50
		> A 128 300 t=3000`,
	"ends in a response": handshake + `
		> A 100 300 ` + getA + `
		< A 300 128 "HTTP/1.1 200 OK^Content-Length: 1000^^a"
		> A 128 342 t=3000`,
	"server reset": handshake + `
		> A 100 300 ` + getA + `
		< R 300 128 t=50`,
	"lost by the capture": handshake + `
		> A 100 300 ` + getA + `
		< A 310 128 "missing in front"
		> A 128 326 t=20`,
	"not of this connection": handshake + `
		> A 2000000000 300 "far away"
		< R 290 0
		> A 100 300 ` + getA + `
		< A 300 128 ` + okA,
	"sides told by nothing but ports": `
		> A 100 300 "nobody knows this"
		< A 300 117 "nor this"`,
	"sides told by a request": `
		< A 300 100 "` + strings.Repeat("something ", 3) + `"
		> A 100 330 ` + getA + `
		< A 330 128 ` + okA,
	"sides told by a response": `
		< A 300 128 ` + okA + `
		> A 128 339 ` + getA + `
		< A 339 156 ` + okA,
	"sides contradicted": `
		> A 100 300 "HELLO there"
		< A 300 111 ` + getA + `
		> A 111 328 ` + okA,
	"sides told by a late SYN-ACK": `
		> A 100 300
		< SA 299 100`,
	"SYNs without answer": `
		> S 99 0
		> S 99 0 t=1000
		> S 99 0 t=2000
		> S 99 0 t=4000`,
	"only the client captured, SYN repeated": `
		> S 99 0
		> S 99 0 t=1000
		> S 99 0 t=2000
		> A 100 300
		> A 100 300 ` + getA + `
		> FA 128 339 t=20`,
	"only the client captured, reset": `
		> S 99 0
		> A 100 300
		> A 100 300 ` + getA + `
		< R 339 0 t=20`,
	"refused": `
		> S 99 0
		< RA 0 100`,
	"SYNs, and data of the server": `
		> S 99 0
		> S 99 0 t=1000
		> S 99 0 t=2000
		< A 300 100 ` + okA,
	"FIN repeated in the middle": `
		> A 100 300
		> FA 100 300
		> FA 100 300 t=200
		> FA 100 300 t=400
		> FA 100 300 t=800
		< A 300 100`,
	"pipelined": handshake + `
		> A 100 300 ` + getA + `
		< A 300 128 ` + okA + `
		> A 128 339 ` + getA + `
		> A 156 339 ` + getA + `
		< A 339 184 ` + okA + `
		< A 378 184 ` + okA,
}

func TestPartial(t *testing.T) {
	for name, script := range partial {
		t.Run(name, func(t *testing.T) {
			testnet.Golden(t, "testdata/partial.txtar#"+name, played(t, 80, script).String())
			if strings.HasPrefix(name, "sides") { // by ports the client would be the server
				testnet.Golden(t, "testdata/partial.txtar#"+name+", ports the other way", played(t, 50000, script).String())
			}
		})
	}
}

// TestDamagedExchanges: an exchange whose outcome was not captured is handed
// over like the others, once, however many there are.
func TestDamagedExchanges(t *testing.T) {
	const rounds = 3 * keptEvents
	var script strings.Builder
	script.WriteString(handshake)
	client, server := 100, 300
	for range rounds {
		fmt.Fprintf(&script, "\n> A %d %d %s", client, server, getA)
		client += 28
		server += 1000 // that were not captured
		fmt.Fprintf(&script, "\n> A %d %d t=20", client, server)
	}
	fmt.Fprintf(&script, "\n< A %d %d t=20 %s", server, client, okA)
	conn := played(t, 80, script.String()).Conns[0] // which counts them
	if n := conn.Forgotten + len(conn.Exchanges); n != rounds {
		t.Errorf("%d exchanges, want %d", n, rounds)
	}
	for _, x := range conn.Exchanges[:len(conn.Exchanges)-1] {
		if x.Outcome != "" || !x.Over || !x.Ended.IsZero() {
			t.Fatalf("exchange %s: over %v, ended %v, outcome %q", x.ID, x.Over, x.Ended, x.Outcome)
		}
	}
	if last := conn.Exchanges[len(conn.Exchanges)-1]; last.Outcome != flow.Complete {
		t.Errorf("the last is %q", last.Outcome)
	}
}
