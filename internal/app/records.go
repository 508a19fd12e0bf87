package app

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// records writes ended exchanges and connections, and findings, as the JSON
// lines of the contract.
type records struct {
	mu   sync.Mutex
	w    *bufio.Writer
	f    io.Closer // nil: not ours to close
	mask flow.Mask
	conn bool // connections and findings too, not only exchanges
	lost int64
}

// startRecords opens the access log and the record file.
func (a *App) startRecords() error {
	if a.store == nil {
		return nil
	}
	mask := flow.NewMask(maskKey())
	if a.opts.Secrets {
		mask = nil
	}
	var all []*records
	switch name := a.cfg.AccessLog; name {
	case "off":
	case "", "stdout":
		if a.opts.Access != nil {
			all = append(all, &records{w: bufio.NewWriter(a.opts.Access), mask: mask})
		}
	default:
		r, err := openRecords(a.resolve(name), mask)
		if err != nil {
			return fmt.Errorf("open access log: %w", err)
		}
		all = append(all, r)
	}
	if a.opts.RecordTo != "" {
		r, err := openRecords(a.opts.RecordTo, mask)
		if err != nil {
			return fmt.Errorf("open record file: %w", err)
		}
		r.conn = true
		all = append(all, r)
	}
	for _, r := range all {
		follower := a.store.Follow()
		a.run(func(ctx context.Context) { r.run(ctx, follower) })
	}
	a.findings.heard = func(found explain.Finding) {
		for _, r := range all {
			if r.conn {
				r.write(found)
			}
		}
	}
	return nil
}

func openRecords(path string, mask flow.Mask) (*records, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &records{w: bufio.NewWriter(f), f: f, mask: mask}, nil
}

// maskKey is new at each start: tokens are equal within one run only.
func maskKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return key
}

// foldLimit bounds what is kept of a connection while it is followed.
const foldLimit = 200

func (r *records) run(ctx context.Context, follower *store.Follower) {
	folder := flow.NewFolder(foldLimit)
	ending := false
	for {
		entries, lost, err := follower.Next(ctx)
		r.mu.Lock()
		r.lost += lost
		r.mu.Unlock()
		for _, e := range entries {
			for event := range e.Batch.Events {
				r.fold(folder, event)
			}
		}
		r.flush()
		if err != nil && ending {
			r.close()
			return
		}
		ending = err != nil // once more: what came while the end was told
	}
}

func (r *records) fold(folder *flow.Folder, e flow.Event) {
	c, x := folder.Add(e)
	switch {
	case e.Kind == flow.ExchangeDone && x != nil && (r.conn || c.Self == flow.Server):
		r.write(flow.ExchangeJSON(x, r.mask))
	case c != nil && (e.Kind == flow.Closed || e.Kind == flow.ConnectFailed):
		if r.conn {
			r.write(flow.ConnJSON(c, r.mask))
		}
		folder.Forget(c.ID)
	}
}

// write adds one line; a line that cannot be written is the reader's loss, not
// the door's.
func (r *records) write(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.w.Write(append(line, '\n')) // the next flush reports what the disk says
}

func (r *records) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.w.Flush() // a full disk or a closed pipe must not stop the door
}

func (r *records) close() {
	r.flush()
	if r.f != nil {
		_ = r.f.Close() // everything was flushed
	}
}
