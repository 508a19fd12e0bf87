package flow

import (
	"net/netip"
	"time"
)

// How a connection ended on the wire.
type How uint8

const (
	None How = iota // still open, or its end was not seen
	ByFIN
	ByRST
)

func (h How) String() string { return [...]string{"none", "fin", "rst"}[h%3] }

// Close says who ended a connection first, how and when.
type Close struct {
	By    Side
	How   How
	Alert string        // alert that came before it, if any that could be read
	After time.Duration // since the connection started; valid if Ended
	Why   string        // what only a participant can know
	Ended bool          // the connection is over
}

// TLS holds the facts of a connection's first handshake.
type TLS struct {
	SNI      string
	Offered  []string // ALPN protocols offered
	Versions []string // versions offered, highest first
	Version  string
	Cipher   string
	ALPN     string
	Resumed  Seen
	PHA      Seen // post_handshake_auth offered
	Done     Seen // Yes: completed; No: failed
}

// Lookup is what came of looking up a name.
type Lookup struct {
	Name      string
	Result    string // one of the Result constants
	Rcode     string // empty: not observed
	Addresses []netip.Addr
	Ended     time.Time     // zero: not observed
	Took      time.Duration // valid if Timed
	Timed     bool
	By        string // who gave the addresses, such as hosts; empty: not observed
	Reason    string // why there is no address, as who asked was told
	DNS       ConnID // the connection that has its messages; 0: not observed
}

// Conn is one TCP connection, one of QUIC, or the messages of DNS between two
// ports, as facts. It holds no socket.
type Conn struct {
	ID, Parent     ConnID
	Self           Side
	Source         string
	Scheme         string
	Client, Server netip.AddrPort
	Proxied        netip.AddrPort // whom the client speaks for, as its PROXY header says; invalid: none was told
	Started        time.Time
	Keys           Seen    // whether the content could be read
	WhyNot         string  // why it could not
	Site, Origin   string  // what the door chose for it
	Lookup         *Lookup // of the name it was made for; nil: none was seen
	TLS            *TLS    // nil: no TLS was seen
	Events         []Event
	Kinds          KindSet // of Events, also of those that were dropped; empty: not known
	Exchanges      []*Exchange
	Forgotten      int // exchanges that were dropped from the list to bound it
	Close          Close
	Packets        int   // 0: not from packets
	ClientBytes    int64 // on the wire, valid if Counted
	ServerBytes    int64
	Counted        bool
}

// Outcomes of an exchange.
const (
	Complete   = "complete"
	Truncated  = "truncated"
	NoResponse = "no-response"
	Refused    = "refused"
)

// Exchange is one request and what became of it. A zero time was not observed;
// bytes are valid only beside the time of the event that ended the body.
type Exchange struct {
	ID, Parent        ExchangeID
	Joined            string // how sure a Parent that was found by evidence is, and why; empty: told by who made it
	Conn              ConnID
	HTTP              string
	Stream            int
	Method            string
	Scheme            string
	Host              string
	Target            string
	RequestHeader     []Field
	Status            int // 0: no response was seen
	Reason            string
	ResponseHeader    []Field
	Started           time.Time // request head complete
	RequestDone       time.Time
	Responded         time.Time // response head complete
	ResponseDone      time.Time
	Ended             time.Time
	RequestBodyBytes  int64
	RequestBody       *Body // nil: it was not kept, as by all sources that are not asked to
	ResponseBodyBytes int64
	Compressed        string // the content coding in which the door sent what came to it without one; empty: none
	PlainBytes        int64  // of the response body before that; valid if Compressed
	RequestSHA256     string
	ResponseSHA256    string
	Over              bool   // nothing more will come of it
	Outcome           string // empty: not over, or what became of it was not observed
	Incident          string
	Cause             string // one line, with an incident
	SubStatus         int    // what IIS would say beside the status, with an incident; 0: nothing
	Packets           [2]int
	Reused            Seen
	Idle              time.Duration // before it, on a reused connection
	Tunnel            string        // protocol it was upgraded to
}

// Body is what was kept of a message's body, without transfer coding.
type Body struct {
	Kept []byte // its beginning
	Seen int64  // bytes of it that passed; fewer than it has: some are missing, nobody knows where
}

// Wait is the time from the request head to the response head.
func (x *Exchange) Wait() (d time.Duration, known bool) { return span(x.Started, x.Responded) }

// Receive is the time from the response head to the end of the body.
func (x *Exchange) Receive() (d time.Duration, known bool) { return span(x.Responded, x.ResponseDone) }

// Total is the time from the request head to the end of the exchange.
func (x *Exchange) Total() (d time.Duration, known bool) { return span(x.Started, x.Ended) }

func span(from, to time.Time) (time.Duration, bool) {
	if from.IsZero() || to.IsZero() {
		return 0, false
	}
	return to.Sub(from), true
}

// Trace is a set of connections and the facts about the machine around them.
type Trace struct {
	Conns []*Conn
	Facts []Event // BindFailed, SiteState, OriginState
}

// Conn finds a connection by id, nil if there is none.
func (t *Trace) Conn(id ConnID) *Conn {
	for _, c := range t.Conns {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// Children are the origin connections made for a client connection.
func (t *Trace) Children(id ConnID) []*Conn {
	var out []*Conn
	for _, c := range t.Conns {
		if c.Parent == id && id != 0 {
			out = append(out, c)
		}
	}
	return out
}

// Exchange finds an exchange by id, nil if there is none.
func (t *Trace) Exchange(id ExchangeID) *Exchange {
	for _, c := range t.Conns {
		for _, x := range c.Exchanges {
			if x.ID == id {
				return x
			}
		}
	}
	return nil
}
