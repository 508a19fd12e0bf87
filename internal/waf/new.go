package waf

import (
	"errors"
	"fmt"

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
	if errors.As(err, new(unsupported)) || errors.As(err, new(*seclang.Unsupported)) {
		return newCoraza(p)
	}
	return made, err
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
