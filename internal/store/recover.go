package store

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// found is a segment on disk, and how far the index knows it.
type found struct {
	id      uint64
	kept    bool
	size    int64 // of the file
	indexed int64 // -1: the index does not know it
}

// recover makes index and segments agree.
func (d *Disk) recover() error {
	all, err := d.find()
	if err != nil {
		return err
	}
	dg := newDigest()
	for _, s := range all {
		d.segments = max(d.segments, s.id)
		if err := d.recoverSegment(s, dg); err != nil {
			return fmt.Errorf("read %s: %w", segmentName(s.id, s.kept), err)
		}
	}
	if err := d.forgetMissing(all); err != nil {
		return err
	}
	err = d.index.QueryRow(`SELECT coalesce((SELECT max(id) FROM blocks), 0), coalesce((SELECT max(conn) FROM parts), 0),
		coalesce((SELECT max(exchange) FROM rows), 0)`).Scan(&d.block, &d.conns, &d.exchanges)
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	return d.measure()
}

// find lists the segments, those that are kept longer last, because a block is
// taken from where it was written first if it lies in both.
func (d *Disk) find() ([]found, error) {
	files, err := os.ReadDir(d.folder)
	if err != nil {
		return nil, err
	}
	var out []found
	for _, f := range files {
		id, kept, ok := parseSegmentName(f.Name())
		if !ok {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return nil, err
		}
		s := found{id: id, kept: kept, size: info.Size(), indexed: -1}
		err = d.index.QueryRow("SELECT size FROM segments WHERE id = ?", id).Scan(&s.indexed)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b found) int {
		if a.kept != b.kept {
			if a.kept {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.id, b.id)
	})
	return out, nil
}

// recoverSegment puts into the index what it lacks of a segment, and cuts off
// what is torn.
func (d *Disk) recoverSegment(s found, dg *digest) error {
	if s.indexed == s.size {
		return nil
	}
	path := filepath.Join(d.folder, segmentName(s.id, s.kept))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.size < s.indexed { // it lost its end with the power; what is missing is no longer there to be found
		if err := d.forgetBehind(s.id, s.size); err != nil {
			return err
		}
		s.indexed = 0
	}
	var k kinds
	named := false
	end, damaged, err := scanFrames(f, 0, func(fr frame) error {
		if fr.block == 0 {
			names, err := d.opener.DecodeAll(fr.payload, nil)
			k, named = readKinds(string(names)), err == nil
			return nil
		}
		if fr.offset < s.indexed || !named {
			return nil
		}
		return d.reindex(s.id, k, fr, dg)
	})
	if err != nil {
		return err
	}
	d.damaged.Add(int64(damaged))
	if end == 0 {
		return os.Remove(path)
	}
	if end < s.size {
		if err := f.Truncate(end); err != nil {
			return fmt.Errorf("cut off what is torn: %w", err)
		}
	}
	return inTx(d.index, func(tx *sql.Tx) error { return noteSegment(tx, s.id, s.kept, end) })
}

// reindex puts a block into the index, unless it is there.
func (d *Disk) reindex(segment uint64, k kinds, fr frame, dg *digest) error {
	var known int
	if err := d.index.QueryRow("SELECT count(*) FROM blocks WHERE id = ?", fr.block).Scan(&known); err != nil || known > 0 {
		return err
	}
	content, err := d.opener.DecodeAll(fr.payload, nil)
	if err != nil {
		d.damaged.Add(1)
		return nil
	}
	dg.begin(fr.block)
	var marks []Mark
	for p := range parts(content) {
		if p.sort == markPart {
			marks = append(marks, p.mark())
			continue
		}
		dg.add(p.conn, k.batch(p.data))
	}
	return inTx(d.index, func(tx *sql.Tx) error {
		return writeBlock(tx, placed{fr.block, segment, fr.offset, fr.size}, dg, marks, func() {})
	})
}

// forgetBehind takes blocks out of the index that lie behind the end of their
// segment.
func (d *Disk) forgetBehind(segment uint64, end int64) error {
	ids, err := blockIDs(d.index, "SELECT id FROM blocks WHERE segment = ? AND offset + size > ?", segment, end)
	if err != nil {
		return err
	}
	return inTx(d.index, func(tx *sql.Tx) error {
		for _, id := range ids {
			if err := forgetBlock(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// forgetMissing takes segments out of the index whose files are gone.
func (d *Disk) forgetMissing(have []found) error {
	ids, err := blockIDs(d.index, "SELECT id FROM segments")
	if err != nil {
		return err
	}
	for _, id := range ids {
		d.segments = max(d.segments, id)
		if slices.ContainsFunc(have, func(s found) bool { return s.id == id }) {
			continue
		}
		if err := d.forgetBehind(id, 0); err != nil {
			return err
		}
		if _, err := d.index.Exec("DELETE FROM segments WHERE id = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// blockIDs reads a list of numbers.
func blockIDs(db interface {
	Query(string, ...any) (*sql.Rows, error)
}, query string, args ...any) (ids []uint64, err error) {
	rows, err := db.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id uint64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
