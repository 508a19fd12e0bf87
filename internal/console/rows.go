package console

import (
	"cmp"
	"slices"

	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// row is what a stream knows of one connection.
type row struct {
	folder    *flow.Folder
	exchanges int
	changed   bool
}

const (
	maxRows      = 5000
	rowLimit     = 64   // events and exchanges a row remembers
	maxDecoded   = 2000 // entries of one reading that are decoded whatever they hold
	rowsToForget = maxRows / 10
)

// take folds what the follower read. Under heavy load, of the entries of a
// connection without anything notable only the last is decoded: a window shows
// the newest anyway, and must not take the door's time.
func (s *stream) take(n followed) {
	s.lost += n.lost
	if len(n.entries) == 0 {
		return
	}
	s.seed(n.entries)
	last := map[flow.ConnID]uint64{}
	for _, e := range n.entries {
		last[e.Conn] = e.Seq
	}
	for i, e := range n.entries {
		r := s.rows[e.Conn]
		if r == nil {
			continue
		}
		r.changed = true
		if i < maxDecoded || e.Notable || last[e.Conn] == e.Seq {
			r.add(slices.Collect(e.Batch.Events))
		} else {
			r.exchanges++ // a batch is handed over at the end of each exchange
		}
	}
}

// seed makes rows for connections that are new to this stream, with what the
// store has of them from before.
func (s *stream) seed(entries []store.Entry) {
	var fresh []flow.ConnID
	for _, e := range entries {
		if e.Conn != 0 && s.rows[e.Conn] == nil {
			s.rows[e.Conn] = &row{folder: flow.NewFolder(rowLimit)}
			fresh = append(fresh, e.Conn)
		}
	}
	if len(fresh) == 0 {
		return
	}
	for _, e := range s.Store.Before(entries[0].Seq, fresh...) {
		s.rows[e.Conn].add([]flow.Event{e})
	}
}

func (r *row) add(events []flow.Event) {
	for _, e := range events {
		if e.Kind == flow.Request {
			r.exchanges++
		}
		r.folder.Add(e)
	}
}

// changes gives the connections that changed since the last call, those with
// the highest numbers if there are too many, and forgets those that are over.
func (s *stream) changes() (items []summary, more int) {
	var changed []flow.ConnID
	for id, r := range s.rows {
		if r.changed {
			changed = append(changed, id)
		}
	}
	slices.SortFunc(changed, func(a, b flow.ConnID) int { return cmp.Compare(b, a) })
	items = []summary{}
	for i, id := range changed {
		r := s.rows[id]
		r.changed = false
		c := r.conn()
		if c == nil {
			continue
		}
		if i < maxChanges {
			item := summarise(c, s.Mask)
			item.Exchanges = r.exchanges
			items = append(items, item)
		} else {
			more++
		}
		if c.Close.Ended {
			delete(s.rows, id)
		}
	}
	s.forget()
	return items, more
}

func (r *row) conn() *flow.Conn {
	if conns := r.folder.Trace().Conns; len(conns) > 0 {
		return conns[0]
	}
	return nil
}

// forget keeps the number of rows bounded; a connection that speaks again is
// seeded anew.
func (s *stream) forget() {
	if len(s.rows) <= maxRows {
		return
	}
	n := 0
	for id := range s.rows {
		if n++; n > rowsToForget {
			return
		}
		delete(s.rows, id)
	}
}
