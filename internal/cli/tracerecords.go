package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
	"fanlight/internal/flow"
	"fanlight/internal/query"
)

// recordedFlags choose records of a door in place of captures.
type recordedFlags struct {
	since string
	limit int
	data  string
	door  doorFlags
}

func (r *recordedFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&r.since, "since", "", "of the running door's records those of the last 1h, or since a time (RFC 3339)")
	c.Flags().IntVar(&r.limit, "limit", 1000, "at most so many exchanges of the door's records, the newest; at most 10000")
	c.Flags().StringVar(&r.data, "data", "", "read the records in the data `folder` of a door that does not run")
	r.door.add(c)
}

// asked tells whether records are meant, not captures.
func (r *recordedFlags) asked() bool { return r.since != "" || r.data != "" || r.door.named() }

// records prints the records of a door.
func (f *traceFlags) records(ctx context.Context, s streams, args []string) error {
	view, err := f.view(s)
	if err == nil {
		err = f.foreign(args, "the records of a door (--since, --data, --control and -c choose those)")
	}
	since, fault := f.recorded.sinceTime(time.Now())
	if err = errors.Join(err, fault); err != nil {
		return failWith(exitUsage, err)
	}
	began := time.Now()
	trace, fault, err := f.recorded.read(ctx, since, view.filter)
	if err != nil {
		return err
	}
	return f.conclude(view, began, trace, since, fault)
}

// foreign refuses what has no meaning but for captures.
func (f *traceFlags) foreign(args []string, of string) error {
	for _, other := range []struct {
		name string
		set  bool
	}{
		{"a capture", len(args) > 0}, {"-w", f.write != ""}, {"--body", f.body != ""}, {"--hash", f.hash}, {"--from", f.from != ""}, {"--to", f.to != ""},
		{"keys", len(f.keys.Logs)+len(f.keys.RSA)+len(f.keys.PFX) > 0},
	} {
		if other.set {
			return fmt.Errorf("%s has no meaning for %s", other.name, of)
		}
	}
	return nil
}

func (r *recordedFlags) sinceTime(now time.Time) (time.Time, error) {
	if r.since == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(r.since); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339Nano, r.since)
	if err != nil {
		return at, fmt.Errorf("read --since %q: expected a duration (1h30m) or RFC 3339 (2026-11-21T10:00:00Z)", r.since)
	}
	return at, nil
}

// read gets the records. A fault ended them early; err means there are none.
func (r *recordedFlags) read(ctx context.Context, since time.Time, filter *query.Filter) (trace *flow.Trace, fault, err error) {
	want := app.RecordsWanted{Since: since, Filter: filter, Limit: r.limit}
	if r.data != "" {
		trace, err = app.ReadRecords(ctx, r.data, want)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = failWith(exitUsage, err)
		case errors.Is(err, fs.ErrPermission):
			err = failWith(exitPermission, err)
		case err != nil:
			err = failWith(exitDamaged, err)
		}
		return trace, nil, err
	}
	client, err := r.door.client()
	if err != nil {
		return nil, nil, err
	}
	trace, fault, err = client.Records(ctx, want)
	if err != nil {
		return nil, nil, doorError(err)
	}
	return trace, fault, nil
}
