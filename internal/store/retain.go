package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fanlight/internal/flow"
)

// measure counts the bytes on disk.
func (d *Disk) measure() error {
	var segments, pages, free, pageSize int64
	err := d.index.QueryRow(`SELECT coalesce(sum(size), 0), (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count),
		(SELECT page_size FROM pragma_page_size) FROM segments`).Scan(&segments, &pages, &free, &pageSize)
	if err != nil {
		return fmt.Errorf("measure records: %w", err)
	}
	d.bytes.Store(segments + (pages-free)*pageSize)
	return nil
}

// retain gives up the oldest segments until what is kept is within its bounds.
func (w *writer) retain() {
	if w.opts.Size == 0 {
		return
	}
	for {
		more, err := w.retainStep()
		if err != nil {
			w.note(fmt.Errorf("give up old records: %w", err))
		}
		if err != nil || !more {
			return
		}
	}
}

// retainStep gives up one segment, if one is due.
func (w *writer) retainStep() (more bool, err error) {
	if err := w.measure(); err != nil {
		return false, err
	}
	id, due, err := w.oldestKept()
	switch {
	case err != nil:
		return false, err
	case due:
		return true, w.drop(id, true)
	}
	var last int64
	err = w.index.QueryRow("SELECT id, last FROM segments WHERE kept = 0 AND id <> ? ORDER BY id LIMIT 1", w.openSegment(w.segment)).Scan(&id, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if w.bytes.Load() <= w.opts.Size && !w.tooOld(last, w.opts.Age) {
		return false, nil
	}
	return true, w.drop(id, false)
}

func (d *Disk) openSegment(s *segmentFile) uint64 {
	if s == nil {
		return 0
	}
	return s.id
}

func (d *Disk) tooOld(last int64, age time.Duration) bool {
	return age > 0 && last > 0 && time.Since(time.Unix(0, last)) > age
}

// oldestKept is the segment of what was kept longer that has to go, if one has.
func (w *writer) oldestKept() (id uint64, due bool, err error) {
	var size, last int64
	err = w.index.QueryRow(`SELECT id, last, (SELECT sum(size) FROM segments WHERE kept = 1) FROM segments WHERE kept = 1 AND id <> ? ORDER BY id LIMIT 1`,
		w.openSegment(w.kept)).Scan(&id, &last, &size)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return id, size > w.opts.Size/keptShare || w.tooOld(last, keptAges*w.opts.Age), err
}

// drop gives up a segment, and writes what of it is marked to another, unless
// this has been done before.
func (w *writer) drop(segment uint64, kept bool) error {
	path := filepath.Join(w.folder, segmentName(segment, kept))
	ids, err := blockIDs(w.index, "SELECT id FROM blocks WHERE segment = ? ORDER BY id", segment)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.dropBlock(id, kept); err != nil {
			return err
		}
		if !kept {
			w.digest.oldest = id + 1
		}
		w.pace.rest()
	}
	if _, err := w.index.Exec("DELETE FROM segments WHERE id = ?", segment); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (w *writer) dropBlock(id uint64, kept bool) error {
	if !kept {
		marked, err := w.markedIn(id)
		if err != nil {
			return err
		}
		if len(marked) > 0 {
			return w.keepLonger(id, marked)
		}
	}
	return inTx(w.index, func(tx *sql.Tx) error { return forgetBlock(tx, id) })
}

// forgetBlock takes a block, its rows and parts out of the index, and the marks
// of connections of which nothing is left.
func forgetBlock(tx *sql.Tx, id uint64) error {
	for _, q := range []string{
		"DELETE FROM rows WHERE id >= ?1 << 20 AND id < (?1 + 1) << 20",
		"DELETE FROM marks WHERE conn IN (SELECT conn FROM parts WHERE block = ?1) AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.conn = marks.conn AND block <> ?1)",
		"DELETE FROM parts WHERE block = ?1",
		"DELETE FROM blocks WHERE id = ?1",
	} {
		if _, err := tx.Exec(q, int64(id)); err != nil {
			return err
		}
	}
	return nil
}

// marked says what of a connection is kept longer: its marked exchanges, or all.
type marked struct {
	exchanges map[flow.ExchangeID]bool
	marks     []Mark
	whole     bool
}

// markedIn gives the marked connections of which a block holds something.
func (d *Disk) markedIn(block uint64) (map[flow.ConnID]*marked, error) {
	rows, err := d.index.Query("SELECT marks.conn, marks.exchange, marks.finding FROM parts JOIN marks ON marks.conn = parts.conn WHERE parts.block = ?", int64(block))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[flow.ConnID]*marked{}
	for rows.Next() {
		var m Mark
		if err := rows.Scan(&m.Conn, &m.Exchange, &m.Finding); err != nil {
			return nil, err
		}
		of := out[m.Conn]
		if of == nil {
			of = &marked{exchanges: map[flow.ExchangeID]bool{}}
			out[m.Conn] = of
		}
		of.marks = append(of.marks, m)
		of.exchanges[m.Exchange] = true
		of.whole = of.whole || m.Exchange == 0
	}
	return out, rows.Err()
}

// keepLonger writes what is marked of a block anew, and forgets the rest.
func (w *writer) keepLonger(id uint64, marked map[flow.ConnID]*marked) error {
	content, k, err := w.unpackBlock(id)
	if err != nil {
		w.damaged.Add(1)
		return inTx(w.index, func(tx *sql.Tx) error { return forgetBlock(tx, id) })
	}
	var left []byte
	for p := range parts(content) {
		if of := marked[p.conn]; of != nil && p.sort != markPart {
			if p.data = k.batch(p.data); of.wants(p.data) {
				left = appendPart(left, p)
			}
		}
	}
	for _, of := range marked {
		for _, m := range of.marks {
			left = appendPart(left, m.part())
		}
	}
	s, err := w.currentKept()
	if err != nil {
		return err
	}
	offset, err := s.append(id, w.packer.EncodeAll(left, nil))
	if err != nil {
		return err
	}
	err = inTx(w.index, func(tx *sql.Tx) error {
		return moveBlock(tx, placed{id, s.id, offset, s.size - offset}, s.size, marked)
	})
	if err != nil {
		_ = s.retract(offset) // its first place still holds it
	}
	return err
}

// wants reports whether a batch tells of a marked exchange, or of the
// connection alone.
func (m *marked) wants(b flow.Batch) bool {
	if m.whole || opens(b) {
		return true
	}
	alone := true
	for e := range b.Events {
		if m.exchanges[e.Exchange] && e.Exchange != 0 {
			return true
		}
		alone = alone && e.Exchange == 0
	}
	return alone
}

// moveBlock has the index find what is left of a block at its new place.
func moveBlock(tx *sql.Tx, p placed, end int64, marked map[flow.ConnID]*marked) error {
	low, high := int64(p.block<<rowBits), int64((p.block+1)<<rowBits)
	run := func(query string, args ...any) error {
		_, err := tx.Exec(query, args...)
		return err
	}
	const marks = "SELECT 1 FROM marks WHERE marks.conn = "
	if err := errors.Join(
		run("DELETE FROM rows WHERE id >= ? AND id < ? AND NOT EXISTS ("+marks+"rows.conn AND marks.exchange IN (0, rows.exchange))", low, high),
		run("DELETE FROM parts WHERE block = ? AND NOT EXISTS ("+marks+"parts.conn)", int64(p.block)),
		run("UPDATE blocks SET segment = ?, offset = ?, size = ? WHERE id = ?", p.segment, p.offset, p.size, int64(p.block)),
	); err != nil {
		return err
	}
	return noteSegment(tx, p.segment, true, end)
}

// currentKept gives the segment for what is kept longer.
func (w *writer) currentKept() (*segmentFile, error) {
	if s := w.kept; s != nil && (s.size >= w.segmentSize()/keptShare || time.Since(s.made) >= keptAges*w.segmentAge()) {
		w.kept = nil
		if err := s.close(); err != nil {
			return nil, err
		}
	}
	if w.kept == nil {
		s, err := createSegment(w.folder, w.segments+1, true, w.packer)
		if err != nil {
			return nil, err
		}
		w.segments++
		w.kept = s
	}
	return w.kept, nil
}
