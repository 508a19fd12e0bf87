package dissect

import "sync"

// backlog bounds the records that workers made and that were not given out. It
// is safe for concurrent use.
type backlog struct {
	mu    sync.Mutex
	fewer sync.Cond
	bytes int
	given int // loads whose records were given out
}

const (
	// backlogBytes is what may wait when a worker begins a load.
	backlogBytes = 16 << 20
	// loadBytes is what the exchanges of one load may take that one worker
	// makes. Ordinary traffic makes less than a tenth of it; of more the header
	// fields are left out.
	loadBytes = 16 << 20
	// outputCost is an output besides its exchange's own size.
	outputCost = 768
)

func newBacklog() *backlog {
	b := &backlog{}
	b.fewer.L = &b.mu
	return b
}

// wait returns when a worker may begin a load, the first of which is 0. The one
// that is to be given out next never waits.
func (b *backlog) wait(load int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.bytes > backlogBytes && b.given < load {
		b.fewer.Wait()
	}
}

func (b *backlog) add(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += bytes
}

// gave tells that the next load was given out.
func (b *backlog) gave(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= bytes
	b.given++
	b.fewer.Broadcast()
}
