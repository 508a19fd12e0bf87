package store

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"time"
)

// A block is written when it has so many bytes, or is so old.
const (
	maxBlock  = 256 << 10
	blockAge  = 500 * time.Millisecond
	restAfter = 16 << 10 // bytes of a block between two rests
)

// writer is what Run has while it runs.
type writer struct {
	*Disk
	source   *Store
	follower *Follower
	pace     *pace
	digest   *digest
	content  []byte
	batches  int64
	marks    []Mark
	began    time.Time // of the block
	unrested int
	lag      lag
}

// Run writes what the follower of a store is given until ctx ends, and then what
// is left of it. What comes faster than its share of the processors' time can write
// waits in the store; before it is overwritten there, all but what is notable
// is left out and counted as lost.
func (d *Disk) Run(ctx context.Context, source *Store, follower *Follower) {
	runtime.LockOSThread() // its time is measured
	defer runtime.UnlockOSThread()
	w := &writer{Disk: d, source: source, follower: follower, pace: newPace(ctx, d.opts.Share), digest: newDigest()}
	for ctx.Err() == nil {
		w.step(ctx)
	}
	for last := source.Stats().Taken; follower.seq < last; { // and not what comes still: it may come for as long as this takes
		entries, lost := follower.read()
		w.lost.Add(lost)
		w.take(entries)
		if len(entries) == 0 && lost == 0 {
			break
		}
	}
	w.flush()
	w.answer()
}

// step reads what has come, or waits for it until the block is due.
func (w *writer) step(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, blockAge)
	defer cancel()
	entries, lost := w.read(ctx)
	w.lost.Add(lost)
	w.take(entries)
	asked := w.asked()
	if w.due() || asked {
		w.flush()
		w.retain()
	}
	if asked && w.follower.seq >= w.source.Stats().Taken {
		w.answer()
	}
}

// read waits for entries until ctx ends or somebody asks for a flush.
func (w *writer) read(ctx context.Context) ([]Entry, int64) {
	if w.lag.behind(w.follower, w.source) {
		return w.follower.skim()
	}
	select {
	case <-ctx.Done():
	case <-w.nudge:
	case <-w.follower.woken():
		timer := time.NewTimer(gather)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return w.follower.read()
}

// lag tells when a follower has fallen behind.
type lag struct {
	seq uint64
	at  time.Time
}

const mostLag = time.Second / 2

// behind reports whether there is something to read that was taken half a
// second ago.
func (l *lag) behind(f *Follower, s *Store) bool {
	if f.seq >= l.seq {
		l.seq, l.at = s.Stats().Taken, time.Now()
		return false
	}
	return time.Since(l.at) > mostLag
}

func (w *writer) take(entries []Entry) {
	for _, e := range entries {
		w.add(e)
		if w.due() {
			w.flush()
		}
	}
}

func (w *writer) due() bool {
	return len(w.content) >= maxBlock || len(w.content) > 0 && time.Since(w.began) >= blockAge
}

// add puts a batch into the block.
func (w *writer) add(e Entry) {
	if len(w.content) == 0 {
		w.began = time.Now()
		w.digest.begin(w.block + 1)
	}
	if e.Conn != 0 && !opens(e.Batch) && w.digest.conns[e.Conn] == nil {
		if head := w.source.head(e.Conn); head != nil {
			w.put(Entry{Conn: e.Conn, Batch: head})
		}
	}
	w.put(e)
	w.batches++
}

func (w *writer) put(e Entry) {
	b := w.opts.Mask.Batch(e.Batch)
	sort := plainPart
	if e.Notable {
		sort = notablePart
	}
	w.content = appendPart(w.content, part{e.Conn, sort, b})
	w.digest.add(e.Conn, b)
	if w.unrested += len(b); w.unrested >= restAfter {
		w.unrested = 0
		w.pace.rest()
	}
}

// flush writes the block and the marks.
func (w *writer) flush() {
	for _, m := range w.takeMarks() {
		if len(w.content) == 0 {
			w.began = time.Now()
			w.digest.begin(w.block + 1)
		}
		w.marks = append(w.marks, m)
		w.content = appendPart(w.content, m.part())
	}
	if len(w.content) == 0 {
		return
	}
	err := w.write()
	w.note(err)
	if err != nil {
		w.digest.unwritten()
		w.lost.Add(w.batches)
		w.lostMarks.Add(int64(len(w.marks)))
	} else {
		w.written.Add(w.batches)
	}
	w.content, w.batches, w.marks = w.content[:0], 0, nil
	w.pace.rest()
}

func (w *writer) write() error {
	s, err := w.current()
	if err != nil {
		return err
	}
	packed := w.packer.EncodeAll(w.content, nil)
	w.pace.rest()
	block := w.block + 1
	offset, err := s.append(block, packed)
	if err != nil {
		return err
	}
	err = inTx(w.index, func(tx *sql.Tx) error {
		place := placed{block, s.id, offset, s.size - offset}
		if err := writeBlock(tx, place, w.digest, w.marks, w.pace.rest); err != nil {
			return err
		}
		return noteSegment(tx, s.id, s.kept, s.size)
	})
	if err != nil {
		_ = s.retract(offset) // what cannot be is found again at the next start
		return fmt.Errorf("write index: %w", err)
	}
	w.block = block
	return s.file.Sync()
}

// current gives the segment to write to.
func (w *writer) current() (*segmentFile, error) {
	if s := w.segment; s != nil && (s.size >= w.segmentSize() || time.Since(s.made) >= w.segmentAge()) {
		w.segment = nil
		if err := s.close(); err != nil {
			return nil, fmt.Errorf("end segment: %w", err)
		}
	}
	if w.segment == nil {
		s, err := createSegment(w.folder, w.segments+1, false, w.packer)
		if err != nil {
			return nil, err
		}
		w.segments++
		w.segment = s
	}
	return w.segment, nil
}

// segmentSize is such that giving up a segment gives up little of the whole.
func (d *Disk) segmentSize() int64 {
	return min(max(d.opts.Size/32, leastSegment), largestSegment)
}

func (d *Disk) segmentAge() time.Duration { return max(d.opts.Age/32, time.Minute) }

// note keeps what is wrong with writing, and says it once.
func (d *Disk) note(err error) {
	before := d.trouble.Load()
	switch {
	case err == nil && before != nil:
		d.trouble.Store(nil)
		d.opts.Log.Info("records are written again", "folder", d.folder)
	case err != nil:
		text := err.Error()
		d.trouble.Store(&text)
		if before == nil {
			d.opts.Log.Error("cannot write records; the door goes on without", "folder", d.folder, "err", err)
		}
	}
}

// Flush returns when what was recorded before is on disk and can be searched.
func (d *Disk) Flush(ctx context.Context) error {
	done := make(chan struct{})
	d.mu.Lock()
	d.flushes = append(d.flushes, done)
	d.mu.Unlock()
	select {
	case d.nudge <- struct{}{}:
	default:
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Disk) asked() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.flushes) > 0
}

func (d *Disk) answer() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, done := range d.flushes {
		close(done)
	}
	d.flushes = nil
}
