package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"modernc.org/sqlite"

	"fanlight/internal/flow"
)

// indexVersion changes with the schema: an index of another version is built
// anew from the segments.
const indexVersion = 2

// rows has an exchange in each row, or a connection that had none: exchange is
// null then. An id is block<<20 | number, so that the ids grow with time, the
// rows of a block lie together. To pass over a million rows takes a fifth of a
// second, and an index for each column would cost more than it saves: only what
// failed has one. The columns come in the order in which filters ask for them;
// null was not observed. Without the statistics, which say how it usually is, the
// index of what failed would not be asked for ranges.
const schema = `
CREATE TABLE segments (id INTEGER PRIMARY KEY, kept INTEGER NOT NULL, size INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
CREATE TABLE blocks (id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
CREATE INDEX blocks_segment ON blocks (segment);
CREATE TABLE rows (id INTEGER PRIMARY KEY, status INTEGER, host TEXT, method TEXT, time INTEGER, wait INTEGER, total INTEGER,
  outcome TEXT, site TEXT, origin TEXT, self TEXT, client BLOB, client_port INTEGER, server BLOB, server_port INTEGER,
  conn INTEGER NOT NULL, exchange INTEGER, parent INTEGER, bare_host TEXT, incident TEXT, target TEXT, last_block INTEGER NOT NULL, failed INTEGER) STRICT;
CREATE INDEX rows_failed ON rows (failed) WHERE failed IS NOT NULL;
CREATE INDEX rows_incident ON rows (incident) WHERE incident IS NOT NULL;
CREATE TABLE parts (conn INTEGER NOT NULL, block INTEGER NOT NULL, exchanges INTEGER NOT NULL, PRIMARY KEY (conn, block)) STRICT, WITHOUT ROWID;
CREATE INDEX parts_block ON parts (block);
ANALYZE;
INSERT INTO sqlite_stat1 VALUES ('rows', NULL, '1000000'), ('rows', 'rows_failed', '1000 100');
CREATE TABLE marks (conn INTEGER NOT NULL, exchange INTEGER NOT NULL, finding TEXT NOT NULL, PRIMARY KEY (conn, exchange, finding)) STRICT, WITHOUT ROWID;
`

const insertRow = `INSERT OR REPLACE INTO rows VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

// rowBits is how many bits of a row's id number the rows of a block.
const rowBits = 20

// leastFailed is the lowest status that the column failed holds.
const leastFailed = 400

// Row is what the index knows of one exchange, or of a connection that had
// none (Exchange is 0). Zero values were not observed.
type Row struct {
	ID             int64 // grows with time
	Conn           flow.ConnID
	Exchange       flow.ExchangeID
	Parent         flow.ExchangeID
	Time           time.Time // of the request head, or the beginning of the connection
	Method         string
	Host           string
	Target         string
	Status         int
	Outcome        string
	Incident       string
	Wait, Total    time.Duration // -1: not observed
	Client, Server netip.AddrPort
	Self           flow.Side
	Site, Origin   string
	Findings       []string

	lastBlock uint64
}

func (r *Row) block() uint64 { return uint64(r.ID) >> rowBits }

// values are the columns of rows.
func (r *Row) values() []any {
	self := r.Self.String()
	if r.Self == flow.Unknown {
		self = "none"
	}
	host := strings.ToLower(r.Host)
	bare := ""
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		bare = host[:colon]
	}
	var at any
	if !r.Time.IsZero() {
		at = r.Time.UnixNano()
	}
	var failed any
	if r.Status >= leastFailed {
		failed = int64(r.Status)
	}
	return []any{r.ID, number(int64(r.Status)), text(host), text(r.Method), at, span(r.Wait), span(r.Total),
		text(r.Outcome), text(r.Site), text(r.Origin), self, address(r.Client), port(r.Client), address(r.Server), port(r.Server),
		int64(r.Conn), number(int64(r.Exchange)), number(int64(r.Parent)), text(bare), text(r.Incident), text(r.Target), int64(r.lastBlock), failed}
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func number(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func span(d time.Duration) any {
	if d < 0 {
		return nil
	}
	return int64(d)
}

// address has 16 bytes for IPv4 too, so that the addresses of a network lie
// side by side.
func address(a netip.AddrPort) any {
	if !a.IsValid() {
		return nil
	}
	raw := a.Addr().As16()
	return raw[:]
}

func port(a netip.AddrPort) any {
	if !a.IsValid() {
		return nil
	}
	return int64(a.Port())
}

// openIndex opens the index, with a pool of at most so many connections.
func openIndex(path string, conns int, more string) *sql.DB {
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	name.RawQuery = "_pragma=page_size(16384)&_pragma=cache_size(-4096)&_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)" + more
	db := sql.OpenDB(connector{name.String()})
	db.SetMaxOpenConns(conns)
	return db
}

// connector opens connections without the driver's name in database/sql.
type connector struct{ name string }

func (c connector) Driver() driver.Driver                        { return &sqlite.Driver{} }
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.name) }

// openWritten opens the index for writing. One that is damaged, or of another
// version, is replaced by an empty one.
func openWritten(path string) (*sql.DB, error) {
	for attempt := 0; ; attempt++ {
		if err := createPrivately(path); err != nil {
			return nil, err
		}
		db := openIndex(path, 1, "")
		err := checkIndex(db)
		if err == nil {
			return db, nil
		}
		_ = db.Close() // it is of no use
		if attempt > 0 || !spoilt(err) {
			return nil, fmt.Errorf("open index %s: %w", path, err)
		}
		for _, end := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, fmt.Errorf("replace index: %w", err)
			}
		}
	}
}

// createPrivately makes the file before the database does: the files beside it
// get its mode.
func createPrivately(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make index: %w", err)
	}
	return f.Close()
}

var errOtherVersion = errors.New("it is of another version")

// spoilt tells an index that has to be replaced from a disk that has no room or
// gives no right.
func spoilt(err error) bool {
	if errors.Is(err, errOtherVersion) {
		return true
	}
	text := err.Error() // the driver's codes are in a package that would be one more to import
	return strings.Contains(text, "malformed") || strings.Contains(text, "not a database") || strings.Contains(text, "CORRUPT")
}

func checkIndex(db *sql.DB) error {
	var version, tables int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	switch {
	case version == indexVersion:
		return nil
	case tables > 0:
		return errOtherVersion
	}
	return inTx(db, func(tx *sql.Tx) error {
		if _, err := tx.Exec(schema); err != nil {
			return err
		}
		_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", indexVersion))
		return err
	})
}

func inTx(db *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
