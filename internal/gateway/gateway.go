// Package gateway carries an exchange from a site to files or an origin, and
// back.
package gateway

import (
	"crypto/tls"
	"io"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/coding"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/site"
)

// Options are what a gateway is made of.
type Options struct {
	Table     *site.Table
	Recorder  *flow.Recorder // nil: recording is off
	Buffers   *httpconn.Buffers
	Limits    httpconn.Limits
	TLSLimit  time.Duration  // of a client's handshake
	Trusted   []netip.Prefix // peers whose forwarding fields are believed
	MaxConns  int            // client connections in all; 0: no limit
	Inspected int64          // bytes of bodies, and of what was made of them, that the WAF may hold in all
	Encoders  int            // responses that are compressed at a time; others pass as they are
	// KeyLog is asked at each handshake where to write its secrets, in the format
	// of SSLKEYLOGFILE; nil, or nil from it: nowhere.
	KeyLog func() io.Writer
}

// Gateway is the door's traffic side. Its methods may be called concurrently.
type Gateway struct {
	Options
	Metrics   Metrics
	Incidents *Incidents

	server     httpconn.Server
	sessions   registry
	perAddress perAddress
	underWay   underWay
	sites      atomic.Pointer[map[string]*Site]
	passMark   []byte // see passes

	held      atomic.Int64  // bytes of bodies that the WAF holds
	turns     chan struct{} // one for each large exchange that it judges at a time
	encoders  coding.Pool
	balancers atomic.Pointer[Balancers]
	leaving   atomic.Bool // every response is the last of its connection
}

// New makes a gateway without sites.
func New(o Options) *Gateway {
	g := &Gateway{Options: o, Incidents: newIncidents(), passMark: newPassMark(), turns: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
	g.encoders.Max = o.Encoders
	g.sessions.init()
	g.sites.Store(&map[string]*Site{})
	g.server = httpconn.Server{Limits: o.Limits, Buffers: o.Buffers, Recorder: o.Recorder, Refuse: g.refused, Fired: g.Metrics.Fired.add}
	return g
}

// SetSites puts what sites do in place, all at once. Exchanges that have begun
// go on with what they began with.
func (g *Gateway) SetSites(sites map[string]*Site) {
	for _, s := range sites {
		s.ready()
	}
	g.sites.Store(&sites)
}

func (g *Gateway) site(name string) *Site { return (*g.sites.Load())[name] }

// logged gives the configuration of one handshake, which is that of its site
// unless its secrets are wanted.
func (g *Gateway) logged(config *tls.Config) *tls.Config {
	if g.KeyLog == nil {
		return config
	}
	log := g.KeyLog()
	if log == nil {
		return config
	}
	config = config.Clone()
	config.KeyLogWriter = log
	return config
}

// Sites lists what sites do, in the order of their names.
func (g *Gateway) Sites() []*Site {
	return slices.SortedFunc(maps.Values(*g.sites.Load()), func(a, b *Site) int { return strings.Compare(a.Name, b.Name) })
}

// groups calls f for the origins of every route.
func (g *Gateway) groups(f func(*balance.Group)) {
	for _, s := range *g.sites.Load() {
		for i := range s.Routes {
			if o := s.Routes[i].Origins; o != nil {
				f(o)
			}
		}
	}
}

// Close ends every connection and the pools, and waits for the connections.
// Nothing may be given to Serve any more.
func (g *Gateway) Close() {
	for {
		open := g.sessions.all()
		if len(open) == 0 {
			break
		}
		for _, s := range open {
			s.kill("door shut")
		}
		time.Sleep(closePoll)
	}
	g.groups((*balance.Group).Close)
}
