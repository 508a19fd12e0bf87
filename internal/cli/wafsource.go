package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/archive"
	"fanlight/internal/dissect"
	"fanlight/internal/flow"
	"fanlight/internal/query"
)

// wafSources are where requests come from that the WAF is to judge.
type wafSources struct {
	keys     dissect.KeyFiles
	filter   string
	recorded recordedFlags

	chosen *query.Filter
	bodies int // bytes of each request's body
}

func (f *wafSources) add(c *cobra.Command) {
	addKeyFlags(c, &f.keys)
	c.Flags().StringVar(&f.filter, "filter", "", "only exchanges that match, such as 'http.host == shop.test'; trace --filter help lists the fields")
	f.recorded.add(c)
}

// each hands over the exchanges of all sources; without a source those of the
// door. Damage is what ended a source early, or a part of it; the rest was
// handed over.
func (f *wafSources) each(ctx context.Context, s streams, args []string, do func(*flow.Conn, *flow.Exchange)) (damage, err error) {
	if f.filter != "" {
		if f.chosen, err = query.Parse(f.filter); err != nil {
			return nil, failWith(exitUsage, err)
		}
	}
	take := func(c *flow.Conn, x *flow.Exchange) {
		if f.chosen == nil || f.chosen.Exchange(c, x) {
			do(c, x)
		}
	}
	if len(args) == 0 {
		return f.ofDoor(ctx, take)
	}
	var faults []error
	for _, arg := range args {
		fault, err := f.source(ctx, s, arg, take)
		if err != nil {
			return errors.Join(faults...), err
		}
		faults = append(faults, fault)
	}
	return errors.Join(faults...), nil
}

// source hands over those of one file.
func (f *wafSources) source(ctx context.Context, s streams, arg string, do func(*flow.Conn, *flow.Exchange)) (damage, err error) {
	t, err := openArchive(arg, archive.Reader{RequestBodies: f.bodies})
	if t == nil && err == nil {
		return f.capture(ctx, s, arg, do)
	}
	if t == nil {
		return nil, err
	}
	walk(ctx, t, time.Time{}, do)
	return err, ctx.Err()
}

// walk hands over the exchanges of a trace that did not begin before since,
// until ctx ends.
func walk(ctx context.Context, t *flow.Trace, since time.Time, do func(*flow.Conn, *flow.Exchange)) {
	for _, c := range t.Conns {
		for _, x := range c.Exchanges {
			if ctx.Err() != nil {
				return
			}
			if x.Started.IsZero() || !x.Started.Before(since) {
				do(c, x)
			}
		}
	}
}

func (f *wafSources) ofDoor(ctx context.Context, do func(*flow.Conn, *flow.Exchange)) (damage, err error) {
	since, err := f.recorded.sinceTime(time.Now())
	if err != nil {
		return nil, failWith(exitUsage, err)
	}
	t, damage, err := f.recorded.read(ctx, since, nil)
	if err != nil {
		return nil, err
	}
	walk(ctx, t, since, do)
	return damage, ctx.Err()
}

func (f *wafSources) capture(ctx context.Context, s streams, path string, do func(*flow.Conn, *flow.Exchange)) (damage, err error) {
	trace := traceFlags{keys: f.keys}
	in, err := unlessEnded(ctx, func() (*inputs, error) {
		in, err := trace.inputs([]string{path}, "")
		if err == nil {
			err = in.open(s.in)
		}
		return in, err
	})
	if err != nil {
		return nil, err
	}
	defer in.close(ctx)
	defer spareMemory()()
	shown := newProgress(s.err)
	shown.follow(in.src)
	counts, err := dissect.New(dissect.Options{Sources: in.paths, Keys: in.keys, Hold: hold(in.src), RequestBodies: f.bodies,
		Exchange: func(c *flow.Conn, x *flow.Exchange) {
			if ctx.Err() == nil {
				do(c, x)
			}
		}}).Run(ctx, in.src)
	shown.end()
	if interrupted(err) {
		return nil, err
	}
	if counts.Evicted > 0 {
		fmt.Fprintf(s.err, "fanlight: %s: %d connections were ended in the record because too much was open; their later requests were not judged\n", path, counts.Evicted)
	}
	if err = errors.Join(append(in.src.Damage(), err)...); err != nil {
		err = failWith(exitDamaged, err)
	}
	return err, nil
}
