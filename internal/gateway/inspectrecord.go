package gateway

import (
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/waf"
)

// record says which rules matched and what came of it. A request at which no
// rule matched and of which all was seen is not worth a word.
func (i *inspection) record(v *waf.Verdict) {
	i.audit(v)
	told := 0
	for n := range v.Matches {
		if m := &v.Matches[n]; m.Told() {
			told++
			i.r.x.Log().Add(i.match(m))
		}
	}
	by := v.Interrupted
	switch {
	case by != nil && i.rule.Policy.Mode == waf.Block:
		i.r.s.g.Metrics.Fired.add(byWAF)
		i.verdict("block: "+cause(v, &i.rule.Policy), v)
	case by != nil:
		i.r.s.g.Metrics.Fired.add(byWAF + "-watch")
		i.verdict("watch: "+cause(v, &i.rule.Policy), v)
	case i.answered && told > 0:
		i.verdict("unjudged: the WAF judged the head alone, which scores "+strconv.Itoa(v.Inbound), v)
	case i.answered:
	case told > 0:
		i.verdict("pass: the WAF lets it pass, with a score of "+strconv.Itoa(v.Inbound+v.Outbound), v)
	case i.unlooked != "":
		i.verdict("pass: the WAF does not look at a body of "+i.unlooked, v)
	case v.Unseen != 0:
		i.verdict("pass: the WAF saw the beginning of the body", v)
	}
}

// refuses begins a cause: who only watches would refuse, and does not.
func refuses(p *waf.Policy) string {
	if p.Mode == waf.Watch {
		return "the WAF would refuse "
	}
	return "the WAF refuses "
}

// cause says why the WAF refuses, or would.
func cause(v *waf.Verdict, p *waf.Policy) string {
	score, threshold, what := v.Inbound, p.Inbound, "the request"
	if v.Outbound >= p.Outbound && v.Inbound < p.Inbound {
		score, threshold, what = v.Outbound, p.Outbound, "the response"
	}
	text := refuses(p) + what + ": "
	if v.Interrupted.Scored() {
		text += "it scores " + strconv.Itoa(score) + " of " + strconv.Itoa(threshold)
	}
	heaviest := -1
	for n := range v.Matches {
		if m := &v.Matches[n]; m.Rule == v.Interrupted.Rule && m.Told() {
			heaviest = n
			break
		} else if m.Score > 0 && (heaviest < 0 || m.Score > v.Matches[heaviest].Score) {
			heaviest = n
		}
	}
	if heaviest < 0 {
		return text
	}
	if v.Interrupted.Scored() {
		text += "; "
	}
	m := &v.Matches[heaviest]
	text += m.Message + " (rule " + strconv.Itoa(m.Rule) + ")"
	if hits := m.Telling(); len(hits) > 0 && hits[0].Target() != "" {
		text += " in " + hits[0].Target()
	}
	return text
}

func (i *inspection) verdict(text string, v *waf.Verdict) {
	p := &i.rule.Policy
	unseen := ""
	switch {
	case v.Unseen > 0:
		unseen = strconv.FormatInt(v.Unseen, 10)
	case v.Unseen < 0:
		unseen = "more"
	}
	score, threshold := v.Inbound, p.Inbound
	if v.Outbound > 0 && v.Inbound < p.Inbound {
		score, threshold = v.Outbound, p.Outbound
	}
	i.decided(text, byWAF, flow.KeyScore, strconv.Itoa(score), flow.KeyThreshold, strconv.Itoa(threshold),
		flow.KeyParanoia, strconv.Itoa(p.Paranoia), flow.KeyEngine, v.Engine, flow.KeyUnseen, unseen)
}

func (i *inspection) decided(text, by string, more ...string) {
	i.r.x.Log().Add(flow.Event{At: time.Now(), Exchange: i.r.x.ID(), Kind: flow.Decision, Text: text, Attrs: flow.Attrs(append([]string{flow.KeyBy, by}, more...)...)})
}

// refuse answers as a rule says.
func (i *inspection) refuse(by *waf.Interruption, v *waf.Verdict) {
	text := "the WAF refuses the request: " + by.Cause
	if v != nil && v.Interrupted != nil {
		text = cause(v, &i.rule.Policy)
	}
	i.r.fail(by.Status, text)
}

// match is the event of a rule that matched. Values are cut: a record is not the
// place of a whole body.
func (i *inspection) match(m *waf.Match) flow.Event {
	e := flow.Event{At: time.Now(), Exchange: i.r.x.ID(), Kind: flow.WAFMatch, Text: m.Message}
	pairs := []string{flow.KeyRule, strconv.Itoa(m.Rule), flow.KeySeverity, m.Severity, flow.KeyAdds, strconv.Itoa(m.Score)}
	hits := m.Telling()
	if len(hits) > 0 {
		h := hits[0]
		found := m.Found()
		if !strings.Contains(h.Value, found) {
			found = "" // the fingerprint of a parser, not a part of the value
		}
		value, compared := "", excerpt(h.Value, found)
		if h.Known {
			value = excerpt(h.Before, found)
		}
		if compared == value {
			compared = ""
		}
		pairs = append(pairs, flow.KeyTarget, h.Target(), flow.KeyWithin, h.Within, flow.KeyValue, value, flow.KeySteps, stepLines(h, found), flow.KeyCompared, compared, flow.KeyMatched, excerpt(found, ""))
	}
	if n := len(hits) - 1; n > 0 {
		pairs = append(pairs, flow.KeyFurther, strconv.Itoa(n))
	}
	e.Attrs = flow.Attrs(pairs...)
	return e
}
