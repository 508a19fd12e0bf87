package gateway

import (
	"strings"
	"testing"

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
	}{
		"too long":          {send: "Content-Length: 131073\r\n\r\n" + long},
		"too long, chunked": {send: "Transfer-Encoding: chunked\r\n\r\n20001\r\n" + long + "\r\n0\r\n\r\n"},
		"no room":           {send: "Content-Length: 131073\r\n\r\n" + long, room: 4 << 10},
		"engine fails":      {send: "Content-Length: 3\r\n\r\nabc", engine: func(*waf.Request) *waf.Interruption { panic("out of order") }},
	} {
		t.Run(name, func(t *testing.T) {
			policy := waf.Defaults()
			policy.Mode = waf.Watch
			d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: &judge{headers: test.engine}, Policy: policy}, func(o *Options) { o.Inspected = test.room })
			c := d.dial("app.test")
			defer c.Close()
			c.send("POST / HTTP/1.1\r\nHost: app.test\r\n" + test.send)
			if res, _, err := c.receive("POST"); err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			if n := d.g.held.Load(); n != 0 {
				t.Errorf("%d bytes are held", n)
			}
		})
	}
}
