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

// Call is a connection to make, and what its record says of it.
type Call struct {
	Addr   netip.AddrPort
	Secure bool
	Parent flow.ConnID  // the client connection it is made for; 0: there is none
	Origin string       // empty: none
	Lookup *flow.Lookup // that gave the address; nil: it was not looked up
}

func (c *Call) opening(client netip.AddrPort) flow.Opening {
	return flow.Opening{Parent: c.Parent, Self: flow.Client, Source: "live", Keys: flow.Yes, Scheme: scheme(c.Secure),
		Client: client, Server: c.Addr}
}

// begin opens the record and writes what was known before the attempt.
func (c *Call) begin(rec *flow.Recorder, at time.Time) *flow.Log {
	log := rec.Open(at, c.opening(netip.AddrPort{}))
	if log != nil && c.Lookup != nil {
		log.Add(c.Lookup.Event())
	}
	return log
}

func (c *Call) chosen(log *flow.Log, at time.Time) {
	if c.Origin != "" {
		log.Add(flow.Event{At: at, Kind: flow.Chosen, Text: c.Origin, Attrs: flow.Attrs(flow.KeyWhat, "origin")})
	}
}

// Dial connects to an address and records the attempt, also a failed one. The
// context's deadline bounds it.
func Dial(ctx context.Context, rec *flow.Recorder, call Call) (*Conn, error) {
	began := time.Now()
	log := call.begin(rec, began)
	log.Add(flow.Event{At: began, Kind: flow.SYN})
	call.chosen(log, began)
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", call.Addr.String())
	if err != nil {
		log.Add(flow.Event{At: time.Now(), Kind: flow.ConnectFailed, Text: connectFault(err)})
		log.Flush()
		return nil, err
	}
	// The client's port is known only now.
	opening := call.opening(addrPort(nc.LocalAddr()))
	log.Add(flow.Event{At: began, Kind: flow.Open, Open: &opening})
	log.Add(flow.Event{At: time.Now(), Kind: flow.Established})
	return newConn(nc, log, flow.Client, call.Secure), nil
}

// connectFault names why a connection was not made: refused, timeout,
// unreachable, no-source-port, or the system's words.
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
	case errors.Is(err, syscall.EADDRNOTAVAIL): // a local address is never asked for
		return flow.NoSourcePort
	case errors.As(err, &sys):
		return sys.Error()
	}
	return err.Error()
}
