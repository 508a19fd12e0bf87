package seclang

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ids is one id, or all from first to last.
type ids struct{ first, last int }

func (s ids) has(id int) bool { return s.first <= id && id <= s.last }

// parseIDs reads 942100 and 942100-942199.
func parseIDs(text string) (ids, error) {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	first, err := strconv.Atoi(low)
	if err != nil {
		return ids{}, fmt.Errorf("%q is no id", text)
	}
	last, err := strconv.Atoi(high)
	if err != nil || last < first {
		return ids{}, fmt.Errorf("%q is no range of ids", text)
	}
	return ids{first, last}, nil
}

// removeByID removes the first rule with an id, or all in a range.
func (r *reader) removeByID(arg string) error {
	if arg == "" {
		return errNoArgument
	}
	for text := range strings.FieldsSeq(arg) {
		s, err := parseIDs(text)
		if err != nil {
			return err
		}
		if strings.Contains(text, "-") {
			r.remove(func(u *Rule) bool { return s.has(u.ID) })
		} else if gone := r.find(s.first); gone != nil {
			r.remove(func(u *Rule) bool { return u == gone })
		}
	}
	return nil
}

func (r *reader) removeByTag(tag string) error {
	if tag == "" {
		return errNoArgument
	}
	r.remove(func(u *Rule) bool { return slices.Contains(u.Tags, tag) })
	return nil
}

func (r *reader) remove(gone func(*Rule) bool) {
	r.set.Rules = slices.DeleteFunc(r.set.Rules, gone)
}

// updateTargetByID adds variables, mostly exceptions, to rules; not to the links
// of their chains.
func (r *reader) updateTargetByID(arg string) error {
	which, variables, err := cutIDs(arg)
	if err != nil {
		return err
	}
	return r.each(which, func(u *Rule) error { return u.addVariables(variables) })
}

func (r *reader) updateTargetByTag(arg string) error {
	fields := strings.Fields(arg)
	if len(fields) != 2 {
		return errors.New("it needs a tag and variables")
	}
	tag, variables := strings.Trim(fields[0], `"`), strings.Trim(fields[1], `"`)
	for _, u := range r.set.Rules {
		if slices.Contains(u.Tags, tag) {
			if err := u.addVariables(variables); err != nil {
				return err
			}
		}
	}
	return nil
}

// updateActionByID adds actions to rules; a disruptive one takes the place of
// theirs.
func (r *reader) updateActionByID(arg string) error {
	which, list, err := cutIDs(arg)
	if err != nil {
		return err
	}
	all, err := parseActions(list)
	if err != nil {
		return err
	}
	return r.each(which, func(u *Rule) error { return r.apply(u, all, false) })
}

// cutIDs cuts ids, and ranges of them, from what stands last, which has no spaces
// in it.
func cutIDs(arg string) (which []string, what string, err error) {
	fields := strings.Fields(arg)
	if len(fields) < 2 {
		return nil, "", errors.New("it needs ids, and what to add to their rules")
	}
	last := len(fields) - 1
	return fields[:last], strings.Trim(fields[last], `"`), nil
}

// each updates the rules with these ids. What follows a single id is not looked
// at.
func (r *reader) each(which []string, update func(*Rule) error) error {
	for _, text := range which {
		s, err := parseIDs(text)
		if err != nil {
			return err
		}
		if s.first == s.last {
			u := r.find(s.first)
			if u == nil {
				return fmt.Errorf("there is no rule %d", s.first)
			}
			return update(u)
		}
		for _, u := range r.set.Rules {
			if s.has(u.ID) {
				if err := update(u); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
