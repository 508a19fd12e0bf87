package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/flow"
)

var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// door records into a store as the door does.
type door struct {
	*flow.Recorder
	store *Store
}

func newDoor(size int64) door {
	s := New(size)
	return door{flow.NewRecorder(s), s}
}

func (d door) open(parent flow.ConnID) *flow.Log {
	return d.Open(start, flow.Opening{Source: "live", Self: flow.Server, Parent: parent})
}

// exchange records one exchange and publishes it.
func (d door) exchange(log *flow.Log, parent flow.ExchangeID, padding int) flow.ExchangeID {
	x := d.NextExchange()
	log.Add(flow.Event{At: start, Kind: flow.Request, Exchange: x, Parent: parent, Text: "GET /", Header: []byte("A: " + strings.Repeat("a", padding) + "\r\n")})
	log.Add(flow.Event{At: start, Kind: flow.Response, Exchange: x, Status: 200})
	log.Flush()
	return x
}

func TestTraceGivesBackWhatWasTaken(t *testing.T) {
	d := newDoor(0)
	d.Fact(flow.Event{At: start, Kind: flow.BindFailed, Text: "127.0.0.2:443"})
	one, two := d.open(0), d.open(0)
	d.exchange(one, 0, 10)
	d.exchange(two, 0, 10)
	d.exchange(one, 0, 10)
	got := d.store.Trace(one.ID())
	if len(got.Conns) != 1 || got.Conns[0].ID != one.ID() {
		t.Fatalf("connections: got %v, want only %v", got.Conns, one.ID())
	}
	if n := len(got.Conns[0].Exchanges); n != 2 {
		t.Errorf("exchanges: got %d, want 2", n)
	}
	if n := len(got.Conns[0].Events); n != 5 {
		t.Errorf("events: got %d, want 5 (the first batch is kept twice and must count once)", n)
	}
	if len(got.Facts) != 1 || got.Facts[0].Text != "127.0.0.2:443" {
		t.Errorf("facts: got %v", got.Facts)
	}
	if got := d.store.Trace(99); len(got.Conns) != 0 {
		t.Errorf("an unknown connection: got %v", got.Conns)
	}
}

func TestTraceSurvivesOverwriting(t *testing.T) {
	d := newDoor(leastSize)
	log := d.open(0)
	d.exchange(log, 0, 1000)
	before := d.store.Trace(log.ID()).String()
	trace := d.store.Trace(log.ID())
	other := d.open(0)
	for range 2 * leastSize / 1000 {
		d.exchange(other, 0, 1000)
	}
	if diff := cmp.Diff(before, trace.String()); diff != "" {
		t.Errorf("a trace changed while the store went on (-want +got):\n%s", diff)
	}
}

func TestLongConnectionKeepsItsBeginning(t *testing.T) {
	d := newDoor(leastSize)
	log := d.open(0)
	n := 2 * leastSize / 1000
	for range n {
		d.exchange(log, 0, 1000)
	}
	stats := d.store.Stats()
	if stats.Overwritten == 0 || stats.Batches+stats.Overwritten != int64(n) {
		t.Fatalf("stats: got %+v, want %d batches, some of them overwritten", stats, n)
	}
	if stats.Bytes > stats.Size || stats.Size > leastSize {
		t.Errorf("stats: got %+v, more than %d bytes", stats, leastSize)
	}
	c := d.store.Trace(log.ID()).Conns[0]
	if c.Source != "live" || c.Started != start {
		t.Errorf("the opening is lost: got %+v", c)
	}
	if len(c.Exchanges) >= n {
		t.Errorf("exchanges: got all %d", len(c.Exchanges))
	}
	if last := c.Exchanges[len(c.Exchanges)-1].ID; last != flow.ExchangeID(n) {
		t.Errorf("last exchange: got %v, want x%d", last, n)
	}
}

func TestRecent(t *testing.T) {
	d := newDoor(0)
	d.Fact(flow.Event{Kind: flow.SiteState})
	logs := []*flow.Log{nil, d.open(0), d.open(0), d.open(0)}
	for _, i := range []int{1, 2, 3, 1, 1} {
		d.exchange(logs[i], 0, 1)
	}
	for _, test := range []struct {
		limit int
		want  []flow.ConnID
	}{{10, []flow.ConnID{1, 3, 2}}, {2, []flow.ConnID{1, 3}}, {0, nil}} {
		if got := d.store.Recent(test.limit); !slices.Equal(got, test.want) {
			t.Errorf("limit %d: got %v, want %v", test.limit, got, test.want)
		}
	}
}

func TestRelated(t *testing.T) {
	d := newDoor(0)
	client, origin, pooled, stranger := d.open(0), (*flow.Log)(nil), d.open(0), d.open(0)
	x := d.exchange(client, 0, 1)
	origin = d.open(client.ID())
	d.exchange(origin, 0, 1)
	d.exchange(pooled, x, 1)
	y := d.exchange(stranger, 0, 1)
	d.exchange(pooled, y, 1)
	for _, test := range []struct {
		of   *flow.Log
		want []flow.ConnID
	}{
		{client, []flow.ConnID{client.ID(), pooled.ID(), origin.ID()}},
		{origin, []flow.ConnID{origin.ID(), client.ID()}},
		{pooled, []flow.ConnID{pooled.ID(), client.ID(), stranger.ID()}},
		{stranger, []flow.ConnID{stranger.ID(), pooled.ID()}},
	} {
		got := d.store.Related(test.of.ID())
		if got[0] != test.of.ID() {
			t.Errorf("%v: got %v, want itself first", test.of.ID(), got)
		}
		slices.Sort(got)
		slices.Sort(test.want)
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.of.ID(), got, test.want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	d := newDoor(leastSize)
	f := d.store.Follow()
	d.store.Take(1, false, make(flow.Batch, leastSize))
	if got := d.store.Stats(); got.TooLarge != 1 || got.Batches != 0 || got.Taken != 1 {
		t.Errorf("stats: got %+v", got)
	}
	if entries, lost, err := f.Next(t.Context()); len(entries) != 0 || lost != 1 || err != nil {
		t.Errorf("follower: got %v, %d lost, %v", entries, lost, err)
	}
}

func TestBeforeAndFollowerMeet(t *testing.T) {
	d := newDoor(0)
	log := d.open(0)
	d.exchange(log, 0, 1)
	d.exchange(log, 0, 1)
	f := d.store.Follow()
	d.exchange(log, 0, 1)
	entries, _, err := f.Next(t.Context())
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v", entries, err)
	}
	var events []flow.Event
	d.store.Each(entries[0].Seq, []flow.ConnID{log.ID()}, func(e Entry) {
		events = slices.AppendSeq(events, slices.Clone(e.Batch).Events)
	})
	events = slices.AppendSeq(events, entries[0].Batch.Events)
	if diff := cmp.Diff(d.store.Trace(log.ID()).String(), flow.Fold(events).String()); diff != "" {
		t.Errorf("what came before and what was followed (-whole +parts):\n%s", diff)
	}
}

func TestFactsStay(t *testing.T) {
	d := newDoor(leastSize)
	for i := range maxFacts + 3 {
		d.Fact(flow.Event{Kind: flow.SiteState, Text: fmt.Sprint(i)})
	}
	facts := d.store.Trace().Facts
	if len(facts) != maxFacts || facts[0].Text != "3" {
		t.Errorf("got %d facts, the first %q; want %d, the first \"3\"", len(facts), facts[0].Text, maxFacts)
	}
}

func TestFollowerWaitsAndGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(0)
		log := d.open(0)
		d.exchange(log, 0, 1)
		f := d.store.Follow()
		go func() {
			for range 3 {
				time.Sleep(gather / 4)
				d.exchange(log, 0, 1)
			}
		}()
		entries, lost, err := f.Next(t.Context())
		if len(entries) != 3 || lost != 0 || err != nil {
			t.Errorf("got %d entries, %d lost, %v; want the 3 after Follow in one go", len(entries), lost, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, _, err := f.Next(ctx); err != context.DeadlineExceeded {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestSlowFollowerIsTold(t *testing.T) {
	d := newDoor(leastSize)
	log := d.open(0)
	f := d.store.Follow()
	n := 3 * leastSize / 1000
	for range n {
		d.exchange(log, 0, 1000)
	}
	var got, lost int64
	for got+lost < int64(n) {
		entries, missed, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, lost = got+int64(len(entries)), lost+missed
	}
	if stats := d.store.Stats(); got != stats.Batches || lost != stats.Overwritten {
		t.Errorf("got %d and lost %d, the store has %+v", got, lost, stats)
	}
}

// TestPinnedSegmentIsNotOverwritten holds a segment while the ring goes round.
func TestPinnedSegmentIsNotOverwritten(t *testing.T) {
	d := newDoor(leastSize)
	log := d.open(0)
	d.exchange(log, 0, 1000)
	s := d.store
	for round := range 3 {
		v, _ := s.pin(&s.all, 0)
		before := string(v.data)
		for range 2 * leastSize / 1000 {
			d.exchange(log, 0, 1000)
		}
		if string(v.data) != before {
			t.Fatalf("round %d: a pinned segment changed", round)
		}
		s.unpin(&s.all, v)
		if len(s.all.spare) != 1 {
			t.Fatalf("round %d: %d spare segments, want the one that was pinned", round, len(s.all.spare))
		}
	}
}

// TestConcurrent runs writers, readers and followers against each other; each
// follower must account for every batch.
func TestConcurrent(t *testing.T) {
	d := newDoor(leastSize)
	const writers, each = 4, 2000
	var writing, reading sync.WaitGroup
	for range 2 {
		f := d.store.Follow()
		reading.Go(func() {
			for seen := int64(0); seen < writers*each; {
				entries, lost, err := f.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range entries {
					if e.Conn == 0 || len(slices.Collect(e.Batch.Events)) < 2 {
						t.Errorf("entry of %v: %d bytes do not decode", e.Conn, len(e.Batch))
					}
				}
				seen += int64(len(entries)) + lost
			}
		})
	}
	for range writers {
		writing.Go(func() {
			log := d.open(0)
			for range each {
				d.exchange(log, 0, 500)
			}
		})
	}
	done := make(chan struct{})
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			ids := d.store.Recent(3)
			d.store.Trace(d.store.Related(ids...)...)
			d.store.Stats()
		}
	})
	writing.Wait()
	close(done)
	reading.Wait()
}

func TestTakeDoesNotAllocate(t *testing.T) {
	d := newDoor(leastSize)
	b := make(flow.Batch, 1000)
	if n := testing.AllocsPerRun(5000, func() { d.store.Take(1, false, b) }); n != 0 {
		t.Errorf("got %v allocations for each batch", n)
	}
}

func BenchmarkTake(b *testing.B) {
	s := New(64 << 20)
	batch := make(flow.Batch, 1000)
	b.ReportAllocs()
	for b.Loop() {
		s.Take(1, false, batch)
	}
}

func BenchmarkTakeFollowed(b *testing.B) {
	s := New(64 << 20)
	f := s.Follow()
	go func() {
		for {
			if _, _, err := f.Next(b.Context()); err != nil {
				return
			}
		}
	}()
	batch := make(flow.Batch, 1000)
	for b.Loop() {
		s.Take(1, false, batch)
	}
}

func fill(b *testing.B) (*Store, flow.ConnID) {
	d := newDoor(64 << 20)
	log := d.open(0)
	for range 60_000 {
		d.exchange(log, 0, 900)
	}
	last := d.open(0)
	d.exchange(last, 0, 900)
	return d.store, last.ID()
}

func BenchmarkTrace(b *testing.B) {
	s, id := fill(b)
	for b.Loop() {
		s.Trace(id)
	}
}

func BenchmarkRelated(b *testing.B) {
	s, id := fill(b)
	for b.Loop() {
		s.Related(id)
	}
}

// TestFollowNotable overwrites the store with plain batches, which a follower
// of notable ones neither gets nor misses.
func TestFollowNotable(t *testing.T) {
	s := New(leastSize)
	f := s.FollowNotable()
	plain := make(flow.Batch, 16<<10)
	for range 3 * leastSize / len(plain) {
		s.Take(1, false, plain)
	}
	if entries, lost := f.read(); len(entries) != 0 || lost != 0 {
		t.Errorf("plain batches only: %d entries, %d lost", len(entries), lost)
	}
	s.Take(2, true, plain)
	s.Take(1, false, plain)
	if entries, lost := f.read(); len(entries) != 1 || entries[0].Conn != 2 || lost != 0 {
		t.Errorf("one that is notable: %d entries, %d lost", len(entries), lost)
	}
	s.Take(2, true, make(flow.Batch, 2*leastSize)) // is never kept
	s.Take(1, false, plain)
	if entries, lost := f.read(); len(entries) != 0 || lost != 1 {
		t.Errorf("one that was dropped: %d entries, %d lost", len(entries), lost)
	}
}
