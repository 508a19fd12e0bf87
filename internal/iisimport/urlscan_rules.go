package iisimport

import (
	"slices"
	"strings"
)

// rules reads the rules that RuleList names, each a section of its own with
// another one for what it denies.
func (u *urlscan) rules() {
	list := u.option("RuleList", "")
	seen, missing := map[string]bool{}, []string(nil)
	for _, name := range splitList(list.value) {
		if seen[strings.ToLower(name)] {
			continue
		}
		seen[strings.ToLower(name)] = true
		if s := u.section(name); s != nil {
			u.rule(s)
		} else {
			missing = append(missing, "["+name+"]")
		}
	}
	switch {
	case len(missing) > 0:
		u.note(list.line, "rules", Differs, "the file has no %s; UrlScan logs that as a fault of configuration and goes on without", strings.Join(missing, ", "))
	case list.set:
		u.same(list.line, "rules")
	}
}

func (u *urlscan) rule(s *section) {
	r, key := Rule{Name: s.name}, "rules."+s.name
	var lines []Line
	read := func(o option) string {
		if o.set {
			lines = append(lines, o.line)
		}
		return o.value
	}
	flag := func(name string) bool {
		on, o := u.flag(s, name, false)
		read(o)
		return on
	}
	applies := splitList(read(u.named(s, "AppliesTo", "")))
	r.Extensions = slices.DeleteFunc(slices.Clone(applies), func(e string) bool { return !isExtension(e) })
	r.URL, r.Query, r.Raw = flag("ScanURL"), flag("ScanQueryString"), flag("ScanAllRaw")
	for _, header := range splitList(read(u.named(s, "ScanHeaders", ""))) {
		if name := strings.TrimSuffix(header, ":"); isToken(name) {
			r.Headers = append(r.Headers, name)
		}
	}
	var percent option
	r.UnescapedPercent, percent = u.flag(s, "DenyUnescapedPercent", false)
	read(percent)
	data := read(u.named(s, "DenyDataSection", ""))
	r.Deny = u.ruleData(data, key)
	if len(applies) > 0 && len(r.Extensions) == 0 {
		for _, l := range lines {
			u.note(l, "", Unused, "AppliesTo names no extension that a URL can have")
		}
		return
	}
	u.judgeRule(&r, key, data, lines)
	if !percent.set {
		u.note(Line{Within: s.name, Text: "DenyUnescapedPercent=0"}, key+".unescaped_percent", Same, "the default of UrlScan; in IIS it is the other way round")
	}
}

// ruleData reads a section of what is denied. Several rules may share one.
func (u *urlscan) ruleData(name, key string) (deny []string) {
	s := u.section(name)
	if name == "" || s == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, l := range s.lines {
		fresh := !u.read[l.number]
		line := u.line(s, l)
		written := u.sequence(line, l.text)
		switch {
		case !seen[written]:
			seen[written], deny = true, append(deny, written)
			if fresh {
				u.text(line, key+".deny", l.text)
			}
		case fresh:
			u.note(line, key+".deny", Unused, "the list says so already")
		}
	}
	return deny
}

// judgeRule keeps a rule that can refuse something.
func (u *urlscan) judgeRule(r *Rule, key, data string, lines []Line) {
	scans := r.URL || r.Query || r.Raw || len(r.Headers) > 0
	switch {
	case data != "" && u.section(data) == nil:
		for _, l := range lines {
			u.note(l, "", Lost, "the file has no [%s], which DenyDataSection names", data)
		}
		if !r.UnescapedPercent || !scans {
			return
		}
	case !scans:
		for _, l := range lines {
			u.note(l, "", Unused, "the rule scans nothing: ScanURL, ScanQueryString, ScanAllRaw and ScanHeaders are off")
		}
		return
	case len(r.Deny) == 0 && !r.UnescapedPercent:
		for _, l := range lines {
			u.note(l, "", Unused, "the rule denies nothing")
		}
		return
	default:
		for _, l := range lines {
			u.same(l, key)
		}
	}
	u.Filter.Rules = append(u.Filter.Rules, *r)
}

func splitList(s string) (out []string) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
