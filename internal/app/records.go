package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// records writes ended exchanges and connections, and findings, as the JSON
// lines of the contract: a connection after its exchanges, a finding after all
// that it names, a summary at the end.
type records struct {
	store   *store.Store
	mask    flow.Mask
	whole   bool       // connections, findings and a summary too, not only clients' exchanges
	access  accessLine // nil: exchanges are written as objects
	started time.Time

	mu      sync.Mutex // guards what follows
	line    []byte     // used again
	out     *jsonLines
	folder  *flow.Folder
	open    map[flow.ConnID]bool
	read    uint64         // batches of the store that were read or lost
	heard   []heardFinding // to be written once what they name has been
	summary flow.SummaryRecord
}

// heardFinding waits for the batches that were there before it, and for the end
// of the connections that it names.
type heardFinding struct {
	explain.Finding
	after uint64
}

// foldLimit bounds what is kept of a connection while it is followed.
const foldLimit = 200

// startRecords opens the access log and the record file.
func (a *App) startRecords() error {
	if a.store == nil {
		return nil
	}
	if err := a.startAccessLog(a.cfg.AccessLog); err != nil {
		return fmt.Errorf("open access log: %w", err)
	}
	if a.opts.RecordTo != "" {
		out, err := openJSONLines(a.opts.RecordTo, a.log)
		if err != nil {
			return fmt.Errorf("open record file: %w", err)
		}
		a.addRecords(out, true, nil)
	}
	return nil
}

// addRecords writes to out; access is the format of an access log that has one of
// its own, else nil.
func (a *App) addRecords(out *jsonLines, whole bool, access accessLine) {
	r := &records{
		store: a.store, mask: a.mask, whole: whole, access: access, started: time.Now(),
		out: out, folder: flow.NewFolder(foldLimit), open: map[flow.ConnID]bool{},
		read: a.store.Stats().Taken, summary: flow.SummaryRecord{Type: "summary"},
	}
	a.mu.Lock()
	a.records = append(a.records, r)
	a.mu.Unlock()
	if whole {
		a.findings.heard = append(a.findings.heard, r.hear)
	}
	follower := a.store.Follow()
	a.writers.run(func(ctx context.Context) { r.run(ctx, follower) })
}

// unwritten counts what the access log and the record file did not get.
func (a *App) unwritten() (n int64) {
	a.mu.Lock()
	all := a.records
	a.mu.Unlock()
	for _, r := range all {
		n += r.unwritten()
	}
	return n
}

// newMask has a new key at each start: tokens are equal within one run only.
func newMask(opts Options) flow.Mask {
	if opts.Secrets {
		return func(_, value string) string { return value }
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return flow.NewMask(key)
}

func (r *records) run(ctx context.Context, follower *store.Follower) {
	ending := false
	for {
		entries, lost, err := follower.Next(ctx)
		r.take(entries, lost)
		if err != nil && ending {
			r.end()
			return
		}
		ending = err != nil // once more: what came while the end was told
	}
}

func (r *records) take(entries []store.Entry, lost int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range entries {
		for event := range e.Batch.Events {
			r.fold(event)
		}
	}
	r.read += uint64(lost) + uint64(len(entries))
	r.summary.Lost += lost
	r.tell(false)
	r.summary.Lost += r.out.flush()
}

// unwritten counts the batches that were not read in time and the lines that
// could not be written.
func (r *records) unwritten() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.summary.Lost
}

func (r *records) fold(e flow.Event) {
	c, x := r.folder.Add(e)
	if c == nil {
		return
	}
	r.open[c.ID] = true
	switch {
	case e.Kind == flow.ExchangeDone && x != nil && (r.whole || c.Self == flow.Server):
		r.exchange(c, x)
		r.summary.Exchanges++
	case e.Kind == flow.Closed || e.Kind == flow.ConnectFailed:
		if r.whole {
			r.writeConn(c)
		}
		r.folder.Forget(c.ID)
		delete(r.open, c.ID)
	}
}

func (r *records) exchange(c *flow.Conn, x *flow.Exchange) {
	if r.access == nil {
		r.out.write(flow.ExchangeJSON(x, r.mask))
		return
	}
	r.line = r.access(r.line[:0], c, x, r.mask)
	r.out.writeLine(r.line)
}

func (r *records) writeConn(c *flow.Conn) {
	record := flow.ConnJSON(c, r.mask)
	r.out.write(record)
	r.summary.Connections++
	if record.Bytes != nil {
		r.summary.Bytes += record.Bytes.Client + record.Bytes.Server
	}
}

// hear takes a finding to write. One that was known before is written as it is
// known now, or not again. It may be called concurrently.
func (r *records) hear(found explain.Finding, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.heard, func(h heardFinding) bool { return keyOf(h.Finding) == keyOf(found) })
	switch {
	case i >= 0:
		r.heard[i].Finding = found
	case !known:
		r.heard = append(r.heard, heardFinding{found, r.store.Stats().Taken})
	}
	r.tell(false)
	r.summary.Lost += r.out.flush()
}

// tell writes the findings whose time has come, all of them at the end, and
// those that would wait among too many.
func (r *records) tell(ending bool) {
	tooMany := len(r.heard) - keptFindings
	waiting := r.heard[:0]
	for i, h := range r.heard {
		waits := h.after > r.read || slices.ContainsFunc(h.Conns, func(id flow.ConnID) bool { return r.open[id] })
		if waits && !ending && i >= tooMany {
			waiting = append(waiting, h)
			continue
		}
		r.out.write(h.Finding)
		r.summary.Findings++
	}
	clear(r.heard[len(waiting):])
	r.heard = waiting
}

func (r *records) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(true)
	r.summary.Lost += r.out.flush()
	if r.whole {
		r.summary.ElapsedMS = float64(time.Since(r.started)) / float64(time.Millisecond)
		r.out.write(r.summary)
	}
	r.summary.Lost += r.out.close()
}
