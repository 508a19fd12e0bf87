package store

import (
	"context"
	"fmt"
	"slices"

	"fanlight/internal/flow"
)

// Fault begins the line of a stream of records that says why it ends early.
const Fault = "# fault: "

// together is how many rows have their records read in one go: it bounds the
// memory that this takes.
const together = 500

// EachRecord gives the records of what a search finds, those of the oldest row
// first, a connection once.
func (d *Disk) EachRecord(ctx context.Context, s Search, yield func(*flow.Trace)) error {
	rows, err := d.Search(ctx, s)
	if err != nil {
		return err
	}
	slices.Reverse(rows)
	byConn := map[flow.ConnID][]Row{}
	var order []flow.ConnID
	for _, r := range rows {
		if byConn[r.Conn] == nil {
			order = append(order, r.Conn)
		}
		byConn[r.Conn] = append(byConn[r.Conn], r)
	}
	var some []Row
	for i, id := range order {
		if some = append(some, byConn[id]...); len(some) < together && i < len(order)-1 {
			continue
		}
		trace, err := d.Records(ctx, some)
		if err != nil {
			return err
		}
		yield(trace)
		some = some[:0]
	}
	return nil
}

// Exchanges counts the exchanges on disk of connections.
func (d *Disk) Exchanges(ctx context.Context, ids []flow.ConnID) (map[flow.ConnID]int, error) {
	out := map[flow.ConnID]int{}
	for _, id := range ids {
		var n int
		if err := d.read.QueryRowContext(ctx, "SELECT coalesce(sum(exchanges), 0) FROM parts WHERE conn = ?", int64(id)).Scan(&n); err != nil {
			return nil, fmt.Errorf("count exchanges: %w", err)
		}
		out[id] = n
	}
	return out, nil
}

// maxNear bounds the rows that Related looks through.
const maxNear = 200_000

// Related gives rows of other connections that belong to a connection: those
// made for its exchanges, and those that its exchanges were made for. It looks
// in the blocks of the connection and in those beside them.
func (d *Disk) Related(ctx context.Context, c *flow.Conn) ([]Row, error) {
	var from, to int64
	err := d.read.QueryRowContext(ctx, "SELECT coalesce(min(block), 0), coalesce(max(block), 0) FROM parts WHERE conn = ?", int64(c.ID)).Scan(&from, &to)
	if err != nil {
		return nil, fmt.Errorf("find connection %s: %w", c.ID, err)
	}
	own, made := map[flow.ExchangeID]bool{}, map[flow.ExchangeID]bool{0: true}
	for _, x := range c.Exchanges {
		own[x.ID] = true
		made[x.Parent] = true
	}
	delete(made, 0)
	found, err := d.read.QueryContext(ctx, "SELECT "+rowColumns+" FROM rows WHERE id >= ? AND id < ? AND conn <> ? ORDER BY id LIMIT ?",
		(from-1)<<rowBits, (to+2)<<rowBits, int64(c.ID), maxNear)
	if err != nil {
		return nil, fmt.Errorf("find what belongs to connection %s: %w", c.ID, err)
	}
	defer found.Close()
	var out []Row
	for found.Next() && len(out) < maxRelated {
		r, err := scanRow(found)
		if err != nil {
			return nil, err
		}
		if own[r.Parent] || r.Exchange != 0 && made[r.Exchange] {
			out = append(out, r)
		}
	}
	return out, found.Err()
}
