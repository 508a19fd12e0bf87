package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func (w *WAF) setDefaults() {
	if w == nil {
		return
	}
	setDefault(&w.Paranoia, 1)
	w.Detect = cmp.Or(w.Detect, w.Paranoia)
	setDefault(&w.Thresholds.Inbound, 5)
	setDefault(&w.Thresholds.Outbound, 4)
	setDefault(&w.Body.Limit, 128*kib)
	setDefault(&w.Body.Files, 12*mib)
	setDefault(&w.Body.Over, "refuse")
	setDefault(&w.OnFailure, "refuse")
	setDefault(&w.Engine, "auto")
}

// mostWAFBody bounds the bodies that are held for the WAF.
const mostWAFBody = 64 * mib

func (k *checker) waf(path string, s *Site) {
	w := s.WAF
	if w == nil {
		return
	}
	at := path + ".waf"
	switch {
	case w.Paranoia > 4:
		k.fault(at+".paranoia", "write 1, 2, 3 or 4", "paranoia of waf is %d", w.Paranoia)
	case w.Detect > 4:
		k.fault(at+".detect", "write 1, 2, 3 or 4", "detect of waf is %d", w.Detect)
	case w.Detect < w.Paranoia:
		k.fault(at+".detect", "leave it out, or write paranoia or more", "detect of waf, %d, is below paranoia, %d: what counts is told of", w.Detect, w.Paranoia)
	}
	if w.Body.Limit > mostWAFBody {
		k.fault(at+".body.limit", "what rules see is held in memory", "limit of waf body is above 64MiB")
	}
	if w.Body.Files > mostWAFBody {
		k.fault(at+".body.files", "files are held in memory until the form is judged; waf: off on the route of longer uploads lets them pass", "files of waf body is above 64MiB")
	}
	k.wafTypes(at+".body.types", w.Body.Types)
	k.wafSet(at+".set", w.Set)
	for i := range w.Exclude {
		k.wafExclusion(fmt.Sprintf("%s.exclude[%d]", at, i), &w.Exclude[i])
	}
}

func (k *checker) wafTypes(at string, types []string) {
	for i, kind := range types {
		before, after, found := strings.Cut(strings.TrimSuffix(kind, "*"), "/")
		if !found || !isToken(before) || after != "" && !isToken(after) || after == "" && !strings.HasSuffix(kind, "*") {
			k.fault(fmt.Sprintf("%s[%d]", at, i), "write application/octet-stream, or image/* for all images", "%q is no media type", kind)
		}
	}
}

func (k *checker) wafSet(at string, set map[string]string) {
	own := map[string]string{"blocking_paranoia_level": "paranoia", "detection_paranoia_level": "detect",
		"inbound_anomaly_score_threshold": "thresholds", "outbound_anomaly_score_threshold": "thresholds", "crs_setup_version": ""}
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, key := range slices.Sorted(maps.Keys(set)) {
		instead, is := own[key]
		switch {
		case is && instead != "":
			k.fault(at+"."+key, "write "+instead+" of waf", "%s has a key of its own", key)
		case is || !name.MatchString(key):
			k.fault(at+"."+key, "write a name such as allowed_methods", "set of waf knows no %q", key)
		case unquotable(set[key], " "):
			k.fault(at+"."+key, `leave out quotes, backslashes, braces and control characters`, "the value of %s cannot be given to the rules", key)
		}
	}
}

// unquotable tells whether a value would mean something else in a rule. allowed
// are characters that do no harm here.
func unquotable(s, allowed string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune(allowed, r) && (r <= ' ' || r >= 0x7f) || strings.ContainsRune(`"'\{}`, r)
	})
}

func (k *checker) wafExclusion(at string, e *WAFExclusion) {
	k.excludedRule(at+".rule", e.Rule)
	if e.Target != "" && !regexp.MustCompile(`^[A-Z_]+(:[^\s"'\\,;{}/][^\s"'\\,;{}]*)?$`).MatchString(e.Target) {
		k.fault(at+".target", "write ARGS:comment, REQUEST_COOKIES:session or REQUEST_BODY", "%q is no target of a rule", e.Target)
	}
	for key, text := range map[string]string{"host": e.Host, "path": e.Path, "exact": e.Exact, "method": e.Method} {
		if unquotable(text, "") || strings.ContainsAny(text, ",;") {
			k.fault(at+"."+key, "leave out blanks, quotes, commas, semicolons, backslashes and braces", "%s %q cannot be given to the rules", key, text)
		}
	}
	switch {
	case e.Path != "" && !strings.HasPrefix(e.Path, "/"):
		k.fault(at+".path", fmt.Sprintf("did you mean %q?", "/"+strings.Trim(e.Path, "/*")+"/"), `path %q does not begin with "/"`, e.Path)
	case strings.HasSuffix(e.Path, "*"):
		k.fault(at+".path", fmt.Sprintf("did you mean %q?", strings.TrimRight(e.Path, "*")), `path %q ends with "*", but is a prefix as it is`, e.Path)
	}
	switch {
	case e.Exact != "" && e.Path != "":
		k.fault(at+".exact", "leave one of them", "an exclusion has path and exact")
	case e.Exact != "" && !strings.HasPrefix(e.Exact, "/"):
		k.fault(at+".exact", fmt.Sprintf("did you mean %q?", "/"+e.Exact), `exact %q does not begin with "/"`, e.Exact)
	}
	if e.Method != strings.ToUpper(e.Method) {
		k.fault(at+".method", fmt.Sprintf("did you mean %q?", strings.ToUpper(e.Method)), "method %q is not in capitals", e.Method)
	}
}

// excludedRule refuses what is no rule, and rules without which the others add
// up to nothing: those that initialize, that sum up, and that refuse.
func (k *checker) excludedRule(at, rule string) {
	if rule == "" {
		return
	}
	if tag, is := strings.CutPrefix(rule, "tag:"); is {
		switch {
		case tag == "" || unquotable(tag, "") || strings.ContainsAny(tag, ",;"):
			k.fault(at, "write tag:attack-sqli", "%q is no tag", tag)
		case strings.EqualFold(tag, "OWASP_CRS") || tag == "anomaly-evaluation":
			k.fault(at, "write mode: off, or name what does not fit", "tag %s is that of every rule, also of those that sum up", tag)
		}
		return
	}
	first, last, isRange := strings.Cut(rule, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || from < 1 || to < from || to > 1e9 {
		k.fault(at, "write 942100, 942100-942199 or tag:attack-sqli", "%q is no rule", rule)
		return
	}
	for _, group := range [...]struct {
		id  int
		why string
	}{{901, "initializes"}, {905, "lets the server's own requests pass"}, {949, "sums up and refuses"}, {959, "sums up and refuses"}, {980, "reports"}} {
		if from <= group.id*1000+999 && to >= group.id*1000 {
			k.fault(at, "name the rule that scored: "+"`fanlight why INCIDENT` lists it", "rule %s cannot be excluded: the group %d only %s", rule, group.id, group.why)
			return
		}
	}
}
