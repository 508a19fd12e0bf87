package seclang

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rule reads what stands behind SecRule (looks) or SecAction, and puts it where
// it belongs: behind the other rules, or into the chain that waits for it.
func (r *reader) rule(arg string, looks bool) error {
	if strings.TrimSpace(arg) == "" {
		return errNoArgument
	}
	u := &Rule{File: r.file, Line: r.line, Phase: 2, Actions: Actions{Severity: -1}}
	actions, given := unquote(arg), true
	if looks {
		variables, operator, rest, err := split(arg)
		if err != nil {
			return err
		}
		if err := u.addVariables(variables); err != nil {
			return err
		}
		if u.Operator, err = r.operator(operator); err != nil {
			return err
		}
		actions, given = rest, rest != ""
	}
	var own []action
	if given {
		var err error
		if own, err = parseActions(actions); err != nil {
			return err
		}
		if err := r.apply(u, own, true); err != nil {
			return err
		}
	}
	return r.place(u, own)
}

func (r *reader) place(u *Rule, own []action) error {
	if head := r.waiting(); head != nil {
		if hasDisruptive(own) {
			return fmt.Errorf("a link of the chain of rule %d may not have %s: only its first rule may", head.ID, disruptiveOf(own))
		}
		u.Phase = 0
		head.Chain = append(head.Chain, u)
		return nil
	}
	if first := r.find(u.ID); u.ID != 0 && first != nil {
		return fmt.Errorf("rule %d is there already: %s, line %d", u.ID, first.File, first.Line)
	}
	r.set.Rules = append(r.set.Rules, u)
	return nil
}

// find is the first rule with an id; nil: there is none.
func (r *reader) find(id int) *Rule {
	i := slices.IndexFunc(r.set.Rules, func(u *Rule) bool { return u.ID == id })
	if i < 0 {
		return nil
	}
	return r.set.Rules[i]
}

// waiting is the rule, the last one there is, whose chain wants another link.
func (r *reader) waiting() *Rule {
	if len(r.set.Rules) == 0 {
		return nil
	}
	head := r.set.Rules[len(r.set.Rules)-1]
	last := head
	if n := len(head.Chain); n > 0 {
		last = head.Chain[n-1]
	}
	if last.Chained {
		return head
	}
	return nil
}

// split cuts VARIABLES "OPERATOR" "ACTIONS"; actions may be missing.
func split(arg string) (variables, operator, actions string, err error) {
	arg = strings.Trim(arg, " ")
	variables, rest, _ := strings.Cut(arg, " ")
	rest = strings.TrimLeft(rest, " ")
	if rest == "" || rest[0] != '"' {
		return "", "", "", errors.New(`behind the variables an operator in "quotes" is missing`)
	}
	end := quoteEnd(rest)
	if end < 0 {
		return "", "", "", errors.New("the quotes around the operator are not closed")
	}
	operator = strings.ReplaceAll(rest[1:end], `\"`, `"`)
	rest = strings.TrimLeft(rest[end+1:], " ")
	switch {
	case rest == "":
		return variables, operator, "", nil
	case len(rest) < 2 || rest[0] != '"' || rest[len(rest)-1] != '"':
		return "", "", "", errors.New(`the actions do not stand in "quotes"`)
	}
	return variables, operator, rest[1 : len(rest)-1], nil
}

// quoteEnd is where the quote that s begins with is closed; -1: nowhere. A quote
// behind an odd number of backslashes closes nothing.
func quoteEnd(s string) int {
	escapes := 0
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			escapes++
			continue
		case s[i] == '"' && escapes%2 == 0:
			return i
		}
		escapes = 0
	}
	return -1
}

// unquote takes one pair of quotes from around a text.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
