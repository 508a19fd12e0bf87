package gateway

import (
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
	"fanlight/internal/waf"
)

// Who only watches refuses nothing: not what is too long, not what the door has no
// room for, and not what the engine fails at.
func TestWatchRefusesNothing(t *testing.T) {
	long := strings.Repeat("x", 0x20001)
	for name, test := range map[string]struct {
		send   string
		engine func(*waf.Request) *waf.Interruption
		room   int64
		fails  func([]byte) *waf.Interruption // at the body of the response
		told   string
	}{
		"too long":          {send: "Content-Length: 131073\r\n\r\n" + long, told: "the WAF would refuse the request: request body of 131073 bytes is longer than the 131072 bytes"},
		"too long, chunked": {send: "Transfer-Encoding: chunked\r\n\r\n20001\r\n" + long + "\r\n0\r\n\r\n", told: "body is longer than the 131072 bytes"},
		"no room":           {send: "Content-Length: 131073\r\n\r\n" + long, room: 4 << 10, told: "limits.inspected"},
		"engine fails":      {send: "Content-Length: 3\r\n\r\nabc", engine: func(*waf.Request) *waf.Interruption { panic("out of order") }, told: "out of order"},
		"engine fails late": {send: "Content-Length: 3\r\n\r\nabc", fails: func([]byte) *waf.Interruption { panic("out of order") }, told: "out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := waf.Defaults()
			policy.Mode, policy.Responses = waf.Watch, true
			d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: &judge{headers: test.engine, answer: test.fails, wants: true}, Policy: policy}, func(o *Options) { o.Inspected = test.room })
			c := d.dial("app.test")
			defer c.Close()
			c.send("POST / HTTP/1.1\r\nHost: app.test\r\n" + test.send)
			if res, body, err := c.receive("POST"); err != nil || res.StatusCode != 200 || body == "" {
				t.Fatal(res, err)
			}
			d.settled(func(trace *flow.Trace) bool { return d.g.held.Load() == 0 && decided(trace, test.told) })
		})
	}
}
