package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/query"
)

// Search says which rows are wanted. Zero values do not choose.
type Search struct {
	Filter       *query.Filter
	Since, Until time.Time
	Before       int64 // id of the last row of the page before
	Limit        int   // at least 1
}

// Choose sets the filter to an expression. A fault is a *query.SyntaxError.
func (s *Search) Choose(expr string) (err error) {
	s.Filter, err = query.Parse(expr)
	return err
}

// columns of the index by the fields of the filter language.
func columns() map[string][]query.Column {
	out := map[string][]query.Column{"http.response.code": {{Name: "status", Instead: "failed", From: leastFailed}}}
	for field, names := range map[string][]string{
		"ip.src": {"client"}, "ip.dst": {"server"}, "ip.addr": {"client", "server"},
		"tcp.srcport": {"client_port"}, "tcp.dstport": {"server_port"}, "tcp.port": {"client_port", "server_port"},
		"tcp.stream": {"conn"}, "conn.id": {"conn"}, "conn.site": {"site"}, "conn.origin": {"origin"}, "conn.self": {"self"},
		"http.host": {"host", "bare_host"}, "http.request.method": {"method"}, "http.request.uri": {"target"},
		"http.outcome": {"outcome"}, "http.time": {"wait"}, "http.total": {"total"},
		"exchange.id": {"exchange"}, "exchange.parent": {"parent"}, "incident": {"incident"}, "time": {"time"},
	} {
		for _, name := range names {
			out[field] = append(out[field], query.Column{Name: name})
		}
	}
	return out
}

// Search gives rows, the newest first. What the index cannot judge is looked up
// in the records themselves. The context bounds the time it takes: what was
// found by then is given with its error.
func (d *Disk) Search(ctx context.Context, s Search) ([]Row, error) {
	where := query.Where{Text: "1", Exact: true}
	if s.Filter != nil {
		where = s.Filter.SQL(columns())
	}
	if where.Exact {
		return d.page(ctx, s, where, s.Limit)
	}
	var out []Row
	for chunk := min(s.Limit, firstChunk); ; chunk = lastChunk {
		rows, err := d.page(ctx, s, where, chunk)
		if err != nil {
			return out, err
		}
		matching, err := d.residual(ctx, s.Filter, rows)
		out = append(out, matching...)
		if err != nil || len(out) >= s.Limit || len(rows) < chunk {
			return out[:min(len(out), s.Limit)], err
		}
		s.Before = rows[len(rows)-1].ID
	}
}

// So many rows are looked up in the records together.
const (
	firstChunk = 100
	lastChunk  = 500
)

const rowColumns = `id, status, host, method, time, wait, total, outcome, site, origin, self, client, client_port, server, server_port,
	conn, exchange, parent, incident, target, last_block`

func (d *Disk) page(ctx context.Context, s Search, where query.Where, limit int) ([]Row, error) {
	text, args := where.Text, where.Args
	if s.Before > 0 {
		text, args = "id < ? AND "+text, append([]any{s.Before}, args...)
	}
	if !s.Since.IsZero() { // no row of an earlier block can be wanted
		text, args = "id >= coalesce((SELECT min(id) FROM blocks WHERE last >= ?) << 20, 0) AND time >= ? AND "+text,
			append([]any{s.Since.UnixNano(), s.Since.UnixNano()}, args...)
	}
	if !s.Until.IsZero() {
		text, args = "time <= ? AND "+text, append([]any{s.Until.UnixNano()}, args...)
	}
	found, err := d.read.QueryContext(ctx, "SELECT "+rowColumns+" FROM rows WHERE "+text+" ORDER BY id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("search records: %w", err)
	}
	defer found.Close()
	var out []Row
	for found.Next() {
		r, err := scanRow(found)
		if err != nil {
			return out, fmt.Errorf("search records: %w", err)
		}
		out = append(out, r)
	}
	if err := found.Err(); err != nil {
		return out, fmt.Errorf("search records: %w", err)
	}
	return out, d.addFindings(ctx, out)
}

// Incident finds the exchange that an incident was told of; false: it is not on
// disk.
func (d *Disk) Incident(ctx context.Context, id string) (Row, bool, error) {
	found, err := d.page(ctx, Search{}, query.Where{Text: "incident = ?", Args: []any{id}}, 1)
	if err != nil || len(found) == 0 {
		return Row{}, false, err
	}
	return found[0], true, nil
}

func scanRow(rows *sql.Rows) (r Row, err error) {
	var status, at, wait, total, clientPort, serverPort, exchange, parent sql.NullInt64
	var host, method, outcome, site, origin, self, incident, target sql.NullString
	var client, server []byte
	err = rows.Scan(&r.ID, &status, &host, &method, &at, &wait, &total, &outcome, &site, &origin, &self, &client, &clientPort,
		&server, &serverPort, &r.Conn, &exchange, &parent, &incident, &target, &r.lastBlock)
	r.Status, r.Host, r.Method, r.Outcome = int(status.Int64), host.String, method.String, outcome.String
	r.Site, r.Origin, r.Incident, r.Target = site.String, origin.String, incident.String, target.String
	r.Exchange, r.Parent = flow.ExchangeID(exchange.Int64), flow.ExchangeID(parent.Int64)
	r.Wait, r.Total = -1, -1
	if wait.Valid {
		r.Wait = time.Duration(wait.Int64)
	}
	if total.Valid {
		r.Total = time.Duration(total.Int64)
	}
	if at.Valid {
		r.Time = time.Unix(0, at.Int64).UTC()
	}
	r.Client, r.Server = addrPort(client, clientPort.Int64), addrPort(server, serverPort.Int64)
	for _, side := range []flow.Side{flow.Client, flow.Server} {
		if self.String == side.String() {
			r.Self = side
		}
	}
	return r, err
}

func addrPort(raw []byte, port int64) netip.AddrPort {
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

func (d *Disk) addFindings(ctx context.Context, rows []Row) error {
	for i := range rows {
		found, err := d.read.QueryContext(ctx, "SELECT DISTINCT finding FROM marks WHERE conn = ? AND exchange IN (0, ?)", int64(rows[i].Conn), int64(rows[i].Exchange))
		if err != nil {
			return fmt.Errorf("search findings: %w", err)
		}
		for found.Next() {
			var id string
			if err := found.Scan(&id); err != nil {
				return errors.Join(err, found.Close())
			}
			rows[i].Findings = append(rows[i].Findings, id)
		}
		if err := errors.Join(found.Err(), found.Close()); err != nil {
			return err
		}
	}
	return nil
}

// residual leaves the rows whose records match.
func (d *Disk) residual(ctx context.Context, f *query.Filter, rows []Row) ([]Row, error) {
	trace, err := d.Records(ctx, rows)
	if err != nil {
		return nil, err
	}
	var out []Row
	for _, r := range rows {
		c := trace.Conn(r.Conn)
		if c == nil {
			continue
		}
		if r.Exchange == 0 && f.Conn(c) {
			out = append(out, r)
		}
		for _, x := range c.Exchanges {
			if r.Exchange != 0 && x.ID == r.Exchange && f.Exchange(c, x) {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// Records folds the records of rows: of each connection its beginning, its end
// as far as it is known, and what lies near the rows.
func (d *Disk) Records(ctx context.Context, rows []Row) (*flow.Trace, error) {
	type bounds struct{ from, to uint64 }
	var ids []flow.ConnID
	spans := map[flow.ConnID]bounds{}
	for _, r := range rows {
		b, known := spans[r.Conn]
		if !known {
			ids = append(ids, r.Conn)
			b = bounds{r.block(), r.lastBlock}
		}
		spans[r.Conn] = bounds{min(b.from, r.block()), max(b.to, r.lastBlock)}
	}
	return d.trace(ctx, ids, func(id flow.ConnID) (from, to uint64) { return spans[id].from, spans[id].to })
}
