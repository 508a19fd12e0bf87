package replay

// jsonProposal is what lets a request pass, and what that costs.
type jsonProposal struct {
	Type       string          `json:"type"`
	Request    *jsonExample    `json:"request"`
	Threshold  int             `json:"threshold"`
	Proven     bool            `json:"proven"`
	Lacking    []string        `json:"lacking,omitempty"`
	Exclusions []jsonExclusion `json:"exclusions"`
	Others     *jsonOthers     `json:"others,omitempty"`
	Attacks    []jsonAttacks   `json:"attacks,omitempty"`
}

// jsonExclusion is one of them, by the names of the configuration.
type jsonExclusion struct {
	Rule    string `json:"rule"`
	Target  string `json:"target,omitempty"`
	Host    string `json:"host,omitempty"`
	Path    string `json:"path,omitempty"`
	Exact   string `json:"exact,omitempty"`
	Method  string `json:"method,omitempty"`
	Message string `json:"message"`
}

// jsonOthers is what becomes of the other requests.
type jsonOthers struct {
	Requests     int         `json:"requests"`
	NewlyPassing int         `json:"newly_passing"`
	Routes       []jsonRoute `json:"routes,omitempty"`
}

// jsonAttacks is what becomes of attacks on one target.
type jsonAttacks struct {
	Kind        string   `json:"kind"`
	Target      string   `json:"target"`
	Tried       int      `json:"tried"`
	Refused     int      `json:"refused"`
	RefusedThen int      `json:"refused_then"`
	Lost        []string `json:"lost,omitempty"`
}

// Items are the objects that a proposal is written as; others may be nil.
func (p *Proposal) Items(others *Result) []any {
	o := jsonProposal{Type: "waf-exclusion", Request: example(p.Request, &p.Before, &p.After).json(true), Threshold: p.Policy.Inbound, Proven: !p.Unproven, Lacking: p.Request.Lack}
	for i := range p.Excluded {
		e := &p.Excluded[i]
		o.Exclusions = append(o.Exclusions, jsonExclusion{Rule: e.Rule, Target: e.Exclusion.Target, Host: e.Host, Path: e.Path, Exact: e.Exact, Method: e.Method, Message: e.Cause.Message})
	}
	if others != nil && others.Requests > 0 {
		o.Others = &jsonOthers{Requests: others.Requests}
		for _, s := range others.Shapes {
			if s.NewlyPassing > 0 {
				o.Others.NewlyPassing += s.NewlyPassing
				o.Others.Routes = append(o.Others.Routes, s.json(true))
			}
		}
	}
	for _, a := range p.Attacks {
		o.Attacks = append(o.Attacks, jsonAttacks{Kind: a.Kind, Target: a.Target, Tried: a.Tried, Refused: a.Before, RefusedThen: a.After, Lost: a.Lost})
	}
	return []any{o}
}
