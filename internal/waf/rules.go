package waf

import (
	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"fanlight/internal/waf/seclang"
)

// Rules reads the rules of a policy, as data and in the order in which they run.
func (p *Policy) Rules() (*seclang.Set, error) {
	if err := p.valid(); err != nil {
		return nil, err
	}
	return seclang.Read(coreruleset.FS, p.sources()...)
}
