package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

const (
	maxStreams = 16
	tick       = 250 * time.Millisecond // changes of connections are gathered as long
	slowTick   = time.Second            // sites and findings are looked at as often
	heartbeat  = 15 * time.Second
	maxChanges = 200 // connections in one event
)

// stream sends server-sent events until the visitor goes:
//
//	connections  {"items":[summaries],"more":n,"lost":n}: those that changed, at most four times a second
//	sites        {"items":[...]}: all sites, at first and on every change
//	findings     {"items":[...],"new":[keys],"unchanged":n,"gone":[keys]}: all findings, at first and on every change
func (a *api) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		fail(w, http.StatusServiceUnavailable, "too many windows are open")
		return
	}
	unlimited(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	s := &stream{api: a, w: w, control: http.NewResponseController(w), rows: map[flow.ConnID]*row{}}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s.run(ctx, a.follow(ctx))
}

// followed is what a follower gave at once.
type followed struct {
	entries []store.Entry
	lost    int64
}

// follow reads the store until ctx ends; without a store nothing ever comes.
func (a *api) follow(ctx context.Context) <-chan followed {
	out := make(chan followed)
	if a.Store == nil {
		return out
	}
	f := a.Store.Follow()
	go func() {
		for {
			entries, lost, err := f.Next(ctx)
			if err != nil {
				return
			}
			select {
			case out <- followed{entries, lost}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// stream is one visitor's; one goroutine uses it.
type stream struct {
	*api
	w        http.ResponseWriter
	control  *http.ResponseController
	rows     map[flow.ConnID]*row
	lost     int64
	sites    []byte
	findings []byte
	keys     map[string]bool // of the findings
	err      error           // of the first write that failed
}

func (s *stream) run(ctx context.Context, news <-chan followed) {
	fast, slow, beat := time.NewTicker(tick), time.NewTicker(slowTick), time.NewTicker(heartbeat)
	defer fast.Stop()
	defer slow.Stop()
	defer beat.Stop()
	s.sendSites()
	s.sendFindings()
	for s.err == nil {
		select {
		case <-ctx.Done():
			return
		case n := <-news:
			s.take(n)
		case <-fast.C:
			s.sendConnections()
		case <-slow.C:
			s.sendSites()
			s.sendFindings()
		case <-beat.C:
			s.write(": still here\n\n")
		}
	}
}

func (s *stream) sendConnections() {
	items, more := s.changes()
	if len(items) == 0 && s.lost == 0 {
		return
	}
	s.send("connections", map[string]any{"items": items, "more": more, "lost": s.lost})
	s.lost = 0
}

func (s *stream) sendSites() {
	sites, err := json.Marshal(s.Control.Sites())
	if err != nil || bytes.Equal(sites, s.sites) {
		return
	}
	s.sites = sites
	s.send("sites", map[string]any{"items": json.RawMessage(sites)})
}

func (s *stream) sendFindings() {
	items := append([]explain.Finding{}, s.Findings.Recent()...)
	encoded, err := json.Marshal(items)
	if err != nil || bytes.Equal(encoded, s.findings) {
		return
	}
	now := map[string]bool{}
	fresh, gone, unchanged := []string{}, []string{}, 0
	for _, f := range items {
		key := findingKey(f)
		switch {
		case now[key]:
		case s.keys[key]:
			unchanged++
		default:
			fresh = append(fresh, key)
		}
		now[key] = true
	}
	for key := range s.keys {
		if !now[key] {
			gone = append(gone, key)
		}
	}
	s.findings, s.keys = encoded, now
	s.send("findings", map[string]any{"items": json.RawMessage(encoded), "new": fresh, "unchanged": unchanged, "gone": gone})
}

// findingKey tells one finding from another: its id, and the first exchange or
// connection it was found in. One that grows stays the same.
func findingKey(f explain.Finding) string {
	switch {
	case len(f.Exchanges) > 0:
		return f.ID + " " + f.Exchanges[0].String()
	case len(f.Conns) > 0:
		return f.ID + " " + f.Conns[0].String()
	case len(f.Evidence) > 0:
		return f.ID + " " + f.Evidence[0].Text
	}
	return f.ID
}

func (s *stream) send(event string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.err = fmt.Errorf("encode event %s: %w", event, err)
		return
	}
	s.write("event: " + event + "\ndata: " + string(data) + "\n\n")
}

// write gives up on a visitor who does not read.
func (s *stream) write(text string) {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write([]byte(text)); err != nil {
		s.err = err
		return
	}
	s.err = s.control.Flush()
}
