package waf

import (
	"strconv"
)

// live is a variable that changes while rules run.
type live uint8

const (
	notLive live = iota
	liveTX
	liveMatchedVar
	liveMatchedVarName
	liveMatchedVars
	liveMatchedVarsNames
	liveSeverity
)

var liveNames = map[string]live{
	"TX":                 liveTX,
	"MATCHED_VAR":        liveMatchedVar,
	"MATCHED_VAR_NAME":   liveMatchedVarName,
	"MATCHED_VARS":       liveMatchedVars,
	"MATCHED_VARS_NAMES": liveMatchedVarsNames,
	"HIGHEST_SEVERITY":   liveSeverity,
}

// appendLive appends what a live variable holds now, as far as a target wants it.
func (x *run) appendLive(out []pair, t *target) []pair {
	add := func(key, fold, value string) {
		if t.wants(fold) {
			out = append(out, pair{key, value})
		}
	}
	switch t.live {
	case liveTX:
		return x.appendTX(out, t)
	case liveMatchedVar:
		add("", "", x.last.value)
	case liveMatchedVarName:
		add("", "", x.last.name())
	case liveSeverity:
		add("", "", strconv.Itoa(x.severest))
	case liveMatchedVars:
		for i := range x.matched {
			name := x.matched[i].name()
			add(name, lower(name), x.matched[i].value)
		}
	case liveMatchedVarsNames:
		for i := range x.matched {
			name := x.matched[i].name()
			add(name, lower(name), name)
		}
	}
	return out
}

// appendTX appends variables of TX. Which of the slots are wanted was found out
// when the plan was made; names that macros made are looked at here.
func (x *run) appendTX(out []pair, t *target) []pair {
	for _, slot := range t.slots {
		if v, ok := x.tx.at(slot); ok {
			out = append(out, pair{x.plan.names.list[slot], v})
		}
	}
	for _, p := range x.tx.more {
		if t.wants(p.key) {
			out = append(out, p)
		}
	}
	return out
}

// count is how many values a target has.
func (x *run) count(r *rule, t *target) (n int) {
	if t.live == notLive {
		for _, p := range x.values.Of(t.of) {
			if t.wants(p.Fold) && !x.isWithout(r, t, p.Fold) {
				n++
			}
		}
		return n
	}
	if t.live == liveTX && t.key != "" {
		for _, slot := range t.slots {
			if _, ok := x.tx.at(slot); ok && !x.isWithout(r, t, t.key) {
				n++
			}
		}
		return n
	}
	from := len(x.scratch)
	x.scratch = x.appendLive(x.scratch, t)
	for _, p := range x.scratch[from:] {
		if !x.isWithout(r, t, lower(p.key)) {
			n++
		}
	}
	x.scratch = x.scratch[:from]
	return n
}

// first is the first value of a target, for macros.
func (x *run) first(t *target) (value string, ok bool) {
	if t.live == notLive {
		for _, p := range x.values.Of(t.of) {
			if t.wants(p.Fold) {
				return p.Value, true
			}
		}
		return "", false
	}
	from := len(x.scratch)
	x.scratch = x.appendLive(x.scratch, t)
	if len(x.scratch) > from {
		value, ok = x.scratch[from].value, true
	}
	x.scratch = x.scratch[:from]
	return value, ok
}
