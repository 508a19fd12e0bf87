package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// findings explains what the store tells is notable, off the traffic's path.
// A finding is derived from the record and forgotten with it.
type findings struct {
	store    *store.Store
	follower *store.Follower // of run alone
	rules    []explain.Rule
	mask     flow.Mask // of what is explained: a finding may quote it
	log      *slog.Logger

	mu     sync.Mutex
	recent []explain.Finding // oldest first
	counts map[kind]int64    // findings since the start
	lost   int64             // batches that came faster than they were read

	// heard are told of every finding; known: it was there before, and is told as
	// it is known now. Set before the first one.
	heard []func(found explain.Finding, known bool)
}

// kind is what findings are counted by; the rules bound how many there are.
type kind struct {
	id       string
	severity explain.Severity
}

const (
	keptFindings = 500
	window       = 64 // notable connections looked at together
	settle       = 200 * time.Millisecond
	storyBatches = 24               // looked at of each connection
	storyScan    = 8 << 20          // bytes of the store looked through
	beside       = 40               // further connections, to compare with
	share        = 50               // explaining takes at most one part in so many of a core
	atOnce       = time.Millisecond // of it, before the door's turn comes
)

func newFindings(s *store.Store, mask flow.Mask, log *slog.Logger) *findings {
	f := &findings{store: s, rules: rules.All(), mask: mask, log: log, counts: map[kind]int64{}}
	if s != nil {
		f.follower = s.FollowNotable() // now: what happens at the start must not be missed
	}
	return f
}

// Of explains a trace. A rule that panics costs the findings of this trace, and
// not the door.
func (f *findings) Of(t *flow.Trace) []explain.Finding { return f.of(t, func() {}) }

func (f *findings) of(t *flow.Trace, rest func()) (found []explain.Finding) {
	defer func() {
		if value := recover(); value != nil {
			found = nil
			f.log.Error("a rule panicked: please report it", "panic", value, "stack", string(debug.Stack()))
		}
	}()
	return explain.RunPausing(f.rules, t, rest)
}

// Recent gives the kept findings, newest first.
func (f *findings) Recent() []explain.Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.recent)
	slices.Reverse(out)
	return out
}

// Counts gives the number of findings by kind, and of batches lost to a slow
// reading.
func (f *findings) Counts() (by map[kind]int64, lost int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts), f.lost
}

// run follows the store until ctx ends, and then looks at the rest. Notable
// connections are gathered for a moment, and looked at together with those just
// before them: some causes show only over several connections.
func (f *findings) run(ctx context.Context) {
	if f.store == nil {
		return
	}
	follower := f.follower
	var recent []flow.ConnID
	for {
		entries, lost, err := follower.Next(ctx)
		recent = gather(recent, entries)
		f.mu.Lock()
		f.lost += lost
		f.mu.Unlock()
		if err != nil || !pause(ctx, settle) { // the other leg's record comes a moment later
			f.rest(follower, recent)
			return
		}
		spread := newSpread(ctx)
		if aboutConns(entries) {
			f.look(recent, spread.rest)
		} else {
			f.look(nil, spread.rest) // a fact alone sheds no new light on connections
		}
		spread.rest()
	}
}

// rest looks at what nobody waits for any more; ctx of run has ended.
func (f *findings) rest(follower *store.Follower, recent []flow.ConnID) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		entries, _, err := follower.Next(over)
		recent = gather(recent, entries)
		if err != nil {
			break
		}
	}
	f.look(recent, func() {})
}

// spread makes long work take a small part of a core at any time: bursts of it
// would show in the times of requests.
type spread struct {
	ctx   context.Context
	began time.Time // of the work since the last rest
}

func newSpread(ctx context.Context) *spread { return &spread{ctx, time.Now()} }

func (s *spread) rest() {
	worked := time.Since(s.began)
	if worked < atOnce {
		return
	}
	pause(s.ctx, share*worked)
	s.began = time.Now()
}

// pause waits and reports whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func aboutConns(entries []store.Entry) bool {
	return slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Conn != 0 })
}

func gather(recent []flow.ConnID, entries []store.Entry) []flow.ConnID {
	for _, e := range entries {
		if e.Conn == 0 {
			continue
		}
		if i := slices.Index(recent, e.Conn); i >= 0 {
			recent = slices.Delete(recent, i, i+1)
		}
		recent = append(recent, e.Conn)
	}
	if len(recent) > window {
		recent = slices.Delete(recent, 0, len(recent)-window)
	}
	return recent
}

func (f *findings) look(ids []flow.ConnID, rest func()) {
	var near []flow.ConnID
	if len(ids) > 0 {
		near = f.store.Near(ids, beside)
		rest()
	}
	t := f.store.Story(store.Focus{Conns: ids, Beside: near, Batches: storyBatches, Scan: storyScan, Pause: rest})
	rest()
	for i, c := range t.Conns {
		t.Conns[i] = f.mask.Conn(c)
	}
	for _, found := range f.of(t, rest) {
		if !found.Undecided && concerns(found, ids) {
			f.keep(found)
		}
	}
}

// concerns tells that a finding is about one of the notable connections, not
// only about those they were compared with, or about none.
func concerns(found explain.Finding, ids []flow.ConnID) bool {
	return len(found.Conns) == 0 || slices.ContainsFunc(found.Conns, func(id flow.ConnID) bool { return slices.Contains(ids, id) })
}

// keep adds a finding that is new; one that was known is replaced by what is
// known of it now.
func (f *findings) keep(found explain.Finding) {
	known := f.remember(found)
	for _, tell := range f.heard {
		tell(found, known)
	}
}

func (f *findings) remember(found explain.Finding) (known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := keyOf(found)
	if i := slices.IndexFunc(f.recent, func(old explain.Finding) bool { return keyOf(old) == key }); i >= 0 {
		f.recent[i] = found
		return true
	}
	f.recent = append(f.recent, found)
	f.counts[kind{found.ID, found.Severity}]++
	if len(f.recent) > keptFindings {
		f.recent = slices.Delete(f.recent, 0, len(f.recent)-keptFindings)
	}
	return false
}

// keyOf tells findings apart: by cause and by the first exchange or connection
// they are about. A finding that grows stays the same finding.
func keyOf(found explain.Finding) string {
	switch {
	case len(found.Exchanges) > 0:
		return fmt.Sprint(found.ID, found.Exchanges[0])
	case len(found.Conns) > 0:
		return fmt.Sprint(found.ID, found.Conns[0])
	case len(found.Evidence) > 0:
		return found.ID + found.Evidence[0].Text
	}
	return found.ID + found.Cause
}
