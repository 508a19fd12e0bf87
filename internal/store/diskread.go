package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"fanlight/internal/flow"
)

// unpackBlock reads a block where it lies, and the kinds of its segment.
func (d *Disk) unpackBlock(id uint64) ([]byte, kinds, error) {
	db := d.read
	if db == nil {
		db = d.index
	}
	var segment uint64
	var kept bool
	var offset int64
	err := db.QueryRow("SELECT segment, kept, offset FROM blocks JOIN segments ON segments.id = blocks.segment WHERE blocks.id = ?", int64(id)).Scan(&segment, &kept, &offset)
	if err != nil {
		return nil, nil, fmt.Errorf("find block %d: %w", id, err)
	}
	f, err := os.Open(filepath.Join(d.folder, segmentName(segment, kept)))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	names, err := d.unpack(f, 0, 0)
	if err != nil {
		return nil, nil, err
	}
	content, err := d.unpack(f, offset, id)
	return content, readKinds(string(names)), err
}

func (d *Disk) unpack(f *os.File, offset int64, block uint64) ([]byte, error) {
	fr, err := readFrame(f, offset)
	if err == nil && fr.block != block {
		err = errDamaged
	}
	if err != nil {
		return nil, fmt.Errorf("read %s at %d: %w", filepath.Base(f.Name()), offset, err)
	}
	return d.opener.DecodeAll(fr.payload, nil)
}

// mostBlocks bounds the blocks that one trace is read from.
const mostBlocks = 4096

// Trace folds what is on disk of connections, all of it or only the blocks in
// which they begin and end. Unknown connections are absent.
func (d *Disk) Trace(ctx context.Context, all bool, ids ...flow.ConnID) (*flow.Trace, error) {
	return d.trace(ctx, ids, func(flow.ConnID) (from, to uint64) {
		if all {
			return 0, 1<<63 - 1
		}
		return 1, 0
	})
}

// trace reads of each connection the blocks in which it begins and ends, and
// those between bounds.
func (d *Disk) trace(ctx context.Context, ids []flow.ConnID, bounds func(flow.ConnID) (from, to uint64)) (*flow.Trace, error) {
	wanted := set(ids)
	blocks := map[uint64]bool{}
	for id := range wanted {
		from, to := bounds(id)
		found, err := blockIDs(d.read, `SELECT min(block) FROM parts WHERE conn = ?1 HAVING min(block) IS NOT NULL
			UNION SELECT max(block) FROM parts WHERE conn = ?1 HAVING max(block) IS NOT NULL
			UNION SELECT block FROM parts WHERE conn = ?1 AND block BETWEEN ?2 AND ?3 LIMIT ?4`, int64(id), int64(from), int64(to), mostBlocks)
		if err != nil {
			return nil, fmt.Errorf("find connection %s: %w", id, err)
		}
		for _, b := range found {
			blocks[b] = true
		}
	}
	folder := flow.NewFolder(0)
	opened := map[flow.ConnID]bool{}
	for _, b := range slices.Sorted(maps.Keys(blocks)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		content, k, err := d.unpackBlock(b)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, sql.ErrNoRows) {
			continue // given up meanwhile
		}
		if err != nil {
			return nil, err
		}
		for p := range parts(content) {
			if !wanted[p.conn] || p.sort == markPart {
				continue
			}
			b := k.batch(p.data)
			if opens(b) {
				if opened[p.conn] {
					continue // a beginning is written again where a writer had forgotten it
				}
				opened[p.conn] = true
			}
			for e := range b.Events {
				folder.Add(e)
			}
		}
	}
	return folder.Trace(), nil
}

// Conns gives connections on disk whose numbers are below one (0: all), the
// highest first, but for those that are left out.
func (d *Disk) Conns(ctx context.Context, below flow.ConnID, limit int, leave func(flow.ConnID) bool) ([]flow.ConnID, error) {
	if below == 0 {
		below = 1<<63 - 1
	}
	rows, err := d.read.QueryContext(ctx, "SELECT DISTINCT conn FROM parts WHERE conn < ? AND conn > 0 ORDER BY conn DESC", int64(below))
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	defer rows.Close()
	var out []flow.ConnID
	for len(out) < limit && rows.Next() {
		var id flow.ConnID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		if !leave(id) {
			out = append(out, id)
		}
	}
	return out, rows.Err()
}
