// Package probe makes the connections that people try by hand with curl, step
// by step, and records them as a trace like any other.
//
// It asks for the given URL with GET, follows redirects, and sends nothing
// else. The number of connections is bounded, and each step has a deadline.
package probe

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"fanlight/internal/flow"
)

// Options say what to try.
type Options struct {
	URL         *Target
	Via         netip.AddrPort // a gateway to compare with; not valid: none
	Pins        []Pin          // addresses in place of a name's
	Roots       *x509.CertPool // nil: the system's
	Certificate *tls.Certificate
	MaxVersion  uint16        // TLS version; 0: 1.3
	Timeout     time.Duration // of each step; 0: ten seconds
	Resolver    *net.Resolver // nil: the system's
	// Hosts gives the addresses a hosts file has for a name; nil: there is none
	// to look at. It tells where an address is from, and is not asked for it.
	Hosts func(name string) []netip.Addr
	// Step is told of each step as it ends; nil: nobody is. It is not called
	// concurrently.
	Step func(Step)
}

// Ways to the server.
const (
	Direct  = "direct"
	Through = "via"
)

// State says what came of a step.
type State uint8

const (
	OK      State = iota // it worked
	Told                 // neither good nor bad: it is as it is
	Failed               // it did not work, and that is a fault
	Skipped              // it was not tried; the result says why
)

func (s State) String() string { return [...]string{"ok", "told", "failed", "skipped"}[s%4] }

// Step is one thing that was tried. Result is for people; Key is what must be
// equal for two steps to be alike, empty if they are not to be compared.
type Step struct {
	Way      string // Direct or Through
	Name     string
	State    State
	Result   string
	Key      string
	Took     time.Duration // valid if Timed
	Timed    bool
	Conn     flow.ConnID     // 0: none
	Exchange flow.ExchangeID // 0: none
	Fields   []flow.Field    // of a response
}

// Result is what a probe saw.
type Result struct {
	Steps       []Step
	Differences []Difference // between the two ways, if there were two
	Trace       *flow.Trace

	trials  map[flow.ConnID]bool
	through flow.ConnID // the first made through the gateway; 0: none
}

// Expected is the part of the trace that an ordinary client would have made.
// The rest was tried to learn whether a server accepts it, where a refusal is
// an answer and not a fault.
func (r *Result) Expected() *flow.Trace {
	return r.expected(func(flow.ConnID) bool { return true })
}

// Ways are the parts of the expected trace that were made directly and through
// the gateway; nil if there was no gateway.
func (r *Result) Ways() (direct, through *flow.Trace) {
	if r.through == 0 {
		return nil, nil
	}
	return r.expected(func(id flow.ConnID) bool { return id < r.through }), r.expected(func(id flow.ConnID) bool { return id >= r.through })
}

func (r *Result) expected(wanted func(flow.ConnID) bool) *flow.Trace {
	t := &flow.Trace{Facts: r.Trace.Facts}
	for _, c := range r.Trace.Conns {
		if !r.trials[c.ID] && wanted(c.ID) {
			t.Conns = append(t.Conns, c)
		}
	}
	return t
}

const (
	stepLimit    = 10 * time.Second
	maxConns     = 60       // of one way to the server
	maxAddresses = 8        // tried of one name
	maxRedirects = 10       // followed
	maxBody      = 16 << 20 // read of a response
)
