package rules

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var wafBlockedBenignLooking = explain.Rule{
	ID:       "waf-blocked-benign-looking",
	Title:    "The WAF refused what looks like ordinary use",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "A rule of the WAF found in a value what attacks have, and the score reached the threshold; but the value consists of words and ordinary punctuation, as people write them. Rules go by likeness, so that names such as O'Neil, a sentence with `select` and `from`, or a text about programs can be taken for attacks.",
		Looks: "403 for some users or some texts only; the form works with other words. The record has `waf-match` with the rule and the argument, and a decision by `waf` with the score.",
		Why:   "Free text (comments, search, names) in a field that the rule set guards as strictly as any other; a paranoia level that is higher than the application was prepared for; a threshold that one rule alone reaches.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Look at what the rule found. If the value is legitimate, keep this rule from this argument at this path, and nothing else:", `waf: {mode: block, exclude: [{rule: "942100", target: "ARGS:q", path: /search, why: "people search for sentences"}]}`),
			fix(explain.Gateway, "Fanlight", "While you find out what else is ordinary, record and refuse nothing:", "waf: {mode: watch}"),
			fix(explain.Gateway, "ModSecurity", "Where the same happens in ModSecurity:", `SecRuleUpdateTargetById 942100 "!ARGS:q"`),
		},
		Confirm: "`fanlight why` with the incident shows the value, each step of how it was changed, and what the rule found in it. The same request with other words passes.",
		LookAlikes: []explain.Alike{
			{ID: "request-filter-rejected", Difference: "a list of what is not let in refused, by a filter and not by scores"},
			{ID: "an attack in ordinary words", Difference: "tries many forms of one thing, at many paths, from few addresses; exclude no rule for it"},
			{ID: "body-limit-truncates-upload", Difference: "the body is longer than the WAF looks at: 413"},
		},
		References: []string{"OWASP CRS documentation: false positives and tuning", "OWASP CRS documentation: anomaly scoring"},
	},
	Check: checkWAFBenign,
}

// wafHit is a rule that added to the score of an exchange.
type wafHit struct {
	event               int
	rule, target, value string
}

func checkWAFBenign(p *explain.Pass) {
	for _, c := range p.Conns() {
		for i := range c.Events {
			e := &c.Events[i]
			blocked, watched := strings.HasPrefix(e.Text, "block: "), strings.HasPrefix(e.Text, "watch: ")
			if e.Kind != flow.Decision || e.Attr(flow.KeyBy) != "waf" || !blocked && !watched {
				continue
			}
			x := exchangeOf(c, e.Exchange)
			if x == nil {
				continue
			}
			if hits := wafHits(c, x); looksOrdinary(hits) {
				reportWAFBenign(p, c, x, i, hits)
			}
		}
	}
}

// wafHits are the rules that scored.
func wafHits(c *flow.Conn, x *flow.Exchange) (hits []wafHit) {
	for i := range c.Events {
		e := &c.Events[i]
		if adds := e.Attr(flow.KeyAdds); e.Kind == flow.WAFMatch && e.Exchange == x.ID && adds != "" && adds != "0" {
			hits = append(hits, wafHit{i, e.Attr(flow.KeyRule), e.Attr(flow.KeyTarget), e.Attr(flow.KeyValue)})
		}
	}
	return hits
}

// mostHits is how many rules may have scored: an attack sets off more.
const mostHits = 2

// looksOrdinary tells that few rules scored, all of them about one value that a
// visitor wrote, and that it reads like a name or a sentence.
func looksOrdinary(hits []wafHit) bool {
	if len(hits) == 0 || len(hits) > mostHits {
		return false
	}
	first := hits[0]
	return !slices.ContainsFunc(hits, func(h wafHit) bool {
		return !guessesByWords(h.rule) || h.target != first.target || h.value != first.value
	}) && writtenByVisitors(first.target) && ordinary(first.value)
}

// guessesByWords tells whether a rule of the Core Rule Set is one of those that
// words of a language set off: shells (932), PHP (933), programs (934), scripts
// (941), SQL (942). The others are about forms that nobody writes by chance.
func guessesByWords(rule string) bool {
	return len(rule) == 6 && slices.Contains([]string{"932", "933", "934", "941", "942"}, rule[:3])
}

// writtenByVisitors tells whether a variable holds what visitors write.
func writtenByVisitors(target string) bool {
	return strings.HasPrefix(target, "ARGS") && !strings.HasPrefix(target, "ARGS_NAMES")
}

// longestOrdinary is the longest value that is judged: of what was cut, nobody
// knows the rest.
const longestOrdinary = 200

// ordinary tells whether a value has only what names and sentences have: several
// words of letters and digits with ordinary punctuation, or a name with an
// apostrophe, and no phrase of a program.
func ordinary(s string) bool {
	if len(s) > longestOrdinary || len(strings.Fields(s)) < 2 && !strings.ContainsAny(s, "'’") || phrases.MatchString(s) {
		return false
	}
	runes := []rune(" " + s + " ")
	for i := 1; i < len(runes)-1; i++ {
		if !ordinaryRune(runes[i-1], runes[i], runes[i+1]) {
			return false
		}
	}
	return true
}

// ordinaryRune judges a character by those beside it: an apostrophe and a hyphen
// stand inside of words, a hyphen between blanks too; "-c" and "--" belong to
// programs.
func ordinaryRune(before, r, after rune) bool {
	switch {
	case unicode.IsLetter(r), unicode.IsDigit(r):
		return true
	case r == '\'', r == '’':
		return unicode.IsLetter(before) && unicode.IsLetter(after)
	case r == '-':
		return before == ' ' && after == ' ' || wordRune(before) && wordRune(after)
	}
	return strings.ContainsRune(" .,!?:", r)
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// phrases are what sentences do not have, though their words are ordinary.
var phrases = regexp.MustCompile(`(?i)\bunion\s+(all\s+)?select\b|\b(drop|truncate|alter)\s+(table|database)\b|\binsert\s+into\b|\b(or|and)\s+\d+\s*(like|is|between)\b|information.schema|\bxp.cmdshell\b|\bwaitfor\s+delay\b|\binto\s+(outfile|dumpfile)\b|\bjavascript\s*:|\bdata\s*:|\bwget\s|\bcurl\s+-|\bcat\s+-|\bexec\s+master\b`)

func reportWAFBenign(p *explain.Pass, c *flow.Conn, x *flow.Exchange, i int, hits []wafHit) {
	decided, first := &c.Events[i], hits[0]
	f := explain.Finding{
		Confidence: explain.Possible,
		Cause: fmt.Sprintf("The WAF refused %s with a score of %s (threshold %s) because of %s alone, which %s took for an attack. Its value reads like a name or a sentence: letters, digits and ordinary punctuation.",
			asked(x), decided.Attr(flow.KeyScore), decided.Attr(flow.KeyThreshold), first.target, ruleNames(hits)),
		Missing: []string{"what visitors write in " + first.target + ": whether such values are expected there"},
		Fixes:   wafFixes(p, x, hits),
	}
	for _, h := range hits {
		f.Evidence = append(f.Evidence, explain.At(c, h.event, fmt.Sprintf("rule %s: %s", h.rule, c.Events[h.event].Text)))
	}
	if d, y := answeredAlike(p, x); y != nil {
		if len(strings.Fields(first.value)) >= sentence {
			f.Confidence = explain.Likely
		}
		f.Evidence = append(f.Evidence, explain.At(d, findOf(d, y, flow.Response), fmt.Sprintf("%s with the same arguments, and another value, was answered %d", y.Method+" "+pathOf(y), y.Status)))
	}
	p.Blame(&f, c, x)
	if strings.HasPrefix(decided.Text, "watch: ") {
		f.Title = "The WAF, which only watches, would refuse what looks like ordinary use"
		f.Cause = strings.Replace(f.Cause, "The WAF refused", "The WAF would refuse", 1)
		p.ReportAs(explain.Note, f)
		return
	}
	p.Report(f)
}

// sentence is from how many words on a value is hardly a command: "net user" may
// be one.
const sentence = 3

func ruleNames(hits []wafHit) string {
	if len(hits) == 1 {
		return "rule " + hits[0].rule
	}
	return "the rules " + hits[0].rule + " and " + hits[1].rule
}

// wafFixes are those of the page, the exclusions made for what was found.
func wafFixes(p *explain.Pass, x *flow.Exchange, hits []wafHit) []explain.Fix {
	fixes := slices.Clone(p.Fixes())
	var exclude []string
	for _, h := range hits {
		exclude = append(exclude, fmt.Sprintf("{rule: %q, target: %q, path: %q, method: %s, why: \"visitors write sentences there\"}", h.rule, h.target, pathOf(x), x.Method))
	}
	fixes[0].Command = "waf: {mode: block, exclude: [" + strings.Join(exclude, ", ") + "]}"
	return fixes
}

// answeredAlike is another exchange with the same site, method, path and names of
// arguments that was let through and answered well.
func answeredAlike(p *explain.Pass, x *flow.Exchange) (*flow.Conn, *flow.Exchange) {
	for _, c := range p.Conns() {
		if c.Self == flow.Client {
			continue
		}
		for _, y := range c.Exchanges {
			if y != x && y.Status >= 200 && y.Status < 300 && y.Method == x.Method && strings.EqualFold(y.Host, x.Host) &&
				pathOf(y) == pathOf(x) && slices.Equal(argumentNames(y), argumentNames(x)) && decision(c, y, "", isWAF) < 0 {
				return c, y
			}
		}
	}
	return nil, nil
}

func isWAF(e *flow.Event) bool { return e.Attr(flow.KeyBy) == "waf" }

// argumentNames are the names in the query of x.
func argumentNames(x *flow.Exchange) (names []string) {
	_, query, _ := strings.Cut(x.Target, "?")
	values, _ := url.ParseQuery(query)
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
