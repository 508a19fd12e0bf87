package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
	"fanlight/internal/config"
	"fanlight/internal/flow"
	"fanlight/internal/waf"
	"fanlight/internal/waf/replay"
)

// wafReplayFlags are the flags of waf replay.
type wafReplayFlags struct {
	sources wafSources
	policy  wafPolicyFlags
	output  outputFlags
	failOn  string
}

func wafReplayCommand(s streams) *cobra.Command {
	var f wafReplayFlags
	c := &cobra.Command{
		Use:   "replay [SOURCE...]",
		Short: "Say what another policy would refuse of recorded requests",
		Long: `Judge recorded requests by the policy of a site (-c and --site; otherwise by the
rule set as it comes) and again with the given changes, and print what would
change: requests that would be refused or let pass, by route and by rule, with an
example of each, and the lowest threshold that refuses none of them. Without a
change: what the policy says of each.

SOURCE is a packet capture (with keys), a HAR file of a browser, a SAZ file of
Fiddler, or records (--jsonl or --json of trace, or of run --record-to). Without
one, the records of the running door are taken (--since 1h for the last hour), or
with --data those of a door that does not run. Records of a door hold no bodies,
and secrets in them are masked: such requests are judged without, and counted.`,
		Example: `  fanlight waf replay shop.har --paranoia 2
  fanlight waf replay day.pcapng --keys sslkeys.log -c fanlight.yaml --site shop --threshold 8
  fanlight waf replay --since 24h --site shop --exclude 'rule=942100 target=ARGS:comment path=/blog/'`,
		RunE: func(c *cobra.Command, args []string) error { return f.replay(c.Context(), s, args) },
	}
	f.sources.add(c)
	f.policy.add(c)
	f.output.add(c)
	c.Flags().StringVar(&f.failOn, "fail-on", "", "exit with 1 if a request is refused (refused) or newly refused (newly-refused)")
	return c
}

// wafPolicyFlags choose policy A, and what is another in B.
type wafPolicyFlags struct {
	site      string
	against   string
	paranoia  int
	detect    int
	threshold int
	exclude   []string
}

func (f *wafPolicyFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.site, "site", "", "the policy of this site in the configuration (-c)")
	flags.StringVar(&f.against, "against", "", "compare with the same site in this other configuration `file`")
	flags.IntVar(&f.paranoia, "paranoia", 0, "compare with rules up to this level, 1 to 4, counting")
	flags.IntVar(&f.detect, "detect", 0, "compare with rules up to this level being told of")
	flags.IntVar(&f.threshold, "threshold", 0, "compare with requests being refused at this score")
	flags.StringArrayVar(&f.exclude, "exclude", nil, "compare with this exclusion besides: `'rule=942100 target=ARGS:q host=shop.test exact=/search method=GET'`; all but rule may be left out")
}

// policies are A, and B if it is another; and the further media types of each.
func (f *wafPolicyFlags) policies(configuration string) (a waf.Policy, b *waf.Policy, types [2][]string, err error) {
	a = waf.Defaults()
	if f.site != "" {
		if a, types[0], err = sitePolicy(configuration, f.site); err != nil {
			return a, nil, types, err
		}
	}
	other := a
	types[1] = types[0]
	if f.against != "" {
		if f.site == "" {
			return a, nil, types, failWith(exitUsage, errors.New("--against compares two configurations of a site: name it with --site"))
		}
		if other, types[1], err = sitePolicy(f.against, f.site); err != nil {
			return a, nil, types, err
		}
	}
	changed, err := f.change(&other)
	if err != nil {
		return a, nil, types, failWith(exitUsage, err)
	}
	if f.against == "" && !changed {
		return a, nil, types, nil
	}
	return a, &other, types, nil
}

// change applies the flags to a policy.
func (f *wafPolicyFlags) change(p *waf.Policy) (changed bool, err error) {
	if f.paranoia != 0 {
		p.Paranoia = f.paranoia
		p.Detect = max(p.Detect, p.Paranoia)
	}
	if f.detect != 0 {
		p.Detect = f.detect
	}
	if f.threshold != 0 {
		p.Inbound = f.threshold
	}
	p.Exclusions = append([]waf.Exclusion(nil), p.Exclusions...)
	for _, text := range f.exclude {
		e, err := parseExclusion(text)
		if err != nil {
			return false, err
		}
		p.Exclusions = append(p.Exclusions, e)
	}
	return f.paranoia != 0 || f.detect != 0 || f.threshold != 0 || len(f.exclude) > 0, nil
}

// parseExclusion reads the keys of an exclusion, as the configuration names them.
func parseExclusion(text string) (e waf.Exclusion, err error) {
	for _, word := range strings.Fields(text) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "rule":
			e.Rule = value
		case "target":
			e.Target = value
		case "host":
			e.Host = value
		case "path":
			e.Path = value
		case "exact":
			e.Exact = value
		case "method":
			e.Method = value
		default:
			return e, fmt.Errorf("read --exclude %q: expected rule=, target=, host=, path=, exact= or method=, not %q", text, word)
		}
	}
	if e.Rule == "" {
		return e, fmt.Errorf("read --exclude %q: it names no rule (rule=942100)", text)
	}
	return e, nil
}

// sitePolicy is what a configuration says of the WAF of a site.
func sitePolicy(file, site string) (p waf.Policy, types []string, err error) {
	cfg, err := config.Load(file)
	if err != nil {
		return p, nil, failWith(exitConfig, err)
	}
	if faults := config.Faults(cfg.SiteFaults(site)); len(faults) > 0 {
		return p, nil, failWith(exitConfig, &faults)
	}
	s := cfg.Sites[site]
	switch {
	case s == nil:
		return p, nil, failWith(exitUsage, fmt.Errorf("read %s: it has no site %s", file, site))
	case s.WAF == nil:
		return p, nil, failWith(exitUsage, fmt.Errorf("read %s: site %s has no waf; leave out --site to judge by the rule set as it comes", file, site))
	}
	for _, t := range s.WAF.Body.Types {
		types = append(types, strings.ToLower(t))
	}
	p = app.WAFPolicy(s.WAF)
	if s.WAF.Directives != "" {
		text, err := os.ReadFile(cfg.Resolve(s.WAF.Directives))
		if err != nil {
			return p, nil, failWith(exitConfig, fmt.Errorf("read directives: %w", err))
		}
		p.Directives = string(text)
	}
	return p, types, nil
}

// mostBody is how much of a body is kept to be judged: one byte more than the
// policy takes, so that a longer one is known.
func mostBody(p *waf.Policy) int { return p.BodyLimit + p.FilesLimit + 1 }

func (f *wafReplayFlags) replay(ctx context.Context, s streams, args []string) error {
	defer onceMore(ctx)()
	if f.failOn != "" && f.failOn != "refused" && f.failOn != "newly-refused" {
		return failWith(exitUsage, fmt.Errorf("--fail-on %s: expected refused or newly-refused", f.failOn))
	}
	a, b, types, err := f.policy.policies(f.sources.recorded.door.config)
	if err != nil {
		return err
	}
	r, done, err := newReplay(a, b, types)
	if err != nil {
		return failWith(exitUsage, err)
	}
	defer done()
	f.sources.bodies = mostBody(&a)
	if b != nil {
		f.sources.bodies = max(f.sources.bodies, mostBody(b))
	}
	damage, err := f.sources.each(ctx, s, args, func(c *flow.Conn, x *flow.Exchange) { r.Add(c, x) })
	if err != nil && !interrupted(err) {
		return errors.Join(err, damage)
	}
	result := r.Result()
	f.print(s, result, &a, b)
	if interrupted(err) {
		fmt.Fprintln(s.err, "fanlight: interrupted: what was judged by then is printed")
	}
	if damage != nil {
		return damage
	}
	return f.verdict(result)
}

func newReplay(a waf.Policy, b *waf.Policy, types [2][]string) (r *replay.Replay, done func(), err error) {
	first, err := replay.NewJudge(a, types[0])
	if err != nil {
		return nil, nil, err
	}
	if b == nil {
		return replay.New(first, nil), first.Close, nil
	}
	second, err := replay.NewJudge(*b, types[1])
	if err != nil {
		first.Close()
		return nil, nil, err
	}
	return replay.New(first, second), func() { first.Close(); second.Close() }, nil
}

func (f *wafReplayFlags) print(s streams, r *replay.Result, a, b *waf.Policy) {
	if f.output.asked() {
		printItems(s.out, f.output.jsonl, r.Items(a, b))
		return
	}
	var out strings.Builder
	r.Text(&out, a, b)
	fmt.Fprint(s.out, visible(out.String()))
}

// verdict gives the exit code of --fail-on.
func (f *wafReplayFlags) verdict(r *replay.Result) error {
	newly := 0
	for _, shape := range r.Shapes {
		newly += shape.NewlyRefused
	}
	if f.failOn == "refused" && r.Sides[1].Refused > 0 || f.failOn == "newly-refused" && newly > 0 {
		return failWith(exitFindings, nil)
	}
	return nil
}
