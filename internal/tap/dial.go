package tap

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"fanlight/internal/flow"
)

// Dial connects to an address and records the attempt, also a failed one. The
// context's deadline bounds it. The record's parent is the client connection
// the origin connection is made for, 0 if there is none.
func Dial(ctx context.Context, rec *flow.Recorder, addr netip.AddrPort, secure bool, parent flow.ConnID, origin string) (*Conn, error) {
	began := time.Now()
	log := rec.Open(began, flow.Opening{
		Parent: parent, Self: flow.Client, Source: "live", Keys: flow.Yes, Scheme: scheme(secure), Server: addr,
	})
	log.Add(flow.Event{At: began, Kind: flow.SYN})
	if origin != "" {
		log.Add(flow.Event{At: began, Kind: flow.Chosen, Text: origin, Attrs: flow.Attrs(flow.KeyWhat, "origin")})
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		log.Add(flow.Event{At: time.Now(), Kind: flow.ConnectFailed, Text: connectFault(err)})
		log.Flush()
		return nil, err
	}
	// The client's port is known only now.
	log.Add(flow.Event{At: began, Kind: flow.Open, Open: &flow.Opening{
		Parent: parent, Self: flow.Client, Source: "live", Keys: flow.Yes, Scheme: scheme(secure),
		Client: addrPort(nc.LocalAddr()), Server: addr,
	}})
	log.Add(flow.Event{At: time.Now(), Kind: flow.Established})
	return newConn(nc, log, flow.Client, secure), nil
}

// connectFault names why a connection was not made: refused, timeout,
// unreachable, or the system's words.
func connectFault(err error) string {
	var sys syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded), IsTimeout(err):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "unreachable"
	case errors.As(err, &sys):
		return sys.Error()
	}
	return err.Error()
}
