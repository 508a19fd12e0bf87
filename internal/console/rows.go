package console

import (
	"cmp"
	"slices"

	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// row is what a list knows of one connection: its beginning, its newest events
// and how many exchanges there were. Batches in between are only counted, so
// that looking at a busy connection does not take the door's time.
type row struct {
	folder    *flow.Folder
	exchanges int
	last      flow.Batch // the newest batch if it is not folded yet
	changed   bool
}

// rowLimit is how many events and exchanges a row remembers.
const rowLimit = 64

// take adds a batch, which may be reused when take returns.
func (r *row) take(b flow.Batch, notable bool) {
	if len(r.last) > 0 {
		r.exchanges++ // one batch is handed over at the end of each exchange
		r.last = r.last[:0]
	}
	r.changed = true
	if r.folder != nil && !notable {
		r.last = append(r.last, b...)
		return
	}
	r.fold(slices.Clone(b))
}

func (r *row) fold(b flow.Batch) {
	if r.folder == nil {
		r.folder = flow.NewFolder(rowLimit)
	}
	for e := range b.Events {
		if e.Kind == flow.Request {
			r.exchanges++
		}
		r.folder.Add(e)
	}
}

// conn is the connection as far as the row knows it, nil if it knows nothing.
func (r *row) conn() *flow.Conn {
	if len(r.last) > 0 {
		r.fold(r.last)
		r.last = nil // the folder keeps pointing into it
	}
	if r.folder == nil || len(r.folder.Trace().Conns) == 0 {
		return nil
	}
	return r.folder.Trace().Conns[0]
}

// summary is the row as it is shown; ok is false if there is nothing to show.
func (r *row) summary(mask flow.Mask) (out summary, ok bool) {
	c := r.conn()
	if c == nil {
		return out, false
	}
	out = summarise(c, mask)
	out.Exchanges = r.exchanges
	return out, true
}

// rowsOf makes rows of what was taken before an entry.
func rowsOf(s *store.Store, before uint64, ids []flow.ConnID) map[flow.ConnID]*row {
	rows := map[flow.ConnID]*row{}
	for _, id := range ids {
		rows[id] = &row{}
	}
	s.Each(before, ids, func(e store.Entry) { rows[e.Conn].take(e.Batch, e.Notable) })
	return rows
}

const (
	maxRows    = 5000 // a stream knows
	forgetRows = maxRows / 10
)

// take adds what the follower read; connections that are new to this stream
// begin with what the store has of them from before.
func (s *stream) take(n followed) {
	s.lost += n.lost
	var fresh []flow.ConnID
	for _, e := range n.entries {
		if e.Conn != 0 && s.rows[e.Conn] == nil {
			s.rows[e.Conn] = &row{}
			fresh = append(fresh, e.Conn)
		}
	}
	if len(fresh) > 0 {
		for id, r := range rowsOf(s.Store, n.entries[0].Seq, fresh) {
			s.rows[id] = r
		}
	}
	for _, e := range n.entries {
		if e.Conn != 0 {
			s.rows[e.Conn].take(e.Batch, e.Notable)
		}
	}
}

// changes gives the connections that changed since the last call, those with
// the highest numbers if there are too many, and forgets those that are over.
func (s *stream) changes() (items []summary, more int) {
	var changed []flow.ConnID
	for id, r := range s.rows {
		if r.changed {
			changed = append(changed, id)
			r.changed = false
		}
	}
	slices.SortFunc(changed, func(a, b flow.ConnID) int { return cmp.Compare(b, a) })
	items = []summary{}
	for i, id := range changed {
		r := s.rows[id]
		if i >= maxChanges {
			more++
		} else if item, ok := r.summary(s.Mask); ok {
			items = append(items, item)
		}
		if c := r.conn(); c != nil && c.Close.Ended {
			delete(s.rows, id)
		}
	}
	s.forget()
	return items, more
}

// forget keeps the number of rows bounded; a connection that speaks again is
// read from the store again.
func (s *stream) forget() {
	if len(s.rows) <= maxRows {
		return
	}
	n := 0
	for id := range s.rows {
		if n++; n > forgetRows {
			return
		}
		delete(s.rows, id)
	}
}
