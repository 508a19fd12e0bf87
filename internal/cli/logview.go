package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
	"fanlight/internal/foreignlog"
)

// logView prints what the lines of logs mean.
type logView struct {
	s     streams
	out   *bufio.Writer
	all   bool
	seen  *seenTrace // nil: no capture was given
	print logPrinter

	tally foreignlog.Tally
	sum   logSummary
}

// logPrinter is one form of output.
type logPrinter interface {
	clock(path string, t *foreignlog.Ties)
	line(path string, l *foreignlog.Line, tie *foreignlog.TiedRecord, found []explain.Finding, isNew bool)
	summary(sum logSummary)
}

// logSummary is the last JSON object: what was read.
type logSummary struct {
	Type        string                 `json:"type"` // log-summary
	Formats     []string               `json:"formats,omitempty"`
	Lines       int                    `json:"lines"`
	Faults      int                    `json:"faults"`
	Unread      int                    `json:"unread"`
	Cut         int                    `json:"cut,omitempty"`
	Tied        *int                   `json:"tied,omitempty"`
	OffsetMS    *float64               `json:"offset_ms,omitempty"`
	Kinds       []foreignlog.KindCount `json:"kinds"`
	Damaged     *string                `json:"damaged"`
	Interrupted bool                   `json:"interrupted,omitempty"`
}

func newLogView(s streams, output outputFlags, all bool, seen *seenTrace) *logView {
	v := &logView{s: s, out: bufio.NewWriterSize(s.out, 64<<10), all: all, seen: seen, sum: logSummary{Type: "log-summary"}}
	if output.asked() {
		v.print = &jsonLog{jsonPrinter{out: v.out, lines: output.jsonl}}
	} else {
		v.print = &textLog{out: v.out}
	}
	return v
}

// file reads one log. What could be read before a fault is printed.
func (v *logView) file(ctx context.Context, path string, o foreignlog.Options) error {
	ties, err := v.ties(ctx, path, o)
	if err != nil {
		return err
	}
	r, closer, err := openLog(path, v.s.in, o)
	if err != nil {
		return err
	}
	defer closer.Close()
	if ties != nil {
		v.print.clock(path, ties)
		if ms := float64(ties.Offset) / float64(time.Millisecond); ties.Evidence > 0 {
			v.sum.OffsetMS = &ms
		}
	}
	if !slices.Contains(v.sum.Formats, r.Format()) {
		v.sum.Formats = append(v.sum.Formats, r.Format())
	}
	err = eachLine(ctx, r, func(l *foreignlog.Line) { v.line(path, l, ties) })
	v.sum.Unread += r.Counts.Unread
	v.sum.Cut += r.Counts.Cut
	return v.fault(path, err)
}

func (v *logView) fault(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		v.sum.Interrupted = true
		return nil
	}
	text := inputName(path) + ": " + err.Error()
	v.sum.Damaged = &text
	return failWith(exitDamaged, errors.New(text))
}

func eachLine(ctx context.Context, r *foreignlog.Reader, take func(*foreignlog.Line)) error {
	for ctx.Err() == nil {
		l, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		take(l)
	}
	return ctx.Err()
}

// ties reads a log once ahead, to compare its clock with the capture's; nil if
// there is no capture.
func (v *logView) ties(ctx context.Context, path string, o foreignlog.Options) (*foreignlog.Ties, error) {
	if v.seen == nil {
		return nil, nil
	}
	r, closer, err := openLog(path, v.s.in, o)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	ties := foreignlog.NewTies(v.seen.trace)
	_ = eachLine(ctx, r, ties.Learn) // a fault is told when it is read again
	ties.Settle()
	return ties, nil
}

func (v *logView) line(path string, l *foreignlog.Line, ties *foreignlog.Ties) {
	isNew := v.tally.Add(l)
	if l.Meaning.State == foreignlog.Fault && l.TookKnown {
		l.Timers = rules.WaitTimers(l.Took)
	}
	var tied *foreignlog.TiedRecord
	var found []explain.Finding
	if ties != nil {
		if tie, fits := ties.Of(l); fits {
			v.tally.Tied++
			found = v.seen.findings(tie)
			tied = foreignlog.TieJSON(tie, findingIDs(found))
		}
	}
	if v.all || l.Meaning.State == foreignlog.Fault || len(found) > 0 {
		v.print.line(path, l, tied, found, isNew)
	}
}

func findingIDs(found []explain.Finding) (ids []string) {
	for _, f := range found {
		if !slices.Contains(ids, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

func (v *logView) end() error {
	v.sum.Lines, v.sum.Faults, v.sum.Kinds = v.tally.Lines, v.tally.Faults, v.tally.Kinds()
	if v.sum.Kinds == nil {
		v.sum.Kinds = []foreignlog.KindCount{}
	}
	for i := range v.sum.Kinds {
		v.sum.Kinds[i].Share = math.Round(v.sum.Kinds[i].Share*1e4) / 1e4
	}
	if v.seen != nil {
		v.sum.Tied = &v.tally.Tied
	}
	v.print.summary(v.sum)
	if v.sum.Interrupted {
		fmt.Fprintln(v.s.err, "fanlight: interrupted: what was read by then is printed")
	}
	if err := v.out.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// jsonLog writes objects.
type jsonLog struct{ jsonPrinter }

func (p *jsonLog) clock(string, *foreignlog.Ties) {}

func (p *jsonLog) line(path string, l *foreignlog.Line, tie *foreignlog.TiedRecord, _ []explain.Finding, _ bool) {
	r := foreignlog.LineJSON(path, l)
	r.Tied = tie
	p.write(r)
}

func (p *jsonLog) summary(sum logSummary) {
	p.write(sum)
	if !p.lines {
		p.out.WriteString("\n]}\n")
	}
}
