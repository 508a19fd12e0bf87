package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"fanlight/internal/dissect"
	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
	"fanlight/internal/flow"
	"fanlight/internal/pcap"
	"fanlight/internal/query"
	"fanlight/internal/report"
)

// view prints what an analysis gives, and keeps what explaining needs.
type view struct {
	*selection
	s        streams
	out      *bufio.Writer
	print    printer
	progress *progress
	failOn   string
	ladder   bool
	live     bool // what is printed is shown at once

	rules    []explain.Rule
	kept     kept // for the rules, drawing and -w
	keeping  bool
	waiting  map[flow.ConnID][]*flow.Exchange // what a filter decides when all is known of the connection
	waits    int                              // how many these are
	waitSize int                              // bytes of them, about
	hasty    int                              // exchanges that could not wait
	found    []explain.Finding
	summary  flow.SummaryRecord
}

// printer is one form of output.
type printer interface {
	exchange(c *flow.Conn, x *flow.Exchange)
	conn(c *flow.Conn)
	findings(found []explain.Finding, t *flow.Trace)
	summary(s flow.SummaryRecord)
}

func (f *traceFlags) view(s streams) (*view, error) {
	sel, err := f.selection()
	if err != nil {
		return nil, err
	}
	v := &view{selection: sel, s: s, out: bufio.NewWriterSize(s.out, 64<<10), failOn: f.failOn, ladder: f.ladder, kept: newKept(keptConns, keptBytes),
		waiting: map[flow.ConnID][]*flow.Exchange{}}
	if _, err := severity(f.failOn); err != nil {
		return nil, err
	}
	if !f.unjudged {
		v.rules = rules.All()
	}
	if f.hosts != "" {
		if err := v.knowHosts(f.hosts); err != nil {
			return nil, err
		}
	}
	v.keeping = !f.unjudged || f.ladder || f.write != ""
	switch {
	case f.output.jsonl, f.output.json:
		v.print = &jsonPrinter{out: v.out, lines: f.output.jsonl}
	default:
		v.print = newTextPrinter(v.out, s.out, f.ladder, &v.first)
	}
	v.progress = newProgress(s.err)
	return v, nil
}

// run prints all of a source. Damage, if there is such a function, tells at the
// end of faults that did not stop it.
func (v *view) run(ctx context.Context, src dissect.Source, o dissect.Options, damage func() []error) error {
	began := time.Now()
	o.Exchange, o.Conn = v.exchange, v.conn
	defer spareMemory()()
	o.Read = v.reading(o.Read)
	if sized, ok := src.(sizedSource); ok {
		v.progress.follow(sized)
	}
	counts, err := dissect.New(o).Run(ctx, src)
	v.progress.end()
	v.summary.Interrupted = interrupted(err)
	var faults []error
	if !v.summary.Interrupted { // else the source may still be at work
		if faults = []error{err}; damage != nil {
			faults = append(faults, damage()...)
		}
	}
	v.summary.Packets = &counts.Packets
	return v.conclude(began, &counts, faults)
}

// conclude prints what is known at the end: findings, and what was read.
func (v *view) conclude(began time.Time, counts *dissect.Counts, faults []error) error {
	found := explain.Run(v.rules, &v.kept.Trace)
	v.found = found
	v.print.findings(found, &v.kept.Trace)
	v.summary.Type, v.summary.Findings = "summary", len(found)
	v.summary.Bytes = counts.Bytes
	v.summary.ElapsedMS = float64(time.Since(began)) / float64(time.Millisecond)
	fault := errors.Join(faults...)
	if fault != nil {
		text := fault.Error()
		v.summary.Damaged = &text
	}
	v.print.summary(v.summary)
	if err := v.out.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	v.leftOut(counts)
	switch {
	case fault != nil:
		return failWith(exitDamaged, fault)
	case v.summary.Interrupted:
		fmt.Fprintln(v.s.err, "fanlight: interrupted: what was read by then is printed")
	}
	return verdict(v.failOn, found)
}

// leftOut says what is missing in what was printed, and why.
func (v *view) leftOut(counts *dissect.Counts) {
	say := func(n int, format string, more ...any) {
		if n > 0 {
			fmt.Fprintf(v.s.err, "fanlight: "+format+"\n", append([]any{n}, more...)...)
		}
	}
	say(v.kept.dropped, "%d of %d connections were printed, but not kept for findings and drawing", v.summary.Connections)
	say(len(v.kept.bared), "of %d connections the header fields of exchanges that went well were not kept for findings")
	say(v.hasty, "%d exchanges were filtered before all was known of their connections")
	say(counts.Bared, "%d exchanges were printed without header fields because a few packets held too much of them")
	say(counts.Evicted, "%d connections were ended in the record because too much was open; what came later was read as other connections")
	for _, why := range slices.Sorted(maps.Keys(counts.Skipped)) {
		fmt.Fprintf(v.s.err, "fanlight: %d packets were not read: %s\n", counts.Skipped[why], why)
	}
}

// reading notes when the capture began; then, if not nil, is told of the batch.
func (v *view) reading(then func(*pcap.Batch)) func(*pcap.Batch) {
	return func(b *pcap.Batch) {
		if len(b.Packets) > 0 {
			v.first.CompareAndSwap(0, b.Packets[0].Time)
		}
		if then != nil {
			then(b)
		}
	}
}

// Limits on the exchanges that wait for the end of their connections: their
// number, and their bytes together.
const (
	waitLimit = 20_000
	waitBytes = 16 << 20
)

func (v *view) exchange(c *flow.Conn, x *flow.Exchange) {
	if v.filter == nil {
		v.printExchange(c, x)
		return
	}
	if size := x.Size(); v.waits < waitLimit && v.waitSize+size <= waitBytes {
		v.waiting[c.ID] = append(v.waiting[c.ID], x)
		v.waits++
		v.waitSize += size
		return
	}
	v.hasty++
	v.printExchange(c, x)
}

func (v *view) printExchange(c *flow.Conn, x *flow.Exchange) {
	if v.selection.exchange(c, x) {
		v.summary.Exchanges++
		v.print.exchange(c, x)
		v.show()
	}
}

func (v *view) show() {
	if v.live {
		_ = v.out.Flush() // the error stays, and is told at the end
	}
}

func (v *view) conn(c *flow.Conn) {
	for _, x := range v.waiting[c.ID] {
		v.waits--
		v.waitSize -= x.Size()
		v.printExchange(c, x)
	}
	delete(v.waiting, c.ID)
	if !v.selection.conn(c) {
		return
	}
	v.summary.Connections++
	v.print.conn(c)
	v.show()
	if v.keeping {
		v.kept.add(c)
	}
}

// verdict gives the exit code of --fail-on; empty: findings are no failure.
func verdict(failOn string, found []explain.Finding) error {
	if failOn == "" {
		return nil
	}
	least, _ := severity(failOn)
	if slices.ContainsFunc(found, func(f explain.Finding) bool { return !f.Undecided && f.Severity >= least }) {
		return failWith(exitFindings, nil)
	}
	return nil
}

func severity(name string) (explain.Severity, error) {
	if name == "" {
		return explain.Error, nil
	}
	if s, ok := explain.ParseSeverity(name); ok {
		return s, nil
	}
	return 0, fmt.Errorf("--fail-on %s: expected error, warning or note", name)
}

// jsonPrinter writes the objects of the contract.
type jsonPrinter struct {
	out   *bufio.Writer
	lines bool
	any   bool
}

func (p *jsonPrinter) write(v any) {
	raw := marshal(v)
	switch {
	case p.lines:
		p.out.Write(raw)
		p.out.WriteByte('\n')
		return
	case p.any:
		p.out.WriteByte(',')
	default:
		p.out.WriteString(`{"schema":1,"items":[`)
	}
	p.any = true
	p.out.WriteByte('\n')
	p.out.Write(raw)
}

func (p *jsonPrinter) exchange(_ *flow.Conn, x *flow.Exchange) { p.write(flow.ExchangeJSON(x, nil)) }
func (p *jsonPrinter) conn(c *flow.Conn)                       { p.write(flow.ConnJSON(c, nil)) }
func (p *jsonPrinter) findings(found []explain.Finding, _ *flow.Trace) {
	for _, f := range found {
		p.write(f)
	}
}

func (p *jsonPrinter) summary(s flow.SummaryRecord) {
	p.write(s)
	if !p.lines {
		p.out.WriteString("\n]}\n")
	}
}

// textPrinter is for people.
type textPrinter struct {
	out     io.Writer
	options report.LineOptions
	first   *atomic.Int64 // time of the first packet, known when there is something to print
	lines   *report.Lines // nil before the first line
	ladder  bool
}

func newTextPrinter(out io.Writer, terminal io.Writer, ladder bool, first *atomic.Int64) *textPrinter {
	return &textPrinter{out: out, ladder: ladder, first: first,
		options: report.LineOptions{Colour: colours(terminal), Width: width(terminal)}}
}

func (p *textPrinter) head() {
	if p.lines == nil {
		p.options.Start = time.Unix(0, p.first.Load()).UTC()
		p.lines = report.NewLines(p.out, p.options)
		p.lines.Head()
	}
}

func (p *textPrinter) exchange(c *flow.Conn, x *flow.Exchange) {
	if !p.ladder {
		p.head()
		p.lines.Exchange(c, x)
	}
}

func (p *textPrinter) conn(c *flow.Conn) {
	if !p.ladder && len(c.Exchanges) == 0 {
		p.head()
		p.lines.Conn(c)
	}
}

func (p *textPrinter) findings(found []explain.Finding, t *flow.Trace) {
	if p.ladder {
		_ = report.Ladder(p.out, t, report.LadderOptions{Findings: found}) // the buffer keeps the error
	}
	if len(found) > 0 {
		fmt.Fprintln(p.out)
		_ = report.Findings(p.out, found) // the buffer keeps the error
	}
}

func (p *textPrinter) summary(s flow.SummaryRecord) {
	fmt.Fprintf(p.out, "\n%s, %s, %s", counted(s.Connections, "connection"), counted(s.Exchanges, "exchange"), counted(s.Findings, "finding"))
	if s.Packets != nil {
		fmt.Fprintf(p.out, " in %s", counted(*s.Packets, "packet"))
	}
	fmt.Fprintln(p.out)
}

func printFields(w io.Writer) {
	for _, f := range query.Fields() {
		fmt.Fprintf(w, "%-34s %s\n", f.Name, f.Doc)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
