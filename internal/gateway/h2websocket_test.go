package gateway

import (
	"crypto/tls"
	"io"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
	"fanlight/internal/testnet"
)

// echoing answers extended CONNECT (RFC 8441) and sends back what comes; any
// other request is answered.
func echoing(t *testing.T) *scripted {
	return startScripted(t, func(c *scriptedConn, n uint32, h *httpwire.H2Head) {
		switch {
		case string(h.Bytes(h.Method)) != "CONNECT":
			c.whole(n, "ready")
		case string(h.Bytes(h.Protocol)) != "websocket" || h.Has("Sec-WebSocket-Key") || string(h.Get("Sec-WebSocket-Version")) != "13":
			c.head(n, true, 400)
		default:
			c.tunnels = n
			c.head(n, false, 200)
		}
	}, httpwire.H2Setting{ID: httpwire.SettingConnectProtocol, Value: 1})
}

// visit2 opens an extended CONNECT through the door.
func (d *door) visit2() (httpconn.Tunnel, *httpconn.H2Stream) {
	d.t.Helper()
	config := d.tlsConfig("app.test")
	config.NextProtos = []string{"h2"}
	nc, err := tls.Dial("tcp", d.addrs["tls"].String(), config)
	if err != nil {
		d.t.Fatal(err)
	}
	c := httpconn.NewH2Client(spoken{nc}, nil, httpconn.NewBuffers(), httpconn.H2ClientLimits{Write: time.Minute})
	d.t.Cleanup(func() { c.Close("") })
	s := c.Stream()
	out := &httpconn.Out{Method: "GET", Scheme: "https", Host: "app.test", Target: "/ws", Upgrade: "websocket"}
	b := append(s.Start(nil, out), "Sec-WebSocket-Version: 13\r\n"...)
	if err := s.Send(s.Head(b), nil, true, time.Minute); err != nil {
		d.t.Fatal(err)
	}
	h, err := s.ReadHead(0)
	if err != nil || h.Status != 101 {
		d.t.Fatalf("got %+v, %v", h, err)
	}
	return s.Tunnel(), s
}

// spoken makes a transport of a TLS connection.
type spoken struct{ *tls.Conn }

func (spoken) SetWhy(string)  {}
func (s spoken) Abort() error { return s.Close() }

// TestWebSocketMatrix carries a WebSocket in all four combinations.
func TestWebSocketMatrix(t *testing.T) {
	for _, far := range []string{"1", "2"} {
		for _, near := range []string{"1", "2"} {
			t.Run(near+">"+far, func(t *testing.T) {
				d := newDoor(t)
				var o *origin.Origin
				if far == "2" {
					o = echoing(t).origin(t, d)
				} else {
					o = d.to(testnet.Echo{}.Start(t), nil)
				}
				d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
				d.dial("app.test").get("/") // over a connection that others can use from here on
				var client io.ReadWriter
				var end func()
				if near == "1" {
					c := d.dial("app.test")
					c.upgrade()
					client, end = c, func() { c.Close() }
				} else {
					tunnel, s := d.visit2()
					client, end = tunnel, func() { s.End() }
				}
				for _, text := range []string{"hello", "again"} {
					got := make([]byte, len(text))
					if _, err := io.WriteString(client, text); err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(client, got); err != nil || string(got) != text {
						t.Fatalf("got %q, %v", got, err)
					}
				}
				end()
				d.settled(func(trace *flow.Trace) bool { return tunnelled(trace, far) })
			})
		}
	}
}

// tunnelled reports whether both legs of a WebSocket are recorded as over.
func tunnelled(trace *flow.Trace, far string) bool {
	legs := 0
	for _, c := range trace.Conns {
		for _, x := range c.Exchanges {
			if x.Target == "/ws" && x.Outcome == flow.Complete && (c.Self == flow.Server || x.HTTP == map[string]string{"1": "1.1", "2": "2"}[far]) {
				legs++
			}
		}
	}
	return legs == 2
}
