package waf

import (
	"fmt"
	"strconv"
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
	switch e.Exact {
	case "":
	case "/": // which normalizePath makes two of
		guards = append(guards, `REQUEST_FILENAME "@rx ^/+$" "t:none,t:normalizePath`)
	default:
		guards = append(guards, fmt.Sprintf(`REQUEST_FILENAME "@streq %s" "t:none,t:normalizePath`, e.Exact))
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

// bookkeeps tells whether the rules that it names are, or hold, some that sum up or
// prepare that.
func (e *Exclusion) bookkeeps() bool {
	if tag, is := strings.CutPrefix(e.Rule, "tag:"); is {
		return strings.EqualFold(tag, "OWASP_CRS") || tag == "anomaly-evaluation"
	}
	first, last, ranged := strings.Cut(e.Rule, "-")
	if !ranged {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil {
		return false
	}
	for group := from / 1000; group <= to/1000 && group < 999; group++ {
		if bookkeeping(group * 1000) {
			return true
		}
	}
	return false
}

// fault says why an exclusion cannot be written as a rule, empty if it can: its
// members stand in a text in which quotes, commas and braces mean something.
func (e *Exclusion) fault() string {
	switch {
	case e.Rule == "":
		return "names no rule"
	case e.bookkeeps():
		return "is of rule " + e.Rule + ", without which nothing is refused any more"
	}
	for _, member := range [...]string{e.Rule, e.Target, e.Host, e.Path, e.Exact, e.Method} {
		if i := strings.IndexFunc(member, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'\\,;{}", r) }); i >= 0 {
			return fmt.Sprintf("holds %q in %q", member[i], member)
		}
	}
	return ""
}
