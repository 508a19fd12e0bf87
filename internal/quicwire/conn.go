package quicwire

// Conn follows the QUIC connection of one pair of UDP addresses, one after
// another where ports are used again. It is for one goroutine. Several
// connections at a time between the same two ports are not told apart.
type Conn struct {
	// Secrets, if set, is asked for the secrets that belong to the random of a
	// ClientHello; again, ever more rarely, while it has none.
	Secrets func(clientRandom []byte) (Secrets, bool)

	counts [2]Counts
}

// New is a connection of which nothing was seen yet.
func New() *Conn { return &Conn{} }

// Datagram takes the payload of the next UDP datagram, sent by the client
// (dir 0) or the server (dir 1), and tells emit what is in it. It neither keeps
// nor changes p; the Event is the Conn's, valid until emit returns. What is
// damaged or cannot be opened is counted.
func (c *Conn) Datagram(dir int, p []byte, emit func(*Event)) {}

// Counts of the packets that dir sent.
func (c *Conn) Counts(dir int) Counts { return c.counts[dir] }

// WhyNot says why packets stayed closed, and is empty if none did.
func (c *Conn) WhyNot() string { return "" }

// LooksLikeQUIC reports whether p can be a datagram of a QUIC connection's
// beginning: a long header of a known version and, as the first of its packets
// is an Initial, the size that RFC 9000, section 14.1, demands.
func LooksLikeQUIC(p []byte) bool { return false }
