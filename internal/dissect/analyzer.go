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
	// Places makes Place work, at the price of memory for each exchange.
	Places bool
	// Read is told of each batch before it is analysed, from one goroutine; the
	// source may be at a later one by then. May be nil.
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
	Other   int            // packets that are neither TCP nor QUIC
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
	a := &Analyzer{opts: opts, backlog: newBacklog(), budget: reassembly.NewBudget(reassembly.Limits{}), places: map[flow.ExchangeID]Place{}}
	for range opts.Workers {
		a.workers = append(a.workers, newWorker(a))
	}
	return a
}

// load is a batch on its way through the workers.
type load struct {
	batch pcap.Batch
	share [][]int32  // by worker, indexes of packets
	out   [][]output // by worker
	size  []int      // of out, in bytes of memory, about
	index int
	left  sync.WaitGroup
	last  bool // no packets: the workers end
}

// loadsInFlight bounds what is read ahead of the workers.
const loadsInFlight = 6

// Run analyses the source to its end, which is no error; one of the source is
// returned after what it gave was analysed. When ctx ends, the rest is not read,
// and its error returned; a call of NextBatch may then go on in the source, which
// must be left alone.
func (a *Analyzer) Run(ctx context.Context, src Source) (Counts, error) {
	free := make(chan *load, loadsInFlight)
	for range loadsInFlight {
		free <- a.newLoad()
	}
	queues := make([]chan *load, len(a.workers))
	var working sync.WaitGroup
	for i, w := range a.workers {
		queues[i] = make(chan *load, loadsInFlight)
		working.Go(func() { w.run(i, queues[i]) })
	}
	ordered := make(chan *load, loadsInFlight)
	var collecting sync.WaitGroup
	collecting.Go(func() { a.collect(ordered, free) })
	loads := 0
	pass := func(l *load) {
		l.index = loads
		loads++
		l.left.Add(len(a.workers))
		ordered <- l
		for _, q := range queues {
			q <- l
		}
	}
	err := a.read(ctx, src, free, pass)
	final := <-free
	a.clear(final)
	final.last = true
	pass(final)
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

func (a *Analyzer) newLoad() *load {
	return &load{share: make([][]int32, len(a.workers)), out: make([][]output, len(a.workers)), size: make([]int, len(a.workers))}
}

func (a *Analyzer) clear(l *load) {
	for i := range l.share {
		l.share[i], l.out[i] = l.share[i][:0], l.out[i][:0]
	}
}

func (a *Analyzer) read(ctx context.Context, src Source, free <-chan *load, pass func(*load)) error {
	filled := make(chan filled)
	go a.fill(ctx, src, free, filled)
	for ctx.Err() == nil {
		select {
		case f := <-filled:
			if a.opts.Read != nil {
				a.opts.Read(&f.load.batch)
			}
			a.deal(f.load)
			pass(f.load)
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

// filled is a load with packets, or with the error there is instead.
type filled struct {
	load *load
	err  error
}

// fill reads the source until it ends or ctx does. It is a goroutine of its own
// because a source may wait for packets that never come.
func (a *Analyzer) fill(ctx context.Context, src Source, free <-chan *load, to chan<- filled) {
	var err error
	for err == nil && ctx.Err() == nil {
		l := <-free
		a.clear(l)
		if err = src.NextBatch(&l.batch); err != nil {
			l.batch.Packets = l.batch.Packets[:0]
		}
		select {
		case to <- filled{l, err}:
		case <-ctx.Done():
		}
	}
}

// deal gives each worker its packets.
func (a *Analyzer) deal(l *load) {
	n := uint32(len(a.workers))
	for i := range l.batch.Packets {
		p := &l.batch.Packets[i]
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
		l.share[to] = append(l.share[to], int32(i))
	}
}

func (w *worker) run(i int, queue <-chan *load) {
	for l := range queue {
		w.a.backlog.wait(l.index)
		w.out, w.made = l.out[i], 0
		for _, p := range l.share[i] {
			w.packet(&l.batch.Packets[p])
		}
		if n := len(l.batch.Packets); n > 0 && !l.last {
			w.at.Store(int64(l.batch.Packets[n-1].Number) + 1)
		}
		if l.last {
			w.at.Store(math.MaxInt64)
			w.flush()
		}
		l.out[i], l.size[i] = w.out, w.made
		w.a.backlog.add(w.made)
		l.left.Done()
	}
}

// collect gives the records out, in order.
func (a *Analyzer) collect(ordered <-chan *load, free chan<- *load) {
	var all []output
	j := newJoiner(a.give)
	for l := range ordered {
		l.left.Wait()
		all = all[:0]
		for i := range l.out {
			all = append(all, l.out[i]...)
			clear(l.out[i])
		}
		slices.SortStableFunc(all, func(x, y output) int {
			return cmp.Or(cmp.Compare(x.packet, y.packet), cmp.Compare(x.ids.first, y.ids.first))
		})
		for i := range all {
			o := all[i]
			a.name(&o)
			j.add(&o)
		}
		clear(all)
		if n := len(l.batch.Packets); n > 0 {
			j.passed(l.batch.Packets[n-1].Time)
		}
		size := 0
		for _, n := range l.size {
			size += n
		}
		a.backlog.gave(size)
		free <- l
	}
	j.release(len(j.held))
}

// name gives a record its ids in the output.
func (a *Analyzer) name(o *output) {
	if o.ids.conn == 0 {
		a.nextConn++
		o.ids.conn = a.nextConn
	}
	o.conn.ID = o.ids.conn
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

func (a *Analyzer) give(o *output) {
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
// than its record and its last events can name that were given out.
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
