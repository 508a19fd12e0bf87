package reassembly

import "sync/atomic"

// Limits bound the bytes held out of order. A zero means the default.
type Limits struct {
	PerConn int64 // bytes a connection, both directions; 1 MiB
	Total   int64 // bytes of all connections; 64 MiB
}

const (
	defaultPerConn = 1 << 20
	defaultTotal   = 64 << 20
)

// Budget is the bytes that connections may hold together. It is safe for
// concurrent use.
type Budget struct {
	perConn, total int64
	held           atomic.Int64
}

// NewBudget gives a budget of l.
func NewBudget(l Limits) *Budget {
	if l.PerConn <= 0 {
		l.PerConn = defaultPerConn
	}
	if l.Total <= 0 {
		l.Total = defaultTotal
	}
	return &Budget{perConn: l.PerConn, total: l.Total}
}

// Held is how many bytes the connections hold now.
func (b *Budget) Held() int64 { return b.held.Load() }

// pieceCost is what a piece costs besides its bytes: many small ones must not
// get round the limit.
const pieceCost = 64

func cost(p []byte) int64 { return int64(len(p)) + pieceCost }

// Reserve takes room for bytes that a caller holds besides, with what a piece
// costs, and tells whether there was any. They are given back with Release.
func (b *Budget) Reserve(p []byte) bool { return b.take(cost(p)) }

// Release gives back what Reserve took for the same bytes.
func (b *Budget) Release(p []byte) { b.held.Add(-cost(p)) }

func (b *Budget) take(n int64) bool {
	if b.held.Add(n) > b.total {
		b.held.Add(-n)
		return false
	}
	return true
}

// reserve reports whether n more bytes may be held.
func (c *Conn) reserve(n int64) bool {
	if c.Budget == nil {
		if c.held+n > defaultPerConn {
			return false
		}
		c.held += n
		return true
	}
	if c.held+n > c.Budget.perConn || !c.Budget.take(n) {
		return false
	}
	c.held += n
	return true
}

func (c *Conn) release(n int64) {
	c.held -= n
	if c.Budget != nil {
		c.Budget.held.Add(-n)
	}
}
