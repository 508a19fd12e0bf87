package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ruled is an event in flow notation of a rule or limit that said no.
var ruled = regexp.MustCompile(`decision "refuse: (?:[^"\\]|\\.)*" by=([a-z-]+)(?: rule=("(?:[^"\\]|\\.)*"|\S+))?|timeout (exchange)\b`)

// setting is what in the configuration says what a rule or limit allows, empty
// for one that the configuration cannot change.
func setting(rule string) string {
	switch rule {
	case "access":
		return "`allow`, `deny` and `deny_file` of the site or the route"
	case "rate-limit":
		return "`rate_limit` of the site or the route"
	case "per-address":
		return "`limits: {per_address: ...}` of the site"
	case "exchanges-per-address":
		return "`limits: {exchanges_per_address: ...}` of the site"
	case "body-bytes":
		return "`limits: {body_bytes: ...}` of the site or the route"
	case "waf-body":
		return "`body: {limit: ...}` in `waf` of the site, or `files` there for a form with files"
	case "waf-inspected":
		return "`limits: {inspected: ...}` at the top level"
	case "exchange":
		return "`timeouts: {exchange: ...}` of the route"
	case "connections", "header-bytes", "target-bytes", "header-fields":
		return "`limits: {" + strings.ReplaceAll(rule, "-", "_") + ": ...}` at the top level"
	}
	return ""
}

// filterKey is where the rule of a filter stands.
func filterKey(rule string) string {
	if text, err := strconv.Unquote(rule); err == nil {
		rule = text
	}
	if name, found := strings.CutPrefix(rule, "rule "); found {
		return "the entry " + name + " in `rules` of its `filter`"
	}
	outer, inner, nested := strings.Cut(rule, ".")
	if nested {
		return "`" + inner + "` in `" + outer + "` of its `filter`"
	}
	return "`" + rule + "` of its `filter`"
}

// advice says which setting to change where a rule of the configuration refused
// the request; empty if none did.
func (item *whyItem) advice() string {
	if text := item.wafAdvice(); text != "" {
		return text
	}
	for _, m := range ruled.FindAllStringSubmatch(item.Notation, -1) {
		if where := setting(m[1] + m[3]); where != "" {
			return fmt.Sprintf("A rule of the configuration ended it (%s), as it was told to. If such a request is to pass,\n  change %s, then: fanlight reload", m[1]+m[3], where)
		}
		if m[1] == "waf-failure" {
			return "The WAF itself failed at this request, and nothing is passed on unjudged (on_failure: refuse). `engine: coraza` in\n  `waf` of the site has another engine judge such requests; `on_failure: pass` lets them go on unjudged. Then: fanlight reload"
		}
		if m[1] == "filter" {
			return fmt.Sprintf("The filter of the site refused it, as it was told to. If such a request is to pass,\n  change %s, then: fanlight reload\n  `mode: watch` records what the filter would refuse, and lets it pass.", filterKey(m[2]))
		}
	}
	return ""
}
