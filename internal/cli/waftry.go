package cli

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/config"
	"fanlight/internal/flow"
	"fanlight/internal/waf"
	"fanlight/internal/waf/replay"
)

// wafTryFlags are the flags of waf try-exclusion.
type wafTryFlags struct {
	sources wafSources
	site    string
	over    []string
	output  outputFlags
}

func wafTryCommand(s streams) *cobra.Command {
	var f wafTryFlags
	c := &cobra.Command{
		Use:   "try-exclusion {INCIDENT | SOURCE#EXCHANGE}",
		Short: "Find the narrowest exclusion that lets one refused request pass, and prove it",
		Long: `Take a request that the WAF refuses, and find the rules that have to be kept from
it: for its host, path and method, and for the parameter that they matched in.
Print them as the configuration wants them, with the proof: the same request
passes; what every other recorded request would meet; and which attacks on that
very parameter would pass too.

The request is one of the running door, by the incident id of its answer, or one
of a capture, HAR, SAZ or record file: bad.pcapng#x12, as trace names it. A door's
records hold no bodies; what was refused for its body is tried from a capture.`,
		Example: `  fanlight waf try-exclusion 7Q2MXK4HTA
  fanlight waf try-exclusion day.pcapng#x12 --keys sslkeys.log -c fanlight.yaml --site shop --over week.har`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.try(c.Context(), s, args[0]) },
	}
	f.sources.add(c)
	f.output.add(c)
	c.Flags().StringVar(&f.site, "site", "", "by the policy of this site in the configuration (-c); otherwise that of the incident, or the rule set as it comes")
	c.Flags().StringArrayVar(&f.over, "over", nil, "try it on the requests of this `source` too; left out: on those of the same source")
	return c
}

// triedBody is how much of a body is kept: more than any policy takes that has
// not raised its limits.
const triedBody = 16 << 20

func (f *wafTryFlags) try(ctx context.Context, s streams, arg string) error {
	defer onceMore(ctx)()
	f.sources.bodies = triedBody
	request, over, err := f.find(ctx, s, arg)
	if err != nil {
		return err
	}
	policy, types := waf.Defaults(), []string(nil)
	if f.site != "" {
		if policy, types, err = sitePolicy(f.sources.recorded.door.config, f.site); err != nil {
			return err
		}
	}
	p, err := replay.Propose(policy, types, request)
	if err != nil {
		return failWith(exitUsage, fmt.Errorf("try an exclusion for %s: %w", arg, err))
	}
	others, damage, err := f.others(ctx, s, p, policy, types, over)
	if err != nil && !interrupted(err) {
		return err
	}
	f.print(s, p, others)
	if interrupted(err) {
		fmt.Fprintln(s.err, "fanlight: interrupted: of the other requests those that were judged by then are told of")
	}
	return damage
}

// find gives the request, and the sources of others like it.
func (f *wafTryFlags) find(ctx context.Context, s streams, arg string) (*replay.Request, []string, error) {
	if source, id, is := strings.Cut(arg, "#"); is {
		r, err := f.inSource(ctx, s, source, id)
		return r, []string{source}, err
	}
	r, err := f.incident(ctx, arg)
	return r, nil, err
}

func (f *wafTryFlags) inSource(ctx context.Context, s streams, source, id string) (*replay.Request, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(id, "x"), 10, 64)
	if err != nil || source == "" {
		return nil, failWith(exitUsage, fmt.Errorf("try an exclusion for %s#%s: expected a file and an exchange as trace names it, such as bad.pcapng#x12", source, id))
	}
	all := f.sources
	all.filter = ""
	var found *replay.Request
	why := replay.ErrNotFound.Error()
	_, err = all.each(ctx, s, []string{source}, func(c *flow.Conn, x *flow.Exchange) {
		if x.ID == flow.ExchangeID(n) {
			found, why = replay.Rebuild(c, x)
		}
	})
	switch {
	case found != nil:
		return found, nil
	case err != nil:
		return nil, err
	}
	return nil, failWith(exitUsage, fmt.Errorf("try an exclusion for %s of %s: %s", id, source, why))
}

// incident asks the running door. The policy is then that of the incident's
// site, unless the user names another.
func (f *wafTryFlags) incident(ctx context.Context, id string) (*replay.Request, error) {
	client, err := f.sources.recorded.door.client()
	if err != nil {
		return nil, err
	}
	var items []whyItem
	if err := client.Get(ctx, "/api/incidents/"+url.PathEscape(id), &items); err != nil {
		return nil, doorError(err)
	}
	if len(items) == 0 || items[0].Incident == nil || items[0].Notation == "" {
		return nil, failWith(exitUsage, fmt.Errorf("try an exclusion for %s: its record is gone, or recording is off", id))
	}
	t, err := flow.Parse(items[0].Notation)
	if err != nil {
		return nil, fmt.Errorf("read the door's record of %s: %w", id, err)
	}
	if f.site == "" {
		if cfg, err := config.Load(f.sources.recorded.door.config); err == nil && cfg.Sites[items[0].Incident.Site] != nil {
			f.site = items[0].Incident.Site
		}
	}
	for _, c := range t.Conns {
		for _, x := range c.Exchanges {
			if x.Incident == id {
				r, why := replay.Rebuild(c, x)
				if r == nil {
					return nil, failWith(exitUsage, fmt.Errorf("try an exclusion for %s: %s", id, why))
				}
				return r, nil
			}
		}
	}
	return nil, failWith(exitUsage, fmt.Errorf("try an exclusion for %s: %w", id, replay.ErrNotFound))
}

// others judges the requests of the same source, or of those named, without and
// with the exclusion.
func (f *wafTryFlags) others(ctx context.Context, s streams, p *replay.Proposal, policy waf.Policy, types []string, over []string) (r *replay.Result, damage, err error) {
	if len(f.over) > 0 {
		over = f.over
	}
	all, done, err := newReplay(policy, &p.Policy, [2][]string{types, types})
	if err != nil {
		return nil, nil, err
	}
	defer done()
	itself := p.Request.From
	damage, err = f.sources.each(ctx, s, over, func(c *flow.Conn, x *flow.Exchange) {
		if x.ID != itself.Exchange || !x.Started.Equal(itself.At) || c.Source != itself.Source {
			all.Add(c, x)
		}
	})
	return all.Result(), damage, err
}

func (f *wafTryFlags) print(s streams, p *replay.Proposal, others *replay.Result) {
	if f.output.asked() {
		printItems(s.out, f.output.jsonl, p.Items(others))
		return
	}
	var out strings.Builder
	p.Text(&out, others)
	fmt.Fprint(s.out, visible(out.String()))
}
