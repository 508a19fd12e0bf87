package query

import "fanlight/internal/flow"

// Filter is a parsed expression. It is never changed: any number of goroutines
// may use it.
type Filter struct {
	root node
	// looksInside tells that a field of exchanges is named: a connection with
	// exchanges is then judged by them alone.
	looksInside bool
}

// Conn reports whether the connection matches by itself, or one of its
// exchanges does. Where the expression names a field of exchanges and there are
// some, only they count: !http.host does not match a connection because the
// connection itself has no host.
func (f *Filter) Conn(c *flow.Conn) bool {
	for _, x := range c.Exchanges {
		if f.Exchange(c, x) {
			return true
		}
	}
	if f.looksInside && len(c.Exchanges) > 0 {
		return false
	}
	return f.root.match(subject{conn: c})
}

// Exchange reports whether an exchange of c matches. What is true of the
// connection is true of each of its exchanges; events are those of the
// exchange and those that belong to none.
func (f *Filter) Exchange(c *flow.Conn, x *flow.Exchange) bool {
	return f.root.match(subject{conn: c, exchange: x})
}

// String is the expression in its plainest form; it parses to an equal filter.
func (f *Filter) String() string { return f.root.text(lowest) }

// subject is what an expression is asked about; exchange is nil for a
// connection by itself.
type subject struct {
	conn     *flow.Conn
	exchange *flow.Exchange
}
