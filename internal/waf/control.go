package waf

import (
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/waf/seclang"
	"fanlight/internal/waf/vars"
)

// control is one ctl action.
type control struct {
	what   controlKind
	rules  []*rule // that it takes off, or takes a target off
	target selection
	text   string
}

type controlKind uint8

const (
	removeRules controlKind = iota
	removeTargets
	setEngine
	setProcessor
	forceBody
	bodyAccess
	nothing // about logs that are not kept
)

func (x *run) control(c *control) {
	switch c.what {
	case removeRules:
		if len(x.removed) == 0 {
			n := (len(x.plan.all) + 63) / 64
			x.removed = slices.Grow(x.removed, n)[:n]
			clear(x.removed)
		}
		for _, r := range c.rules {
			x.removed[r.place/64] |= 1 << (r.place % 64)
		}
	case removeTargets:
		if n := len(x.plan.all); len(x.without) < n {
			x.without = slices.Grow(x.without, n)[:n]
		}
		for _, r := range c.rules {
			x.without[r.place] = append(x.without[r.place], c.target)
		}
	case setEngine:
		x.engine = engineStates[c.text]
	case setProcessor:
		x.values.Set(vars.ReqbodyProcessor, c.text)
		x.values.changed()
	case forceBody:
		x.forced = c.text == "on"
	case bodyAccess:
		x.readsBody = c.text == "on"
	}
}

var engineStates = map[string]engineState{"on": engineOn, "detectiononly": engineWatches, "off": engineOff}

func (p *plan) control(c seclang.Ctl) (control, error) {
	out := control{text: lower(c.Value)}
	switch c.Name {
	case "ruleRemoveById":
		out.what, out.rules = removeRules, p.withID(c.Value)
	case "ruleRemoveByTag":
		out.what, out.rules = removeRules, p.withTag(c.Value)
	case "ruleRemoveTargetById":
		out.what, out.rules = removeTargets, p.withID(c.Value)
	case "ruleRemoveTargetByTag":
		out.what, out.rules = removeTargets, p.withTag(c.Value)
	case "ruleEngine":
		if _, known := engineStates[out.text]; !known {
			return control{}, unsupported("ctl:ruleEngine=" + c.Value)
		}
		out.what = setEngine
	case "requestBodyProcessor":
		out.what, out.text = setProcessor, strings.ToUpper(c.Value)
	case "forceRequestBodyVariable":
		out.what = forceBody
	case "requestBodyAccess":
		out.what = bodyAccess
	case "auditEngine", "auditLogParts":
		out.what = nothing
	default:
		return control{}, unsupported("ctl:" + c.Name)
	}
	if out.what == removeTargets {
		s, err := newSelector(c.Key)
		if err != nil {
			return control{}, err
		}
		out.target = selection{c.Variable, s}
	}
	return out, nil
}

func (p *plan) withID(text string) []*rule {
	first, last, isRange := strings.Cut(text, "-")
	from, err := strconv.Atoi(strings.TrimSpace(first))
	to := from
	if isRange && err == nil {
		to, err = strconv.Atoi(strings.TrimSpace(last))
	}
	if err != nil {
		return nil
	}
	return p.which(func(r *rule) bool { return r.id >= from && r.id <= to })
}

func (p *plan) withTag(tag string) []*rule {
	return p.which(func(r *rule) bool { return slices.Contains(r.tags, tag) })
}

func (p *plan) which(keep func(*rule) bool) (out []*rule) {
	for _, r := range p.all {
		if keep(r) {
			out = append(out, r)
		}
	}
	return out
}
