package store

import (
	"net/netip"
	"time"

	"fanlight/internal/flow"
)

// digest makes rows of the index from events as they pass.
type digest struct {
	conns  map[flow.ConnID]*digested
	block  uint64
	oldest uint64 // blocks before it were given up
	next   int64  // number of the next row in the block
	rows   []*Row
	last   time.Time // latest event of the block
	parts  map[flow.ConnID]int
}

// digested is what later rows of a connection need.
type digested struct {
	started        time.Time
	client, server netip.AddrPort
	self           flow.Side
	site, origin   string
	any            bool // it had an exchange
	open           map[flow.ExchangeID]*Row
}

// Bounds of what is remembered of connections that are open.
const (
	maxDigested = 100_000
	maxUnended  = 1000 // exchanges of one
)

func newDigest() *digest { return &digest{conns: map[flow.ConnID]*digested{}} }

// begin starts a block.
func (d *digest) begin(block uint64) {
	d.block, d.next, d.rows, d.last, d.parts = block, 0, nil, time.Time{}, map[flow.ConnID]int{}
}

// add reads a batch, which must stay as it is while the digest is in use.
func (d *digest) add(conn flow.ConnID, b flow.Batch) {
	d.parts[conn] += 0
	if conn == 0 {
		return
	}
	c := d.conn(conn)
	var touched []*Row
	ended := false
	for e := range b.Events {
		if e.At.After(d.last) {
			d.last = e.At
		}
		if e.Exchange != 0 {
			if r := d.exchange(conn, c, &e); r != nil && !contains(touched, r) {
				touched = append(touched, r)
			}
			continue
		}
		c.fold(&e)
		ended = ended || e.Kind == flow.Closed || e.Kind == flow.ConnectFailed
	}
	for _, r := range touched {
		d.put(c, r)
	}
	if ended {
		if !c.any {
			d.put(c, &Row{Conn: conn, Time: c.started, Wait: -1, Total: -1})
		}
		delete(d.conns, conn)
	}
}

func contains(rows []*Row, r *Row) bool {
	for _, other := range rows {
		if other == r {
			return true
		}
	}
	return false
}

func (d *digest) conn(id flow.ConnID) *digested {
	c := d.conns[id]
	if c == nil {
		if len(d.conns) >= maxDigested {
			for other := range d.conns { // any: what was lost is not observed
				delete(d.conns, other)
				break
			}
		}
		c = &digested{open: map[flow.ExchangeID]*Row{}}
		d.conns[id] = c
	}
	return c
}

func (c *digested) fold(e *flow.Event) {
	switch {
	case e.Kind == flow.Open && e.Open != nil:
		c.started, c.self, c.client, c.server = e.At, e.Open.Self, e.Open.Client, e.Open.Server
	case e.Kind == flow.Chosen && e.Attr(flow.KeyWhat) == "origin":
		c.origin = e.Text
	case e.Kind == flow.Chosen:
		c.site = e.Text
	}
}

// exchange folds an event of an exchange into its row, nil if it is not
// followed.
func (d *digest) exchange(conn flow.ConnID, c *digested, e *flow.Event) *Row {
	if e.Kind == flow.Chosen {
		c.fold(e)
	}
	r := c.open[e.Exchange]
	if r == nil {
		if len(c.open) >= maxUnended || epilogue(e.Kind) {
			return nil
		}
		c.any = true
		r = &Row{Conn: conn, Exchange: e.Exchange, Wait: -1, Total: -1}
		c.open[e.Exchange] = r
		d.parts[conn]++
	}
	switch e.Kind {
	case flow.Request:
		r.request(e)
	case flow.Response:
		r.Status = e.Status
		r.Wait = between(r.Time, e.At)
	case flow.Incident:
		r.Incident = e.Text
	case flow.ExchangeDone:
		r.Outcome = e.Text
		if e.Text != "" {
			r.Total = between(r.Time, e.At)
		}
		delete(c.open, e.Exchange)
	}
	return r
}

// epilogue: what may follow the end of an exchange, and begins none.
func epilogue(k flow.Kind) bool {
	switch k {
	case flow.RequestDone, flow.ResponseDone, flow.TunnelDone, flow.StreamReset, flow.Timeout:
		return true
	}
	return false
}

func (r *Row) request(e *flow.Event) {
	r.Time, r.Parent, r.Host = e.At, e.Parent, e.Attr(flow.KeyHost)
	method := e.Text
	for i := range len(method) {
		if method[i] == ' ' {
			r.Target, method = method[i+1:], method[:i]
			break
		}
	}
	r.Method = method
	if r.Host == "" {
		r.Host, _ = flow.Get(flow.ParseFields(e.Header), "Host")
	}
}

func between(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() {
		return -1
	}
	return max(0, to.Sub(from))
}

// unwritten tells that the block was not written: rows that go on get other ids.
func (d *digest) unwritten() {
	for _, r := range d.rows {
		if r.block() == d.block {
			r.ID = 0
		}
	}
}

// put has a row written with this block. One that was written before keeps its
// id.
func (d *digest) put(c *digested, r *Row) {
	r.Client, r.Server, r.Self, r.Site, r.Origin = c.client, c.server, c.self, c.site, c.origin
	if r.ID == 0 || r.block() < d.oldest {
		r.ID = int64(d.block)<<rowBits | d.next
		d.next++
	}
	r.lastBlock = d.block
	d.rows = append(d.rows, r)
}
