package dissect

import "sync"

// backlog bounds the records that workers made and that were not emitted. It
// is safe for concurrent use.
type backlog struct {
	mu    sync.Mutex
	fewer sync.Cond
	bytes int
	next  int // the batch whose records are emitted next
}

const (
	// backlogBytes is what may wait when a worker begins a batch.
	backlogBytes = 16 << 20
	// batchBytes is what the exchanges of one batch may take that one worker
	// makes. Ordinary traffic makes less than a tenth of it; of more the header
	// fields are left out.
	batchBytes = 16 << 20
	// outputCost is an output besides its exchange's own size.
	outputCost = 768
)

func newBacklog() *backlog {
	b := &backlog{}
	b.fewer.L = &b.mu
	return b
}

// wait returns when a worker may begin a batch, the first of which is 0. The one
// that is to be emitted next never waits.
func (b *backlog) wait(batch int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.bytes > backlogBytes && b.next < batch {
		b.fewer.Wait()
	}
}

func (b *backlog) add(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += bytes
}

// emitted tells that the records of the next batch were emitted.
func (b *backlog) emitted(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= bytes
	b.next++
	b.fewer.Broadcast()
}
