package seclang

import (
	"errors"
	"fmt"
	"strings"
)

var errNoArgument = errors.New("it needs an argument")

// directive does what a line says.
func (r *reader) directive(line string) error {
	name, arg, _ := strings.Cut(line, " ")
	if len(arg) >= 3 && arg[0] == '"' && arg[len(arg)-1] == '"' {
		arg = strings.Trim(arg, `"`)
	}
	do := r.known(strings.ToLower(name))
	if do == nil {
		return &Unsupported{"directive", name}
	}
	if err := do(arg); err != nil {
		if f := (*Fault)(nil); errors.As(err, &f) {
			return err
		}
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// known is what a directive does, by its name in lower case; nil: unknown.
func (r *reader) known(name string) func(arg string) error {
	switch name {
	case "include":
		return r.include
	case "secrule":
		return func(arg string) error { return r.rule(arg, true) }
	case "secaction":
		return func(arg string) error { return r.rule(arg, false) }
	case "secmarker":
		return r.marker
	case "secdefaultaction":
		return r.defaultAction
	case "secdataset":
		return r.dataset
	case "secruleremovebyid":
		return r.removeByID
	case "secruleremovebytag":
		return r.removeByTag
	case "secruleupdatetargetbyid":
		return r.updateTargetByID
	case "secruleupdatetargetbytag":
		return r.updateTargetByTag
	case "secruleupdateactionbyid":
		return r.updateActionByID
	}
	return r.setting(name)
}

func (r *reader) include(pattern string) error {
	if r.includes++; r.includes > maxIncludes {
		return fmt.Errorf("there are more than %d of them", maxIncludes)
	}
	return r.files(pattern)
}

func (r *reader) marker(name string) error {
	if name == "" {
		return errNoArgument
	}
	r.set.Rules = append(r.set.Rules, &Rule{Marker: name, File: r.file, Line: r.line, Actions: Actions{Severity: -1}})
	return nil
}

// dataset reads lines between backticks, for the operators that name them.
func (r *reader) dataset(arg string) error {
	name, lines, found := strings.Cut(arg, " ")
	if !found {
		return errors.New("it needs a name, and lines between backticks")
	}
	r.datasets[name] = entries(strings.Trim(lines, "`"))
	return nil
}

// entries are the lines of a text without blank ones and comments.
func entries(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}
