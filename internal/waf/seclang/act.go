package seclang

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// describe takes an action that says something of the rule.
func (u *Rule) describe(a action) (err error) {
	if a.name == "msg" {
		a.arg = unquote(a.arg)
	}
	if a.arg == "" {
		return errNoArgument
	}
	switch a.name {
	case "id":
		u.ID, err = numberIn(a.arg, 1, maxInt)
	case "phase":
		u.Phase, err = parsePhase(a.arg)
	case "msg":
		u.Msg, err = parseMacro(a.arg)
	case "severity":
		u.Severity, err = parseSeverity(a.arg)
	case "tag":
		u.Tags = append(u.Tags, a.arg)
	case "ver":
		u.Version = a.arg
	case "rev":
		u.Revision = a.arg
	case "maturity":
		u.Maturity, err = numberIn(a.arg, 1, 9)
	case "accuracy":
		u.Accuracy, err = numberIn(a.arg, 1, 9)
	}
	return err
}

// act takes any other action.
func (u *Rule) act(a action) (err error) {
	switch a.name {
	case "allow", "block", "deny", "drop", "pass", "redirect":
		return u.disrupt(a)
	case "t":
		return u.transform(a.arg)
	case "expirevar":
		u.Others = append(u.Others, Action{a.name, a.arg})
		return nil
	case "auditlog", "capture", "chain", "exec", "log", "multimatch", "noauditlog", "nolog":
		return u.flag(a)
	}
	if a.name == "skipafter" {
		a.arg = unquote(a.arg)
	}
	if a.arg == "" {
		return errNoArgument
	}
	switch a.name {
	case "status":
		u.Status, err = strconv.Atoi(a.arg)
	case "logdata":
		u.LogData, err = parseMacro(a.arg)
	case "setvar":
		err = u.setvar(a.arg)
	case "ctl":
		err = u.ctl(a.arg)
	case "skip":
		u.Skip, err = numberIn(a.arg, 1, maxInt)
	case "skipafter":
		u.SkipAfter = a.arg
	case "initcol":
		err = u.keep(a, strings.Contains(a.arg, "="))
	case "setenv":
		key, value, found := strings.Cut(a.arg, "=")
		if _, err = parseMacro(value); err == nil {
			err = u.keep(a, found && key != "")
		}
	}
	return err
}

func (u *Rule) keep(a action, whole bool) error {
	if !whole {
		return errors.New("it is not of the form name=value")
	}
	u.Others = append(u.Others, Action{a.name, a.arg})
	return nil
}

// flag takes an action that has no argument.
func (u *Rule) flag(a action) error {
	if a.arg != "" {
		return errors.New("it has no argument")
	}
	switch a.name {
	case "log":
		u.Log, u.Audit = true, true
	case "nolog":
		u.Log, u.Audit = false, false
	case "auditlog":
		u.Audit = true
	case "noauditlog":
		u.Audit = false
	case "capture":
		u.Capture = true
	case "multimatch":
		u.MultiMatch = true
	case "chain":
		u.Chained = true
	case "exec":
		u.Others = append(u.Others, Action{Name: a.name})
	}
	return nil
}

func (u *Rule) disrupt(a action) error {
	switch {
	case a.name == "allow":
		if a.arg != "" && a.arg != "phase" && a.arg != "request" {
			return fmt.Errorf("%q is neither phase nor request", a.arg)
		}
	case a.name == "redirect":
		if a.arg == "" {
			return errNoArgument
		}
	case a.arg != "":
		return errors.New("it has no argument")
	}
	u.Disruptive, u.Target = a.name, a.arg
	return nil
}

func (u *Rule) transform(name string) error {
	if name == "none" {
		u.Transformations = nil
		return nil
	}
	known := transformation(strings.ToLower(name))
	if known == "" {
		return &Unsupported{"transformation", name}
	}
	if known != "none" {
		u.Transformations = append(u.Transformations, known)
	}
	return nil
}

// transformation spells a name, given in lower case, as it is documented; empty:
// there is none.
func transformation(name string) string {
	switch name {
	case "normalizepath":
		return "normalisePath"
	case "normalizepathwin":
		return "normalisePathWin"
	}
	for _, known := range []string{
		"base64Decode", "base64DecodeExt", "base64Encode", "cmdLine", "compressWhitespace", "cssDecode", "escapeSeqDecode",
		"hexDecode", "hexEncode", "htmlEntityDecode", "jsDecode", "length", "lowercase", "md5", "none", "normalisePath",
		"normalisePathWin", "removeComments", "removeCommentsChar", "removeNulls", "removeWhitespace", "replaceComments",
		"replaceNulls", "sha1", "uppercase", "urlDecode", "urlDecodeUni", "urlEncode", "utf8toUnicode", "trim", "trimLeft",
		"trimRight",
	} {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}

// setvar reads tx.KEY=VALUE, tx.KEY and !tx.KEY.
func (u *Rule) setvar(arg string) (err error) {
	var s Setvar
	arg, s.Remove = strings.CutPrefix(arg, "!")
	name, value, given := strings.Cut(arg, "=")
	collection, key, _ := strings.Cut(name, ".")
	if !strings.EqualFold(collection, "TX") || strings.TrimSpace(key) == "" {
		return fmt.Errorf("%q is not of the form tx.name=value", arg)
	}
	if s.Key, err = parseMacro(key); err != nil {
		return err
	}
	if given {
		if s.Value, err = parseMacro(value); err != nil {
			return err
		}
	}
	u.Setvars = append(u.Setvars, s)
	return nil
}

// ctl reads NAME=VALUE and NAME=VALUE;VARIABLE:KEY.
func (u *Rule) ctl(arg string) (err error) {
	name, value, found := strings.Cut(arg, "=")
	if !found {
		return errors.New("it is not of the form name=value")
	}
	c := Ctl{Name: name}
	value, target, _ := strings.Cut(value, ";")
	c.Value = value
	variableName, key, _ := strings.Cut(target, ":")
	variableName = strings.ToUpper(strings.TrimSpace(variableName))
	if known, _ := variable(variableName); known && variableName != "UNKNOWN" {
		c.Variable = variableName
	}
	if c.Key, err = keyOf("ARGS", strings.TrimSpace(key)); err != nil {
		return err
	}
	switch {
	case c.Key.Rx && c.Key.Text == "":
		return errors.New("the expression of its key is empty")
	case !c.Key.Rx:
		c.Key.Text = strings.ToLower(c.Key.Text)
	}
	switch name {
	case "auditEngine", "auditLogParts", "debugLogLevel", "forceRequestBodyVariable", "forceResponseBodyVariable", "hashEnforcement",
		"hashEngine", "requestBodyAccess", "requestBodyLimit", "requestBodyProcessor", "responseBodyAccess", "responseBodyLimit",
		"responseBodyProcessor", "ruleEngine", "ruleRemoveById", "ruleRemoveByMsg", "ruleRemoveByTag", "ruleRemoveTargetById",
		"ruleRemoveTargetByMsg", "ruleRemoveTargetByTag":
	default:
		return &Unsupported{"ctl", name}
	}
	u.Ctls = append(u.Ctls, c)
	return nil
}

const maxInt = int(^uint(0) >> 1)

func numberIn(text string, low, high int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	if n < low || n > high {
		return 0, fmt.Errorf("%d is not between %d and %d", n, low, high)
	}
	return n, nil
}

func parsePhase(text string) (int, error) {
	switch text {
	case "request":
		return 2, nil
	case "response":
		return 4, nil
	case "logging":
		return 5, nil
	}
	return numberIn(text, 1, 5)
}

func parseSeverity(text string) (int, error) {
	if len(text) == 1 {
		return numberIn(text, 0, 7)
	}
	for i, name := range []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"} {
		if strings.ToLower(text) == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is no severity", text)
}
