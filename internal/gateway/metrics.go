package gateway

import "sync/atomic"

// HandshakeOutcome says how a client's TLS handshake ended.
type HandshakeOutcome int

// Outcomes of handshakes.
const (
	HandshakeDone    HandshakeOutcome = iota
	HandshakeRefused                  // no serving site has that name
	HandshakeFailed                   // by the client's alert or fault
	HandshakeTimeout
	HandshakeSilent // the client closed without a word
	handshakeOutcomes
)

func (o HandshakeOutcome) String() string {
	return [...]string{"done", "refused", "failed", "timeout", "silent"}[o]
}

// Metrics are counters since the start. They work with recording off too.
type Metrics struct {
	Connections  atomic.Int64
	Shed         atomic.Int64 // closed because there were too many
	ProxyRefused atomic.Int64 // closed for want of a PROXY header that could be believed
	Handshakes   [handshakeOutcomes]atomic.Int64
	Responses    [6]atomic.Int64 // by the first digit of the status; 0: none sent
	Incidents    atomic.Int64
	Retries      atomic.Int64
	Origins      atomic.Int64 // connections opened to origins
	Fired        Fired
}

// Open is the number of client connections now.
func (g *Gateway) Open() int { return g.sessions.count() }

// Resting is the number of them that have been idle for a while.
func (g *Gateway) Resting() int { return g.server.Resting() }

// HandshakeOutcomes lists the outcomes for those who show the metrics.
func HandshakeOutcomes() []HandshakeOutcome {
	return []HandshakeOutcome{HandshakeDone, HandshakeRefused, HandshakeFailed, HandshakeTimeout, HandshakeSilent}
}

func (m *Metrics) responded(status int) {
	class := status / 100
	if class < 0 || class > 5 {
		class = 0
	}
	m.Responses[class].Add(1)
}
