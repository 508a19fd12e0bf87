package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// whyEvent is an event of the connection.
type whyEvent struct {
	Exchange string            `json:"exchange"`
	Kind     string            `json:"kind"`
	Text     string            `json:"text"`
	Facts    map[string]string `json:"facts"`
}

// waf tells which rules of the WAF matched, in what, and what they add up to.
func (item *whyItem) waf(w *strings.Builder) {
	for _, e := range item.Connection.Events {
		if !item.means(e) {
			continue
		}
		switch {
		case e.Kind == "waf-match":
			e.match(w)
		case e.Kind == "decision" && e.Facts["by"] == "waf":
			e.sum(w)
		}
	}
}

// means tells whether an event belongs to what was asked for.
func (item *whyItem) means(e whyEvent) bool {
	return item.Incident == nil || e.Exchange == item.Incident.Exchange
}

// match tells of one rule. Values stand as they were; what they became is told
// where a transformation changed them.
func (e *whyEvent) match(w *strings.Builder) {
	fmt.Fprintf(w, "\nthe WAF's rule %s matched: %s\n", e.Facts["rule"], e.Text)
	if e.Facts["severity"] != "" {
		fmt.Fprintf(w, "  %s, adds %s to the score\n", e.Facts["severity"], e.Facts["adds"])
	}
	if e.Facts["target"] == "" {
		return
	}
	further := ""
	if n := e.Facts["further"]; n != "" {
		further = ", and in " + n + " more"
	}
	fmt.Fprintf(w, "  in %s%s\n", e.Facts["target"], further)
	line := func(what, value string) { fmt.Fprintf(w, "    %-22s %s\n", what, strconv.Quote(value)) }
	if value, known := e.Facts["value"]; known {
		line("as it stood", value)
	}
	steps := e.Facts["steps"]
	for step := range strings.SplitSeq(steps, "\n") {
		if name, value, found := strings.Cut(step, " "); found {
			line("after "+name, value)
		}
	}
	if compared, known := e.Facts["compared"]; known && !strings.HasSuffix(steps, " "+compared) {
		line("as it was compared", compared)
	}
	if found, known := e.Facts["matched"]; known {
		line("what was found in it", found)
	} else {
		fmt.Fprintln(w, "    (the rule does not tell which bytes of it)")
	}
}

func (e *whyEvent) sum(w *strings.Builder) {
	fmt.Fprintf(w, "\nthe WAF's score is %s; it refuses from %s on (paranoia %s, engine %s)\n", e.Facts["score"], e.Facts["threshold"], e.Facts["paranoia"], e.Facts["engine"])
	switch unseen := e.Facts["unseen"]; unseen {
	case "":
	case "more":
		fmt.Fprintln(w, "The body went on behind what rules saw of it.")
	default:
		fmt.Fprintf(w, "%s bytes of the body were not seen by rules.\n", unseen)
	}
}

// wafAdvice is the narrowest exclusion that would let the request pass; empty if
// it was not the WAF that refused it.
func (item *whyItem) wafAdvice() string {
	refused := false
	var lines []string
	for _, e := range item.Connection.Events {
		if !item.means(e) {
			continue
		}
		refused = refused || e.Kind == "decision" && e.Facts["by"] == "waf" && strings.HasPrefix(e.Text, "block: ")
		if e.Kind == "waf-match" && e.Facts["adds"] != "0" {
			lines = append(lines, "    - "+item.exclusion(e))
		}
	}
	switch {
	case !refused:
		return ""
	case len(lines) == 0:
		return "A rule that adds no score refused the request, since it cannot be read in one way. Mend the client; or exclude the rule under `exclude` in `waf` of the site."
	}
	return "If it was an attack: nothing. If such a request is to pass, exclude as little as this under `waf` of the site,\n  then: fanlight reload\n    exclude:\n  " + strings.Join(lines, "\n  ")
}

func (item *whyItem) exclusion(e whyEvent) string {
	parts := []string{`rule: "` + e.Facts["rule"] + `"`}
	if target := e.Facts["target"]; target != "" && !strings.ContainsAny(target, "\"'\\,;{} ") {
		parts = append(parts, `target: "`+target+`"`)
	}
	for _, x := range item.Exchanges {
		path, _, _ := strings.Cut(x.Target, "?")
		if x.ID != e.Exchange || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "%\"'\\,;{}") || strings.Contains(path, "/.") || strings.Contains(path, "//") {
			continue
		}
		parts = append(parts, "exact: "+strconv.Quote(path), "method: "+x.Method)
	}
	return "{" + strings.Join(append(parts, "why: ..."), ", ") + "}"
}
