package dissect

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/pcap"
	"fanlight/internal/reassembly"
	"fanlight/internal/tlswire"
)

// Source gives packets in batches: a pcap.Reader, a pcap.Source, a live handle.
type Source interface {
	// NextBatch fills a batch with at least one packet, io.EOF at the end.
	NextBatch(*pcap.Batch) error
}

// Options of an analysis.
type Options struct {
	Source  string        // provenance of the records: the file's name
	Sources []string      // of several files, by Packet.File: a record is from the one it begins in
	Keys    *tlswire.Keys // may grow while it runs; nil: none
	Hash    bool          // hashes of bodies are wanted
	Hold    int           // bytes of a connection that wait for keys that come late
	Workers int           // 0: one for each CPU
	// Exchange is called for each exchange when it is over, with what is known of
	// its connection by then (without events); Conn for each connection after
	// its exchanges; in the order of the packets that ended them, from one
	// goroutine. What they are given is theirs.
	Exchange func(*flow.Conn, *flow.Exchange)
	Conn     func(*flow.Conn)
	// Body is a body that is wanted; nil: none.
	Body *Body
	// RequestBodies is how many bytes of the body of each request are given with
	// its exchange, and kept until then; 0: none.
	RequestBodies int
	// Places makes Place work, at the price of memory for each exchange.
	Places bool
	// Live says that packets come as they happen: what is over is given out
	// although no packet follows.
	Live bool
	// Read is told of each batch before it is analysed, from one goroutine; the
	// source may be at a later one by then. One without packets is the end of the
	// source. May be nil.
	Read func(*pcap.Batch)
}

// Place is where an exchange is in a capture, by which a further run finds it.
type Place struct{ conn, number int }

// Body asks for the body of one exchange, without transfer coding, as it passes.
type Body struct {
	Of      Place
	Request bool // that of the request instead of the response's
	To      io.Writer
}

// Counts are of a whole capture.
type Counts struct {
	Packets int
	Bytes   int64          // on the wire
	Other   int            // packets that are neither TCP nor QUIC nor DNS
	Skipped map[string]int // packets that could not be read, by why
	Evicted int            // connections whose records ended for want of room
	Bared   int            // exchanges given without header fields for want of room
}

func (c *Counts) skip(why string) {
	if c.Skipped == nil {
		c.Skipped = map[string]int{}
	}
	c.Skipped[why]++
}

func (c *Counts) add(o *Counts) {
	c.Other += o.Other
	c.Evicted += o.Evicted
	c.Bared += o.Bared
	for why, n := range o.Skipped {
		if c.Skipped == nil {
			c.Skipped = map[string]int{}
		}
		c.Skipped[why] += n
	}
}

// Analyzer turns packets into records. The packets of a connection go to one
// worker; the records of all are put into the order of the packets again, so
// that the output does not depend on the number of workers.
type Analyzer struct {
	opts    Options
	budget  *reassembly.Budget
	backlog *backlog
	workers []*worker
	counts  Counts
	ended   int64 // time of the last packet; the reader's until the workers flush

	places       map[flow.ExchangeID]Place // the collector's, like the rest
	lookups      *lookups
	nextConn     flow.ConnID
	nextExchange flow.ExchangeID
}

// New makes an analyzer for one run.
func New(opts Options) *Analyzer {
	if opts.Workers == 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	if opts.Keys == nil {
		opts.Keys = &tlswire.Keys{}
	}
	a := &Analyzer{opts: opts, backlog: newBacklog(), budget: reassembly.NewBudget(reassembly.Limits{}), places: map[flow.ExchangeID]Place{}, lookups: newLookups()}
	for range opts.Workers {
		a.workers = append(a.workers, newWorker(a))
	}
	return a
}

// batch is a batch of packets on its way through the workers.
type batch struct {
	packets pcap.Batch
	shards  [][]int32  // by worker, indexes of packets
	out     [][]output // by worker
	size    []int      // of out, in bytes of memory, about
	index   int
	pending sync.WaitGroup // workers that have not done their shard
	last    bool           // no packets: the workers end
	now     int64          // no packets: it is this time; 0 otherwise
}

// batchesInFlight bounds what is read ahead of the workers.
const batchesInFlight = 6

// Run analyses the source to its end, which is no error; one of the source is
// returned after what it gave was analysed. When ctx ends, the rest is not read,
// and its error returned; a call of NextBatch may then go on in the source, which
// must be left alone.
func (a *Analyzer) Run(ctx context.Context, src Source) (Counts, error) {
	free := make(chan *batch, batchesInFlight)
	for range batchesInFlight {
		free <- a.newBatch()
	}
	queues := make([]chan *batch, len(a.workers))
	var working sync.WaitGroup
	for i, w := range a.workers {
		queues[i] = make(chan *batch, batchesInFlight)
		working.Go(func() { w.run(i, queues[i]) })
	}
	ordered := make(chan *batch, batchesInFlight)
	var collecting sync.WaitGroup
	collecting.Go(func() { a.collect(ordered, free) })
	batches := 0
	dispatch := func(b *batch) {
		b.index = batches
		batches++
		b.pending.Add(len(a.workers))
		ordered <- b
		for _, q := range queues {
			q <- b
		}
	}
	err := a.read(ctx, src, free, dispatch)
	final := <-free
	final.clear()
	final.last = true
	dispatch(final)
	close(ordered)
	for _, q := range queues {
		close(q)
	}
	working.Wait()
	collecting.Wait()
	for _, w := range a.workers {
		a.counts.add(&w.counts)
	}
	return a.counts, err
}

func (a *Analyzer) newBatch() *batch {
	return &batch{shards: make([][]int32, len(a.workers)), out: make([][]output, len(a.workers)), size: make([]int, len(a.workers))}
}

func (b *batch) clear() {
	for i := range b.shards {
		b.shards[i], b.out[i] = b.shards[i][:0], b.out[i][:0]
	}
	b.now = 0
}

func (a *Analyzer) read(ctx context.Context, src Source, free <-chan *batch, dispatch func(*batch)) error {
	filled := make(chan filled)
	go a.fill(ctx, src, free, filled)
	ticks, stop := a.ticks()
	defer stop()
	for ctx.Err() == nil {
		select {
		case now := <-ticks:
			select {
			case b := <-free:
				b.clear()
				b.packets.Packets, b.now = b.packets.Packets[:0], now.Add(-tickLag).UnixNano()
				dispatch(b)
			default: // there is enough to do
			}
		case f := <-filled:
			if a.opts.Read != nil {
				a.opts.Read(&f.batch.packets)
			}
			a.shard(f.batch)
			dispatch(f.batch)
			if errors.Is(f.err, io.EOF) {
				return nil
			}
			if f.err != nil {
				return f.err
			}
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

const (
	// tickEach is how often a live source's silence is noticed.
	tickEach = 250 * time.Millisecond
	// tickLag is how late a packet may be handed over.
	tickLag = 100 * time.Millisecond
)

// ticks tell the time beside a live source, and nothing beside another.
func (a *Analyzer) ticks() (ticks <-chan time.Time, stop func()) {
	if !a.opts.Live {
		return nil, func() {}
	}
	t := time.NewTicker(tickEach)
	return t.C, t.Stop
}

// filled is a batch with packets, or with the error there is instead.
type filled struct {
	batch *batch
	err   error
}

// fill reads the source until it ends or ctx does. It is a goroutine of its own
// because a source may wait for packets that never come.
func (a *Analyzer) fill(ctx context.Context, src Source, free <-chan *batch, to chan<- filled) {
	var err error
	for err == nil && ctx.Err() == nil {
		b := <-free
		b.clear()
		if err = src.NextBatch(&b.packets); err != nil {
			b.packets.Packets = b.packets.Packets[:0]
		}
		select {
		case to <- filled{b, err}:
		case <-ctx.Done():
		}
	}
}

// shard divides the packets among the workers.
func (a *Analyzer) shard(b *batch) {
	n := uint32(len(a.workers))
	for i := range b.packets.Packets {
		p := &b.packets.Packets[i]
		a.counts.Packets++
		a.counts.Bytes += int64(p.Length)
		if p.HasTime {
			a.ended = max(a.ended, p.Time)
		}
		to := uint32(0)
		if n > 1 {
			if hash, ok := packet.QuickKey(uint16(p.Link), p.Data); ok {
				to = hash % n
			}
		}
		b.shards[to] = append(b.shards[to], int32(i))
	}
}

func (w *worker) run(i int, queue <-chan *batch) {
	for b := range queue {
		w.a.backlog.wait(b.index)
		w.out, w.made = b.out[i], 0
		for _, p := range b.shards[i] {
			w.packet(&b.packets.Packets[p])
		}
		if n := len(b.packets.Packets); n > 0 && !b.last {
			w.at.Store(int64(b.packets.Packets[n-1].Number) + 1)
		}
		if b.now != 0 {
			w.now = max(w.now, b.now)
			w.tidy()
		}
		if b.last {
			w.at.Store(math.MaxInt64)
			w.flush()
		}
		b.out[i], b.size[i] = w.out, w.made
		w.a.backlog.add(w.made)
		b.pending.Done()
	}
}

// collect emits the records, in order.
func (a *Analyzer) collect(ordered <-chan *batch, free chan<- *batch) {
	var all []output
	j := newJoiner(a.emit)
	for b := range ordered {
		b.pending.Wait()
		all = all[:0]
		for i := range b.out {
			all = append(all, b.out[i]...)
			clear(b.out[i])
		}
		slices.SortStableFunc(all, func(x, y output) int {
			return cmp.Or(cmp.Compare(x.packet, y.packet), cmp.Compare(x.ids.first, y.ids.first))
		})
		for i := range all {
			o := all[i]
			if o.led != nil {
				o.ids.lookups = a.lookups.leading(*o.led)
				continue
			}
			a.name(&o)
			if o.asking != nil {
				a.lookups.note(o.asking, o.ids.conn)
				continue
			}
			j.add(&o)
		}
		clear(all)
		if n := len(b.packets.Packets); n > 0 {
			j.passed(b.packets.Packets[n-1].Time)
		}
		if b.now != 0 {
			j.passed(b.now)
		}
		size := 0
		for _, n := range b.size {
			size += n
		}
		a.backlog.emitted(size)
		free <- b
	}
	j.release(len(j.held))
}

// name gives a record its ids in the output.
func (a *Analyzer) name(o *output) {
	if o.ids.conn == 0 {
		a.nextConn++
		o.ids.conn = a.nextConn
	}
	if o.conn != nil {
		o.conn.ID = o.ids.conn
	}
	if x := o.exchange; x != nil {
		x.Conn, x.ID = o.ids.conn, a.newExchangeID(o.ids, o.number)
		if a.opts.Places {
			a.places[x.ID] = Place{o.ids.first, o.number}
		}
	}
}

// Place tells, after a run with Options.Places, where an exchange is.
func (a *Analyzer) Place(id flow.ExchangeID) (p Place, found bool) {
	p, found = a.places[id]
	return p, found
}

// emit hands a record to who asked for the analysis.
func (a *Analyzer) emit(o *output) {
	o.conn.Parent = o.ids.parent
	if x := o.exchange; x != nil {
		if x.Parent != 0 {
			if len(o.ids.joined) == keptEvents { // more than the exchanges of a connection's record
				o.ids.joined = slices.Delete(o.ids.joined, 0, keptEvents/2)
			}
			o.ids.joined = append(o.ids.joined, joined{x.ID, x.Parent, x.Joined})
		}
		if a.opts.Exchange != nil {
			a.opts.Exchange(o.conn, x)
		}
		return
	}
	a.rename(o.conn, o.ids)
	tellLookup(o.conn, o.ids.lookups)
	if a.opts.Conn != nil {
		a.opts.Conn(o.conn)
	}
}

// rename gives the exchanges in a connection's record the names and parents
// they have in the output.
func (a *Analyzer) rename(c *flow.Conn, ids *identity) {
	for _, x := range c.Exchanges {
		x.Conn, x.ID = c.ID, a.exchangeID(ids, int(x.ID))
		for _, j := range ids.joined {
			if j.id == x.ID {
				x.Parent, x.Joined = j.parent, j.how
			}
		}
	}
	for i := range c.Events {
		e := &c.Events[i]
		e.Conn = c.ID
		if e.Exchange != 0 {
			e.Exchange = a.exchangeID(ids, int(e.Exchange))
		}
	}
}

// exchangeID gives the name in the output that an exchange of a connection has,
// or gets now: those in its record, and of its last events, are known.
func (a *Analyzer) exchangeID(ids *identity, number int) flow.ExchangeID {
	for i := len(ids.exchanges) - 1; i >= 0; i-- {
		if ids.exchanges[i].number == number {
			return ids.exchanges[i].id
		}
	}
	return a.newExchangeID(ids, number)
}

// knownNames is how many exchanges of a connection are remembered by name, more
// than its record and its last events can name that were emitted.
const knownNames = 4 * keptEvents

// newExchangeID names an exchange that has no name.
func (a *Analyzer) newExchangeID(ids *identity, number int) flow.ExchangeID {
	a.nextExchange++
	if len(ids.exchanges) >= 2*knownNames {
		ids.exchanges = slices.Delete(ids.exchanges, 0, knownNames)
	}
	ids.exchanges = append(ids.exchanges, named{number, a.nextExchange})
	return a.nextExchange
}
