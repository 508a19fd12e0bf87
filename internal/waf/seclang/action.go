package seclang

import (
	"fmt"
	"strings"
)

// action is one of a list: severity:'CRITICAL'.
type action struct{ name, arg string }

// sort is when an action counts.
type sort int

const (
	unknown    sort = iota
	metadata        // said of the rule, before anything else
	disruptive      // at most one is kept
	other
)

func (a action) sort() sort {
	switch a.name {
	case "accuracy", "id", "maturity", "msg", "phase", "rev", "severity", "tag", "ver":
		return metadata
	case "allow", "block", "deny", "drop", "pass", "redirect":
		return disruptive
	case "auditlog", "capture", "chain", "ctl", "exec", "expirevar", "initcol", "log", "logdata", "multimatch", "noauditlog",
		"nolog", "setenv", "setvar", "skip", "skipafter", "status", "t":
		return other
	}
	return unknown
}

// parseActions cuts a list at its commas. Single quotes protect them; the first
// byte of the list never opens any, and the byte behind a backslash never counts.
// A second disruptive action takes the place of the first.
func parseActions(list string) ([]action, error) {
	var all []action
	disrupts := -1
	add := func(from, colon, to int) error {
		a := action{name: list[from:to]}
		if colon >= 0 {
			a = action{list[from:colon], unquote(strings.TrimSpace(list[colon+1 : to]))}
		}
		a.name = strings.ToLower(strings.TrimSpace(a.name))
		switch a.sort() {
		case unknown:
			return &Unsupported{"action", a.name}
		case disruptive:
			if disrupts >= 0 {
				all[disrupts] = a
				return nil
			}
			disrupts = len(all)
		}
		all = append(all, a)
		return nil
	}
	from, colon, quoted := 0, -1, false
	for i := 1; i < len(list); i++ {
		c := list[i]
		switch {
		case list[i-1] == '\\':
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == ':' && colon < 0:
			colon = i
		case c == ',':
			if err := add(from, colon, i); err != nil {
				return nil, err
			}
			from, colon = i+1, -1
		}
	}
	return all, add(from, colon, len(list))
}

// disruptiveOf is the disruptive action of a list; empty: it has none.
func disruptiveOf(list []action) string {
	for _, a := range list {
		if a.sort() == disruptive {
			return a.name
		}
	}
	return ""
}

func hasDisruptive(list []action) bool { return disruptiveOf(list) != "" }

// apply gives actions to a rule: what is said of it first, then, if wanted, the
// defaults of its phase, then the rest.
func (r *reader) apply(u *Rule, own []action, withDefaults bool) error {
	for _, a := range own {
		if a.sort() == metadata {
			if err := u.describe(a); err != nil {
				return fmt.Errorf("read the action %s: %w", a.name, err)
			}
		}
	}
	all := own
	if defaults := r.defaults[u.Phase]; withDefaults && defaults != nil {
		all = merge(defaults, own)
	}
	for _, a := range all {
		if a.sort() != metadata {
			if err := u.act(a); err != nil {
				return fmt.Errorf("read the action %s: %w", a.name, err)
			}
		}
	}
	return nil
}

// merge puts a rule's actions behind the defaults. The default disruptive action
// holds where the rule has none, or block.
func merge(defaults, own []action) []action {
	var all []action
	var fallback action
	for _, a := range defaults {
		switch a.sort() {
		case disruptive:
			fallback = a
		case other:
			all = append(all, a)
		}
	}
	decided := false
	for _, a := range own {
		switch {
		case a.sort() != disruptive:
			all = append(all, a)
		case a.name != "block":
			decided = true
			all = append(all, a)
		}
	}
	if !decided {
		all = append(all, fallback)
	}
	return all
}

// defaultAction reads what the rules of a phase do if they do not say otherwise.
func (r *reader) defaultAction(list string) error {
	if list == "" {
		return errNoArgument
	}
	all, err := parseActions(list)
	if err != nil {
		return err
	}
	phase := 0
	for _, a := range all {
		switch {
		case a.name == "phase":
			if phase, err = parsePhase(a.arg); err != nil {
				return err
			}
		case a.sort() == metadata || a.name == "t":
			return fmt.Errorf("%s cannot be a default", a.name)
		}
	}
	switch {
	case phase == 0:
		return fmt.Errorf("it does not say of which phase")
	case !hasDisruptive(all):
		return fmt.Errorf("it needs one of allow, block, deny, drop, pass, redirect")
	case r.set.Defaults[phase] != "":
		return fmt.Errorf("phase %d has one already", phase)
	}
	r.set.Defaults[phase] = list
	r.defaults[phase] = all
	return nil
}
