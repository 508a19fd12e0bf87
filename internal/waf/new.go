package waf

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"fanlight/internal/waf/seclang"
)

// New makes an engine of a policy. Several are better had from Engines.
func New(p *Policy) (Engine, error) { return newEngine(p, newLibrary()) }

func newEngine(p *Policy, shared *library) (Engine, error) {
	if err := p.valid(); err != nil {
		return nil, err
	}
	if p.Coraza {
		return newCoraza(p)
	}
	made, err := newPlanEngine(*p, coreruleset.FS, shared)
	switch {
	case errors.As(err, new(unsupported)) || errors.As(err, new(*seclang.Unsupported)):
		// Coraza does not say where a fault is.
		fallback, fault := newCoraza(p)
		if fault != nil {
			return nil, fmt.Errorf("%w, so that Coraza reads the rules, and says: %w", err, fault)
		}
		return fallback, nil
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
		return nil, fmt.Errorf("%w; rules can name files of the rule set alone: write what is in it into %s itself, phrases behind @pm or in a SecDataset", err, cmp.Or(p.File, "directives"))
	case err != nil:
		return nil, err
	case made.plan.engine != engineOf(p.Mode):
		return nil, fmt.Errorf("%s: SecRuleEngine is not for here: say it as waf: mode", cmp.Or(p.File, "directives"))
	}
	return made, nil
}

// engineOf is what a mode makes of SecRuleEngine.
func engineOf(m Mode) engineState {
	if m == Watch {
		return engineWatches
	}
	return engineOn
}

func (p *Policy) valid() error {
	switch {
	case p.Paranoia < 1 || p.Paranoia > 4:
		return fmt.Errorf("read the policy of the WAF: paranoia %d is not between 1 and 4", p.Paranoia)
	case p.Detect < p.Paranoia || p.Detect > 4:
		return fmt.Errorf("read the policy of the WAF: detect %d is not between paranoia, %d, and 4", p.Detect, p.Paranoia)
	case p.Inbound < 1 || p.Outbound < 1:
		return errors.New("read the policy of the WAF: a threshold is below 1")
	case p.BodyLimit < 1 || p.BodyLimit >= 1<<30:
		return fmt.Errorf("read the policy of the WAF: body limit %d is not between 1 byte and 1 GiB", p.BodyLimit)
	case p.FilesLimit < 0 || p.FilesLimit >= 1<<30:
		return fmt.Errorf("read the policy of the WAF: limit of files %d is not between 0 and 1 GiB", p.FilesLimit)
	}
	for i := range p.Exclusions {
		if fault := p.Exclusions[i].fault(); fault != "" {
			return fmt.Errorf("read the policy of the WAF: exclusion %d %s", i+1, fault)
		}
	}
	return nil
}
