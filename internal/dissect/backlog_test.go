package dissect

import (
	"strings"
	"testing"
	"testing/synctest"

	"fanlight/internal/flow"
)

// A worker waits while much was made that was not emitted, but never for the
// batch that is to be emitted next: that is the way out.
func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog()
		b.wait(3) // nothing was made
		b.add(backlogBytes + 1)
		b.wait(0)
		began := false
		go func() {
			b.wait(1)
			began = true
		}()
		synctest.Wait()
		if began {
			t.Error("a batch began while too much waited")
		}
		b.emitted(0)
		synctest.Wait()
		if !began {
			t.Error("the batch that is to be emitted next did not begin")
		}
	})
}

// What waits for the other leg of a proxy is bounded in bytes.
func TestJoinerIsBounded(t *testing.T) {
	emitted := 0
	j := newJoiner(func(*output) { emitted++ })
	for range 100 {
		j.add(&output{size: 1 << 20, ids: &identity{}, exchange: &flow.Exchange{Method: "GET", Target: "/"}})
	}
	if len(j.held) != holdBytes>>20 || emitted != 100-len(j.held) {
		t.Errorf("%d are held, %d were emitted", len(j.held), emitted)
	}
	j.release(len(j.held))
	if j.size != 0 || emitted != 100 || len(j.asks) != 0 {
		t.Errorf("at the end %d bytes are counted, %d were emitted, %d targets known", j.size, emitted, len(j.asks))
	}
}

// Heads that come to far more than the packets they were in are left out of
// what is emitted, and counted.
func TestBatchIsBounded(t *testing.T) {
	c := &conn{w: newWorker(New(Options{Workers: 1})), rec: &flow.Conn{}, ids: &identity{}}
	header := []flow.Field{{Name: "X", Value: strings.Repeat("v", 1<<20)}}
	for range 100 {
		c.w.exchange(c, &flow.Exchange{RequestHeader: header})
	}
	with := 0
	for _, o := range c.w.out {
		with += len(o.exchange.RequestHeader)
	}
	if c.w.counts.Bared != 100-with || with > batchBytes>>20+1 {
		t.Errorf("%d of 100 have their header, %d are counted", with, c.w.counts.Bared)
	}
}
