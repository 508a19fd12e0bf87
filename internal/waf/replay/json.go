package replay

import (
	"time"

	"fanlight/internal/waf"
)

// jsonRoute is what would change for one method and path.
type jsonRoute struct {
	Type         string       `json:"type"`
	Route        string       `json:"route"`
	Requests     int          `json:"requests"`
	Refused      int          `json:"refused"`
	RefusedThen  *int         `json:"refused_then,omitempty"`
	NewlyRefused *int         `json:"newly_refused,omitempty"`
	NewlyPassing *int         `json:"newly_passing,omitempty"`
	ScoreChanged *int         `json:"score_changed,omitempty"`
	Highest      int          `json:"highest"`
	HighestThen  *int         `json:"highest_then,omitempty"`
	Example      *jsonExample `json:"example,omitempty"`
}

// jsonExample is one request.
type jsonExample struct {
	Source    string      `json:"source,omitempty"`
	Time      string      `json:"time,omitempty"`
	Conn      string      `json:"conn"`
	Exchange  string      `json:"exchange"`
	Method    string      `json:"method"`
	Host      string      `json:"host,omitempty"`
	Target    string      `json:"target"`
	Score     int         `json:"score"`
	ScoreThen *int        `json:"score_then,omitempty"`
	Rules     []jsonCause `json:"rules,omitempty"`
}

// jsonCause is a rule that matched in it.
type jsonCause struct {
	Rule     int    `json:"rule"`
	Message  string `json:"message"`
	Adds     int    `json:"adds"`
	Target   string `json:"target,omitempty"`
	Value    string `json:"value,omitempty"`
	Compared string `json:"compared,omitempty"`
}

// jsonRule is in how many requests a rule matched.
type jsonRule struct {
	Type    string       `json:"type"`
	Rule    int          `json:"rule"`
	Message string       `json:"message"`
	Matched int          `json:"matched"`
	Then    *int         `json:"matched_then,omitempty"`
	Example *jsonExample `json:"example,omitempty"`
}

// jsonSummary is what was judged, and how.
type jsonSummary struct {
	Type      string         `json:"type"`
	Requests  int            `json:"requests"`
	Policy    jsonPolicy     `json:"policy"`
	Then      *jsonPolicy    `json:"then,omitempty"`
	Lacking   map[string]int `json:"lacking,omitempty"`
	NotJudged map[string]int `json:"not_judged,omitempty"`
	Live      *jsonLive      `json:"live,omitempty"`
}

// jsonPolicy is a policy and what it said.
type jsonPolicy struct {
	Paranoia   int     `json:"paranoia"`
	Detect     int     `json:"detect"`
	Threshold  int     `json:"threshold"`
	Exclusions int     `json:"exclusions"`
	Refused    int     `json:"refused"`
	TooLong    int     `json:"too_long"`
	ByScore    int     `json:"by_score"`
	Failed     int     `json:"failed"`
	BreakEven  int     `json:"break_even"`
	CPU        float64 `json:"cpu_ms"`
}

// jsonLive is how the door's own verdicts agree.
type jsonLive struct {
	Judged int `json:"judged"`
	Differ int `json:"differ"`
}

// Items are the objects that a result is written as.
func (r *Result) Items(a, b *waf.Policy) (items []any) {
	for _, s := range r.Shapes {
		items = append(items, s.json(b != nil))
	}
	for _, rule := range r.Rules {
		o := jsonRule{Type: "waf-rule-matches", Rule: rule.ID, Message: rule.Message, Matched: rule.Matched[0], Example: rule.Example.json(false)}
		if b != nil {
			o.Then = &rule.Matched[1]
		}
		items = append(items, o)
	}
	sum := jsonSummary{Type: "waf-summary", Requests: r.Requests, Policy: r.policy(0, a), Lacking: r.Lack, NotJudged: r.Left}
	if b != nil {
		then := r.policy(1, b)
		sum.Then = &then
	}
	if r.Live.Told > 0 {
		sum.Live = &jsonLive{r.Live.Told, r.Live.Differ}
	}
	return append(items, sum)
}

func (s *Shape) json(compared bool) jsonRoute {
	o := jsonRoute{Type: "waf-route", Route: s.Name, Requests: s.Requests, Refused: s.Refused[0], Highest: s.Highest[0], Example: s.Example.json(compared)}
	if compared {
		o.RefusedThen, o.NewlyRefused, o.NewlyPassing = &s.Refused[1], &s.NewlyRefused, &s.NewlyPassing
		o.ScoreChanged, o.HighestThen = &s.ScoreChanged, &s.Highest[1]
	}
	return o
}

func (e *Example) json(compared bool) *jsonExample {
	if e == nil {
		return nil
	}
	o := &jsonExample{Source: e.Source, Conn: e.Conn.String(), Exchange: e.Exchange.String(), Method: e.Method, Host: e.Host, Target: e.Target, Score: e.Score[0]}
	if !e.At.IsZero() {
		o.Time = e.At.UTC().Format(time.RFC3339Nano)
	}
	if compared {
		o.ScoreThen = &e.Score[1]
	}
	for _, c := range e.Rules {
		cause := jsonCause{Rule: c.Rule, Message: c.Message, Adds: c.Score, Target: c.Target}
		if c.Stood {
			cause.Value = c.Value
		} else {
			cause.Compared = c.Value
		}
		o.Rules = append(o.Rules, cause)
	}
	return o
}

func (r *Result) policy(side int, p *waf.Policy) jsonPolicy {
	s := &r.Sides[side]
	out := jsonPolicy{Paranoia: p.Paranoia, Detect: p.Detect, Threshold: p.Inbound, Exclusions: len(p.Exclusions),
		Refused: s.Refused, TooLong: s.TooLong, ByScore: s.ByScore, Failed: s.Failed, BreakEven: s.BreakEven()}
	if r.Requests > 0 {
		out.CPU = float64(s.Cost) / float64(time.Millisecond) / float64(r.Requests)
	}
	return out
}
