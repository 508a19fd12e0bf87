package app

import (
	"fmt"
	"os"
	"strings"

	"fanlight/internal/config"
	"fanlight/internal/gateway"
	"fanlight/internal/waf"
)

// protections are what the WAF does on the routes of a site, by what these say:
// nothing, or watch. nil: the WAF is off.
func (b *builder) protections(c *config.Site) (map[string]*gateway.Protection, error) {
	if c.WAF == nil || c.WAF.Mode == "off" {
		return nil, nil
	}
	directives, err := b.directives(c.WAF)
	if err != nil {
		return nil, err
	}
	out := map[string]*gateway.Protection{}
	modes := []string{""}
	for i := range c.Routes {
		if c.Routes[i].WAF == "watch" {
			modes = append(modes, "watch")
			break
		}
	}
	for _, mode := range modes {
		p := WAFPolicy(c.WAF)
		p.Directives = directives
		if mode == "watch" {
			p.Mode = waf.Watch
		}
		engine, err := b.engines.Get(&p)
		if err != nil {
			return nil, err
		}
		out[mode] = &gateway.Protection{Engine: engine, Policy: p, Types: lowered(c.WAF.Body.Types), Pass: c.WAF.OnFailure == "pass", Audit: b.audit(c.WAF.Audit)}
	}
	return out, nil
}

// directives are the rules of the user's own.
func (b *builder) directives(c *config.WAF) (string, error) {
	if c.Directives == "" {
		return "", nil
	}
	path := b.cfg.Resolve(c.Directives)
	b.note(path)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read directives: %w", err)
	}
	return string(text), nil
}

// protection is that of one route, nil if the WAF is off there.
func protection(of map[string]*gateway.Protection, c *config.Route) *gateway.Protection {
	if c.WAF == "off" {
		return nil
	}
	return of[c.WAF]
}

// WAFPolicy is what the configuration says of the rules.
func WAFPolicy(c *config.WAF) waf.Policy {
	out := waf.Defaults()
	if c.Mode == "block" {
		out.Mode = waf.Block
	}
	out.Paranoia, out.Detect = c.Paranoia, c.Detect
	out.Inbound, out.Outbound = c.Thresholds.Inbound, c.Thresholds.Outbound
	out.Coraza, out.File = c.Engine == "coraza", c.Directives
	out.BodyLimit, out.FilesLimit = int(c.Body.Limit), int(c.Body.Files)
	out.Partial, out.Responses = c.Body.Over == "partial", c.Responses
	for _, name := range sortedKeys(c.Set) {
		out.Setup = append(out.Setup, waf.Setting{Name: name, Value: c.Set[name]})
	}
	for _, e := range c.Exclude {
		out.Exclusions = append(out.Exclusions, waf.Exclusion{Rule: e.Rule, Target: e.Target, Host: e.Host, Path: e.Path, Exact: e.Exact, Method: e.Method})
	}
	return out
}

func lowered(words []string) []string {
	var out []string
	for _, w := range words {
		out = append(out, strings.ToLower(w))
	}
	return out
}

// inForce are the engines that sites use. The caller holds mu.
func (a *App) inForce() map[waf.Engine]bool {
	used := map[waf.Engine]bool{}
	for _, all := range []map[string]*built{a.leaving, a.built} {
		for _, b := range all {
			for i := 0; b.does != nil && i < len(b.does.Routes); i++ {
				if p := b.does.Routes[i].WAF; p != nil {
					used[p.Engine] = true
				}
			}
		}
	}
	return used
}

// forgetEngines gives the rule sets back that no site uses any more.
func (a *App) forgetEngines() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.engines.Keep(a.inForce())
}

// audit is what writes of each request in which a rule matched; nil: nothing does.
func (b *builder) audit(file string) func(*gateway.Judged) {
	if file == "" {
		return nil
	}
	return b.audits.of(b.cfg.Resolve(file))
}
