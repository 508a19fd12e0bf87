package origin

import (
	"crypto/tls"
	"errors"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/tap"
)

// Conn is one connection to an origin.
type Conn struct {
	*httpconn.Client
	tap       *tap.Conn
	secure    *tap.Secure // nil without TLS
	leash     leash
	offers    []string           // protocols of ALPN
	h2        *httpconn.H2Client // instead of Client, where exchanges share the connection
	shared    bool               // that is to be
	origin    *Origin
	name      string // server name
	key       string // under which it is kept
	ends      Ends
	idleSince time.Time
	compared  *known    // where its address was looked for last
	polled    time.Time // when the pool looked last
	pinned    bool
	asked     atomic.Int32 // HelloRequests in this exchange
	cut       atomic.Bool  // a renegotiation was refused by our own rule
	counted   atomic.Bool  // among those that are open
	stopped   atomic.Bool  // Interrupt was called
	leg       Leg
}

// Origin is where the connection leads.
func (c *Conn) Origin() *Origin { return c.origin }

// BeginExchange resets what is counted per exchange.
func (c *Conn) BeginExchange() { c.asked.Store(0) }

// Pin makes the connection belong to one client: it never goes back to the
// pool. scheme is the authentication scheme that was seen.
func (c *Conn) Pin(scheme string) {
	if c.pinned {
		return
	}
	c.pinned = true
	c.Log().Add(flow.Event{At: time.Now(), Kind: flow.Pinned, Text: scheme})
}

// Pinned reports whether the connection belongs to one client.
func (c *Conn) Pinned() bool { return c.pinned }

// Gone reports whether the origin has closed, without reading.
func (c *Conn) Gone() bool { return c.tap.Poll() }

// End is that of the Client, and sees also what came after the response and
// waits inside TLS: it would be taken for the response to the next request. A
// connection that was interrupted as its response ended is not reusable.
func (c *Conn) End() (reusable bool) {
	return c.Client.End() && !c.stopped.Load() && (c.secure == nil || c.secure.Settled())
}

// Close ends the connection; why is kept in its record.
func (c *Conn) Close(why string) {
	if c.h2 != nil {
		c.h2.Close(why)
		return
	}
	if c.counted.CompareAndSwap(true, false) {
		c.origin.open.Add(-1)
	}
	c.tap.SetWhy(why)
	c.Client.End()
	_ = c.Transport().Close() // the connection is over either way
}

// Interrupt ends waits on the connection, now and later, from another
// goroutine. The connection is good for nothing but Close afterwards.
func (c *Conn) Interrupt(why string) {
	c.stopped.Store(true)
	c.tap.SetWhy(why)
	c.leash.pull()
}

// Log is the record of the connection.
func (c *Conn) Log() *flow.Log { return c.tap.Log() }

// Leg is the exchange that the connection carries.
func (c *Conn) Leg() *Leg { return &c.leg }

// AskedLate reports whether the origin asked for a renegotiation in this
// exchange.
func (c *Conn) AskedLate() bool { return c.asked.Load() > 0 }

// errRenegotiationLimit ends a connection whose origin asked a second time in
// one exchange although it may ask once.
var errRenegotiationLimit = errors.New("renegotiate: the origin asked a second time in one exchange")

// errRenegotiation2 ends an HTTP/2 connection whose origin asked for a
// renegotiation, which HTTP/2 does not allow (RFC 9113, section 9.2.1).
var errRenegotiation2 = errors.New("renegotiate: not on an HTTP/2 connection")

func (c *Conn) helloRequested() error {
	if c.shared {
		return errRenegotiation2
	}
	if c.asked.Add(1) > 1 && c.origin.Renegotiation == Once {
		c.cut.Store(true)
		return errRenegotiationLimit
	}
	return nil
}

// TLSState is the state of the connection's TLS; ok is false without TLS.
func (c *Conn) TLSState() (state tls.ConnectionState, ok bool) {
	if c.secure == nil {
		return state, false
	}
	return c.secure.ConnectionState(), true
}

// machine puts the HTTP machine on the connection.
func (c *Conn) machine(transport httpconn.Transport, share bool) *Conn {
	if share {
		c.shared = true
		c.h2 = httpconn.NewH2Client(transport, c.tap.Log(), c.origin.Buffers, httpconn.H2ClientLimits{Write: c.origin.Timeouts.Send, HeadBytes: c.origin.HeadBytes})
		return c
	}
	c.counted.Store(true)
	c.origin.open.Add(1)
	c.leash.Transport = transport
	c.Client = httpconn.NewClient(&c.leash, c.tap.Log(), c.origin.Buffers)
	c.LimitHead(c.origin.HeadBytes)
	c.leg.Outgoing, c.leg.conn = c, c
	return c
}
