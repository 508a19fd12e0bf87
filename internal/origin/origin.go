// Package origin opens, pools and pins connections to the servers behind the
// door, and answers their renegotiations.
package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
)

// Renegotiation says how often an origin may ask for a new handshake.
type Renegotiation uint8

const (
	Once   Renegotiation = iota // once an exchange
	Never                       // refused with no_renegotiation
	Freely                      // not counted
)

// Timeouts end a wait, each by its own name. Zero means no limit.
type Timeouts struct {
	Connect   time.Duration // name resolution and TCP, over all addresses
	TLS       time.Duration
	Send      time.Duration // between two writes
	FirstByte time.Duration // from the end of the request to the response head
	Between   time.Duration // between two reads of a body
	Idle      time.Duration // of a pooled connection
	Tunnel    time.Duration // silence in a tunnel
}

// Options describe an origin.
type Options struct {
	Name          string // how messages and records name it: https://10.0.0.5:8443
	Host          string // DNS name or IP
	Port          uint16
	Secure        bool
	Roots         *x509.CertPool // nil: the system's
	ServerName    string         // SNI and verified name; empty: Host, or for an IP the forwarded host
	Insecure      bool
	MinVersion    uint16
	MaxVersion    uint16
	Legacy        bool // offer the suites of old servers: RSA key exchange, CBC, 3DES
	HTTP          Protocol
	ALPN          []string // protocols that Dial offers; nil: http/1.1, the only one that Conn speaks by itself
	Renegotiation Renegotiation
	Certificate   *tls.Certificate // shown when the origin asks; nil: none
	Timeouts      Timeouts
	MaxIdle       int
	ProxyHeader   int           // version of the PROXY header in front of each connection; 0: none. Connections then serve one client each
	MaxConns      int           // of HTTP/1.1, open; for another one an idle one is closed; 0: no limit
	Resolve       time.Duration // the name is looked up again so often; 0: for each connection
	HeadBytes     int           // of a response; 0: 256 KiB

	Recorder *flow.Recorder
	Buffers  *httpconn.Buffers
	Resolver *net.Resolver // nil: the system's
	// KeyLog is asked at each handshake where to write its secrets, in the format
	// of SSLKEYLOGFILE; nil, or nil from it: nowhere.
	KeyLog func() io.Writer
}

// Origin is one server behind the door. Its methods may be called concurrently.
type Origin struct {
	Options
	addr netip.Addr // valid if Host is an address

	mu    sync.Mutex
	idle  map[string][]*Conn // by server name; the last one was used last
	count int
	done  bool
	bases map[string]*tls.Config // by server name

	shared  map[string][]*Conn  // HTTP/2 connections, by server name
	opening map[string]*opening // those that are waited for
	single  map[string]bool     // names under which HTTP/1.1 was chosen the last time
	only1   atomic.Pointer[string]
	plural  atomic.Bool // see Multiplexes

	noTrailers atomic.Bool // of requests over HTTP/2

	open atomic.Int32 // HTTP/1.1 connections

	known    atomic.Pointer[known] // nil: not looked up, or not kept
	turn     atomic.Uint32         // of its addresses
	wanted   atomic.Bool           // a connection was opened since the last lookup
	renewAt  time.Time             // belongs to the sweeper
	renewing bool                  // guarded by mu
	lookups  sync.WaitGroup
	life     context.Context // ends with Close
	end      context.CancelFunc
}

// New makes an origin. It does not connect.
func New(o Options) *Origin {
	out := &Origin{Options: o, idle: map[string][]*Conn{}, bases: map[string]*tls.Config{},
		shared: map[string][]*Conn{}, opening: map[string]*opening{}, single: map[string]bool{}}
	if addr, err := netip.ParseAddr(o.Host); err == nil {
		out.addr = addr
	}
	out.life, out.end = context.WithCancel(context.Background())
	return out
}

// Authority is the origin's host and port as a Host field has it.
func (o *Origin) Authority() string {
	host := o.Host
	if o.addr.Is6() {
		host = "[" + host + "]"
	}
	if o.Secure && o.Port == 443 || !o.Secure && o.Port == 80 {
		return host
	}
	return host + ":" + strconv.Itoa(int(o.Port))
}

// serverName is the SNI and verified name for a request forwarded with host.
func (o *Origin) serverName(host string) string {
	switch {
	case !o.Secure:
		return ""
	case o.ServerName != "":
		return o.ServerName
	case !o.addr.IsValid():
		return o.Host
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return o.addr.String()
	}
	return host
}

// Close closes the idle connections; those in use are closed when they are
// given back.
func (o *Origin) Close() {
	o.mu.Lock()
	idle, shared := o.idle, o.shared
	o.idle, o.count, o.done = map[string][]*Conn{}, 0, true
	o.shared = map[string][]*Conn{}
	o.mu.Unlock()
	o.end()
	o.lookups.Wait()
	for _, conns := range shared {
		for _, c := range conns {
			c.h2.Retire("origin no longer used")
		}
	}
	for _, conns := range idle {
		for _, c := range conns {
			c.Close("origin no longer used")
		}
	}
}

// Idle is the number of idle connections in the pool.
func (o *Origin) Idle() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count
}
