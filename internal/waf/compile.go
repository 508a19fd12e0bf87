package waf

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/waf/rx"
	"fanlight/internal/waf/seclang"
	"fanlight/internal/waf/transform"
)

// unsupported is what the plan does not do; Coraza does it then.
type unsupported string

func (u unsupported) Error() string { return string(u) + " is not known to the plan" }

// newPlan compiles a rule set. An unsupported error says that another engine is
// needed.
func newPlan(root fs.FS, policy *Policy, shared *library) (*plan, error) {
	set, err := seclang.Read(root, policy.sources()...)
	if err != nil {
		return nil, err
	}
	p := &plan{steps: []step{{}}, paranoia: policy.Paranoia, quiet: newQuiet()}
	for i := range captures {
		p.names.of(fmt.Sprint(i))
	}
	if err := p.settings(set.Settings); err != nil {
		return nil, err
	}
	c := compiler{plan: p, stepOf: map[string]int{}, groupOf: map[string]int{}, library: shared, detect: policy.Detect}
	if err := c.rules(set.Rules); err != nil {
		return nil, err
	}
	p.resolve()
	p.gate = rx.NewIndex(c.gated)
	p.words = max(1, (len(c.gated)+63)/64)
	p.grow()
	return p, nil
}

// resolve has all targets and macros find what they mean in TX.
func (p *plan) resolve() {
	for _, r := range p.all {
		for _, one := range append([]*rule{r}, r.links...) {
			for i := range one.targets {
				one.targets[i].resolve(&p.names)
			}
		}
	}
}

// compiler is a plan in the making.
type compiler struct {
	*plan
	*library
	detect  int // paranoia level up to which rules run
	stepOf  map[string]int
	groupOf map[string]int
	gated   []rx.Needs // by bit
}

func (c *compiler) rules(list []*seclang.Rule) error {
	made := make([]*rule, len(list))
	for i, s := range list {
		r := &rule{id: s.ID, marker: s.Marker, bit: -1, place: len(c.all), tags: s.Tags}
		if r.marker == "" {
			c.all = append(c.all, r)
		}
		made[i] = r
	}
	beyond := "" // the marker up to which rules are above the paranoia level
	for i, s := range list {
		r := made[i]
		if err := c.fill(r, s); err != nil {
			return &seclang.Fault{File: s.File, Line: s.Line, Err: fmt.Errorf("read rule %d: %w", s.ID, err)}
		}
		switch {
		case beyond == "":
			beyond = c.beyond(s)
		case beyond == s.Marker:
			beyond = ""
		}
		if beyond == "" {
			c.gateRule(r)
		}
		for _, l := range s.Chain {
			link := &rule{id: l.ID, parent: r, bit: -1}
			if err := c.fill(link, l); err != nil {
				return &seclang.Fault{File: l.File, Line: l.Line, Err: fmt.Errorf("read a link of the chain of rule %d: %w", s.ID, err)}
			}
			r.links = append(r.links, link)
		}
		c.place(r, s.Phase)
	}
	for i, s := range list {
		if s.SkipAfter != "" {
			made[i].jump = c.jump(made[i], s)
		}
	}
	return nil
}

// jump is how many rules of its phase stand between a rule and the end of what it
// skips: a marker, or the end of the phase.
func (c *compiler) jump(r *rule, s *seclang.Rule) int {
	if s.Phase >= len(c.phases) {
		return 0
	}
	behind := c.phases[s.Phase]
	behind = behind[slices.Index(behind, r)+1:]
	n := slices.IndexFunc(behind, func(r *rule) bool { return r.marker == s.SkipAfter })
	if n < 0 {
		return len(behind)
	}
	return n + 1
}

// beyond is the marker that a rule skips to because what follows is above the
// paranoia level. Rules up to there are left out of the gate, which is the
// quicker the fewer it has to tell apart; should one run all the same, it is asked
// without.
func (c *compiler) beyond(s *seclang.Rule) string {
	if s.Operator.Name != "lt" || s.Operator.Negated || len(s.Variables) != 1 || len(s.Chain) > 0 {
		return ""
	}
	v := s.Variables[0]
	if level, err := strconv.Atoi(s.Operator.Argument); err != nil || level <= c.detect || v.Name != "TX" || v.Key.Text != "detection_paranoia_level" {
		return ""
	}
	return s.SkipAfter
}

// place puts a rule into its phase; a marker is in all.
func (c *compiler) place(r *rule, phase int) {
	for n := range c.phases {
		if n == phase || r.marker != "" {
			c.phases[n] = append(c.phases[n], r)
		}
	}
}

func (c *compiler) fill(r *rule, s *seclang.Rule) (err error) {
	if r.marker != "" {
		return nil
	}
	r.negated, r.capture, r.every = s.Operator.Negated, s.Capture, s.MultiMatch
	r.log, r.level, r.severity = s.Log, s.Severity, severityName(s.Severity)
	r.skip = s.Skip
	for _, v := range s.Variables {
		t, err := c.target(v)
		if err != nil {
			return err
		}
		r.targets = append(r.targets, t)
	}
	if r.step, r.chain, err = c.chain(s.Transformations, s.MultiMatch); err != nil {
		return err
	}
	if s.Operator.Name != "" {
		if r.argument, err = c.macro(s.Operator.Macro); err != nil {
			return err
		}
		if r.operator, err = c.operator(&s.Operator); err != nil {
			return err
		}
	}
	if r.message, err = c.macro(s.Msg); err != nil {
		return err
	}
	if r.data, err = c.macro(s.LogData); err != nil {
		return err
	}
	return c.actions(r, s)
}

func (c *compiler) actions(r *rule, s *seclang.Rule) error {
	for _, v := range s.Setvars {
		set, err := c.setting(v)
		if err != nil {
			return err
		}
		r.sets = append(r.sets, set)
	}
	for _, ctl := range s.Ctls {
		control, err := c.control(ctl)
		if err != nil {
			return err
		}
		r.controls = append(r.controls, control)
	}
	for _, a := range s.Others {
		if a.Name != "initcol" { // which does nothing in Coraza either
			return unsupported("action " + a.Name)
		}
	}
	switch s.Disruptive {
	case "deny":
		r.refuse = 403
		if s.Status != 0 {
			r.refuse = s.Status
		}
	case "allow":
		r.allow = map[string]allowance{"": allowAll, "phase": allowPhase, "request": allowRequest}[s.Target]
	case "", "pass", "block":
	default:
		return unsupported("action " + s.Disruptive)
	}
	return nil
}

func (c *compiler) setting(v seclang.Setvar) (out setting, err error) {
	out = setting{slot: -1, remove: v.Remove}
	if out.name, err = c.macro(v.Key); err != nil {
		return out, err
	}
	if out.value, err = c.macro(v.Value); err != nil {
		return out, err
	}
	if name, ok := out.name.constant(); ok {
		name = lower(name)
		out.slot, out.score = c.names.of(name), c.scoreOf(name)
	}
	return out, nil
}

// scoreOf tells which score a variable of the rule set is part of.
func (p *plan) scoreOf(name string) int {
	for sort, prefix := range [...]string{inbound: "inbound_anomaly_score_pl", outbound: "outbound_anomaly_score_pl"} {
		if level, ok := strings.CutPrefix(name, prefix); ok && prefix != "" {
			if n, err := strconv.Atoi(level); err == nil && n <= p.paranoia {
				return sort
			}
		}
	}
	return noScore
}

// chain gives the step at the end of a chain of transformations. told makes
// steps that go by what a transformation says to have changed, as multiMatch does.
func (c *compiler) chain(names []string, told bool) (at int, chain transform.Chain, err error) {
	chain = make(transform.Chain, 0, len(names))
	for _, name := range names {
		t, ok := transform.Lookup(name)
		if !ok {
			return 0, nil, unsupported("transformation " + name)
		}
		chain = append(chain, t)
		key := fmt.Sprint(at, " ", t.Name(), told)
		next, ok := c.stepOf[key]
		if !ok {
			next = len(c.steps)
			before := c.steps[at]
			c.steps = append(c.steps, step{parent: at, how: t, told: told, reach: before.reach | t.Set()})
			c.stepOf[key] = next
		}
		at = next
	}
	return at, chain, nil
}

// gateRule has a rule asked only where the gate lets it: its operator must tell
// beforehand what it cannot match, and what it looks at must not change.
func (c *compiler) gateRule(r *rule) {
	if r.operator == nil || r.negated || slices.ContainsFunc(r.targets, func(t target) bool { return t.count || t.live != notLive }) {
		return
	}
	needs := r.operator.Needs()
	if len(needs.Any) == 0 {
		return
	}
	r.bit = len(c.gated)
	c.gated = append(c.gated, needs)
	key := fmt.Sprint(r.step, r.every)
	for i := range r.targets {
		key += " " + r.targets[i].String()
	}
	g, ok := c.groupOf[key]
	if !ok {
		g = len(c.groups)
		c.groups = append(c.groups, group{targets: r.targets, step: r.step, every: r.every})
		c.groupOf[key] = g
	}
	r.group = g
}

func severityName(n int) string {
	names := [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}
	if n < 0 || n >= len(names) {
		return ""
	}
	return names[n]
}

// settings refuses what would have to change how the plan works.
func (p *plan) settings(set map[string]string) error {
	state, known := engineStates[lower(set["SecRuleEngine"])]
	if !known {
		return unsupported("SecRuleEngine " + set["SecRuleEngine"])
	}
	p.engine = state
	for name, want := range map[string]string{"SecRequestBodyAccess": "on", "SecRequestBodyLimitAction": "reject"} {
		if lower(set[name]) != want {
			return unsupported(name + " " + set[name])
		}
	}
	return nil
}
