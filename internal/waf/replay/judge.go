package replay

import (
	"fmt"
	"time"

	"fanlight/internal/waf"
)

// Judge is a policy with its engine. Not safe for concurrent use.
type Judge struct {
	Policy waf.Policy
	types  []string
	engine waf.Engine
}

// NewJudge makes the engine of a policy. types are media types of bodies, in
// lower case, that the policy looks at beside those that are always looked at.
// It refuses nothing, whatever the policy's mode: so the whole score is seen.
func NewJudge(p waf.Policy, types []string) (*Judge, error) {
	p.Mode = waf.Watch
	engine, err := waf.New(&p)
	if err != nil {
		return nil, err
	}
	return &Judge{Policy: p, types: types, engine: engine}, nil
}

// Close gives the engine back.
func (j *Judge) Close() { _ = j.engine.Close() } // gives memory back: nothing to lose

// Outcome is what becomes of a request.
type Outcome string

// Outcomes.
const (
	Passes  Outcome = "pass"
	Refused Outcome = "block"    // by its score, or by a rule
	TooLong Outcome = "too-long" // its body is longer than the policy takes
	Failed  Outcome = "failed"   // the engine did
)

// Judgement is what a policy says of one request.
type Judgement struct {
	Outcome Outcome
	Score   int
	Verdict *waf.Verdict // nil: Failed
	Blind   string       // the media type, if the body was not looked at for it
	Cost    time.Duration
	Failure error
}

// ByScore tells a request that is refused for its score from one that a rule of
// its own refuses, or a limit.
func (j *Judgement) ByScore() bool {
	return j.Outcome == Refused && j.Verdict.Interrupted.Scored()
}

// Judge gives the verdict on a request.
func (j *Judge) Judge(r *Request) (out Judgement) {
	defer func() {
		if v := recover(); v != nil {
			out = Judgement{Outcome: Failed, Failure: fmt.Errorf("panic: %v", v)}
		}
	}()
	began := threadTime()
	tx := j.engine.Begin(&r.Request)
	tx.Headers()
	body, more := j.seen(r, &out)
	tx.Body(body, more)
	v := tx.End()
	out.Cost = threadTime() - began
	out.Verdict, out.Score = v, v.Inbound
	switch {
	case out.Outcome == TooLong:
	case v.Interrupted != nil:
		out.Outcome = Refused
	default:
		out.Outcome = Passes
	}
	return out
}

// seen is what the policy has rules see of the body.
func (j *Judge) seen(r *Request, out *Judgement) (body []byte, more int64) {
	if len(r.Body) == 0 && r.More == 0 {
		return nil, 0
	}
	kind, looked := waf.LooksAt(r.head.Get("Content-Type"), j.types)
	if !looked {
		out.Blind = kind
		return nil, -1
	}
	length, n := int64(len(r.Body))+max(r.More, 0), j.Policy.Sees(&r.head, r.Body)
	if !j.Policy.Partial && (n < len(r.Body) || length > int64(j.Policy.LongestBody(&r.head))) {
		out.Outcome = TooLong
	}
	if more = r.More; more >= 0 {
		more = length - int64(n)
	}
	return r.Body[:n], more
}
