package store

import "database/sql"

// placed is where a block lies.
type placed struct {
	block, segment uint64
	offset, size   int64
}

// writeBlock puts a block and what was read of it into the index.
func writeBlock(tx *sql.Tx, p placed, d *digest, marks []Mark, rest func()) error {
	if _, err := tx.Exec("INSERT INTO blocks VALUES (?,?,?,?,?)", p.block, p.segment, p.offset, p.size, d.last.UnixNano()); err != nil {
		return err
	}
	if err := writeRows(tx, d.rows, rest); err != nil {
		return err
	}
	for conn, n := range d.parts {
		if _, err := tx.Exec("INSERT OR REPLACE INTO parts VALUES (?,?,?)", int64(conn), p.block, n); err != nil {
			return err
		}
	}
	for _, m := range marks {
		if _, err := tx.Exec("INSERT OR IGNORE INTO marks VALUES (?,?,?)", int64(m.Conn), int64(m.Exchange), m.Finding); err != nil {
			return err
		}
	}
	return nil
}

func writeRows(tx *sql.Tx, rows []*Row, rest func()) error {
	if len(rows) == 0 {
		return nil
	}
	insert, err := tx.Prepare(insertRow)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, r := range rows {
		if _, err := insert.Exec(r.values()...); err != nil {
			return err
		}
		rest()
	}
	return nil
}

// noteSegment tells the index how far it knows a segment.
func noteSegment(tx *sql.Tx, id uint64, kept bool, size int64) error {
	_, err := tx.Exec(`INSERT INTO segments VALUES (?1, ?2, ?3, coalesce((SELECT max(last) FROM blocks WHERE segment = ?1), 0))
		ON CONFLICT (id) DO UPDATE SET size = excluded.size, last = excluded.last`, id, kept, size)
	return err
}
