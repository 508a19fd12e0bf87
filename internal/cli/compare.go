package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/dissect"
	"fanlight/internal/explain/compare"
	"fanlight/internal/explain/rules"
	"fanlight/internal/flow"
)

// compareFlags are the flags of compare.
type compareFlags struct {
	keys   dissect.KeyFiles
	door   doorFlags
	output outputFlags
}

func compareCommand(s streams) *cobra.Command {
	var f compareFlags
	c := &cobra.Command{
		Use:   "compare {GOOD BAD | FILE}",
		Short: "Say what differs between what works and what fails",
		Long: `Hold connections that fail against connections that work. They are aligned by what
they tried to do, not by time, and what differs every time (dates, ids, tokens,
ports) is left out. The first difference that matters comes first, with what
both sides show. One FILE is split into what failed in it and what worked.

GOOD, BAD and FILE are packet captures, records (--jsonl or --json of trace, or of
run --record-to), flow notation, HAR files of browsers, SAZ files of Fiddler, or ids
of records of the running door: a connection (c7), an exchange (x12), an incident.`,
		Example: `  fanlight compare good.pcapng bad.pcapng --keys sslkeys.log
  fanlight compare browser.har 7Q2MXK4HTA
  fanlight compare records.jsonl`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return f.compare(c.Context(), s, args)
		},
	}
	f.add(c)
	return c
}

func (f *compareFlags) add(c *cobra.Command) {
	addKeyFlags(c, &f.keys)
	f.door.add(c)
	f.output.add(c)
}

func (f *compareFlags) compare(ctx context.Context, s streams, args []string) error {
	defer lessGarbage()()
	var traces []*flow.Trace
	var damage []error
	for _, arg := range args {
		t, err := f.load(ctx, s, arg)
		if t == nil {
			return err
		}
		if len(t.Conns) == 0 {
			return failWith(exitUsage, errors.Join(fmt.Errorf("compare %s: there is no connection in it", arg), err))
		}
		traces, damage = append(traces, t), append(damage, err)
	}
	result, err := f.result(args, traces)
	if err != nil {
		return err
	}
	f.print(s, result, args)
	return errors.Join(damage...)
}

func (f *compareFlags) result(args []string, traces []*flow.Trace) (*compare.Result, error) {
	if len(traces) == 2 {
		return compare.Compare(rules.All(), traces[0], traces[1]), nil
	}
	result, err := compare.Split(rules.All(), traces[0])
	if err != nil {
		return nil, failWith(exitUsage, fmt.Errorf("compare %s: %w; name something that works and something that fails: fanlight compare GOOD BAD", args[0], err))
	}
	return result, nil
}

func (f *compareFlags) print(s streams, r *compare.Result, args []string) {
	if !f.output.asked() {
		var b strings.Builder
		r.Text(&b)
		fmt.Fprint(s.out, visible(b.String()))
		return
	}
	var items []any
	for i := range r.Differences {
		items = append(items, r.Differences[i].JSON(i+1))
	}
	for _, found := range r.Findings {
		items = append(items, found)
	}
	items = append(items, r.Summary(args[0], args[len(args)-1]))
	printItems(s.out, f.output.jsonl, items)
}
