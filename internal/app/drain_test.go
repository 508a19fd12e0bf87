package app_test

import (
	"context"
	"net"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// A door that is told to end takes nothing new, and waits for its tunnels as
// long as grace allows; told again, it ends at once.
func TestShutdownWaitsForTunnels(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	for _, test := range []struct {
		name string
		end  func(again context.CancelFunc, tunnel net.Conn)
	}{
		{"until the tunnel ends", func(_ context.CancelFunc, tunnel net.Conn) { tunnel.Close() }},
		{"until it is told again", func(again context.CancelFunc, _ net.Conn) { again() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := serve(t, "limits: {grace: 1h}\n"+twoSites, "$ECHO", echo.Addr)
			tunnel := d.webSocket("one.test", "127.0.0.2")
			must(t, echoes(tunnel))
			ctx, again := context.WithCancel(t.Context())
			defer again()
			ended := make(chan struct{})
			d.down = true
			go func() {
				defer close(ended)
				d.Shutdown(ctx)
			}()
			until(t, "the listeners to close", func() bool {
				nc, err := net.Dial("tcp", "127.0.0.2:"+d.port)
				if err == nil {
					nc.Close()
				}
				return isConnectionRefused(err)
			})
			must(t, echoes(tunnel))
			select {
			case <-ended:
				t.Fatal("the door has ended with a tunnel open")
			default:
			}
			test.end(again, tunnel)
			select {
			case <-ended:
			case <-time.After(wait):
				t.Fatal("the door does not end")
			}
		})
	}
}
