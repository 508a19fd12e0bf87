package waf

import (
	"fmt"
	"strings"
)

// directive takes the rule, or the target of it, out of the requests that the
// exclusion is for. Paths are compared as applications see them: decoded, and
// with dot segments resolved, so that an exclusion for /blog/ is none for
// /blog/../admin.
func (e *Exclusion) directive(id int) string {
	control := e.control()
	var guards []string
	if e.Host != "" {
		guards = append(guards, fmt.Sprintf(`SERVER_NAME "@streq %s" "t:none,t:lowercase`, strings.ToLower(e.Host)))
	}
	if e.Method != "" {
		guards = append(guards, fmt.Sprintf(`REQUEST_METHOD "@streq %s" "t:none`, e.Method))
	}
	if e.Path != "" {
		guards = append(guards, fmt.Sprintf(`REQUEST_FILENAME "@beginsWith %s" "t:none,t:normalizePath`, e.Path))
	}
	if len(guards) == 0 {
		return fmt.Sprintf("SecAction \"id:%d,phase:1,pass,nolog,t:none,%s\"\n", id, control)
	}
	var b strings.Builder
	for i, guard := range guards {
		b.WriteString("SecRule " + guard)
		if i == 0 {
			fmt.Fprintf(&b, ",id:%d,phase:1,pass,nolog", id)
		}
		if i == len(guards)-1 {
			b.WriteString("," + control + "\"\n")
			continue
		}
		b.WriteString(",chain\"\n    ")
	}
	return b.String()
}

// control is the action that removes. In a chain it belongs to the last link:
// the actions of the others run before the links behind them are known to match.
func (e *Exclusion) control() string {
	what, by := "ById", e.Rule
	if tag, is := strings.CutPrefix(e.Rule, "tag:"); is {
		what, by = "ByTag", tag
	}
	if e.Target == "" {
		return "ctl:ruleRemove" + what + "=" + by
	}
	return "ctl:ruleRemoveTarget" + what + "=" + by + ";" + e.Target
}

// fault says why an exclusion cannot be written as a rule, empty if it can: its
// members stand in a text in which quotes, commas and braces mean something.
func (e *Exclusion) fault() string {
	if e.Rule == "" {
		return "names no rule"
	}
	for _, member := range [...]string{e.Rule, e.Target, e.Host, e.Path, e.Method} {
		if i := strings.IndexFunc(member, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'\\,;{}", r) }); i >= 0 {
			return fmt.Sprintf("holds %q in %q", member[i], member)
		}
	}
	return ""
}
