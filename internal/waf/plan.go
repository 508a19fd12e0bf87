package waf

import (
	"io/fs"
	"sync"

	"fanlight/internal/httpwire"
	"fanlight/internal/waf/vars"
)

// planEngine judges by a plan, and leaves to Coraza what the plan does not do.
type planEngine struct {
	policy Policy
	plan   *plan
	runs   sync.Pool
	coraza func() (Engine, error) // made when first needed
}

func newPlanEngine(p Policy, root fs.FS, shared *library, coraza func() (Engine, error)) (*planEngine, error) {
	made, err := newPlan(root, p.directives(), p.Paranoia, shared)
	if err != nil {
		return nil, err
	}
	return &planEngine{policy: p, plan: made, coraza: sync.OnceValues(coraza)}, nil
}

// Begin takes a transaction that was used before, if there is one.
func (e *planEngine) Begin(req *Request) Transaction {
	x, ok := e.runs.Get().(*run)
	if !ok {
		x = &run{of: e}
	}
	x.begin(e.plan, req)
	return x
}

// Close closes the engine behind, if it was ever needed.
func (e *planEngine) Close() error { return nil }

func (x *run) begin(p *plan, req *Request) {
	x.plan, x.req = p, req
	x.values.reset(p)
	x.tx.reset(&p.names)
	x.matched, x.last, x.severest = x.matched[:0], matched{}, unset
	x.engine, x.allowed = p.engine, allowNothing
	x.removed = x.removed[:0]
	for i := range x.without {
		x.without[i] = x.without[i][:0]
	}
	x.without = x.without[:0]
	x.interrupted, x.would = nil, nil
	x.found, x.quiet = x.found[:0], x.quiet[:0]
	x.forced, x.readsBody = false, true
	x.behind, x.unseen = nil, 0
}

// unset is the severity before any rule has matched.
const unset = 255

func (x *run) Headers() *Interruption {
	x.gatherHead(x.req)
	x.phase(1)
	return x.interrupted
}

func (x *run) Body(body []byte, more int64) *Interruption {
	x.unseen = more
	if more != 0 {
		x.values.Set(vars.InboundDataError, "1")
	}
	if len(body) > 0 && x.readsBody && !x.gatherBody(body) {
		return x.handOver(body, more)
	}
	x.values.changed()
	x.phase(2)
	return x.interrupted
}

// handOver has Coraza judge the request from its beginning.
func (x *run) handOver(body []byte, more int64) *Interruption {
	engine, err := x.of.coraza()
	if err != nil {
		panic(err) // the same directives were read before
	}
	x.behind = engine.Begin(x.req)
	if i := x.behind.Headers(); i != nil {
		return i
	}
	return x.behind.Body(body, more)
}

func (x *run) ResponseHeaders(h *httpwire.Head) *Interruption {
	if x.behind != nil {
		return x.behind.ResponseHeaders(h)
	}
	x.gatherResponse(h)
	x.values.changed()
	x.phase(3)
	return x.interrupted
}

func (x *run) WantsResponseBody() bool {
	if x.behind != nil {
		return x.behind.WantsResponseBody()
	}
	return x.of.policy.Responses && seesBodyOf(x.values.Get(vars.ResponseContentType))
}

func (x *run) ResponseBody(body []byte) *Interruption {
	if x.behind != nil {
		return x.behind.ResponseBody(body)
	}
	if x.WantsResponseBody() {
		x.gatherResponseBody(body)
	}
	x.values.changed()
	x.phase(4)
	return x.interrupted
}

// End gives the transaction back for another request.
func (x *run) End() *Verdict {
	if x.behind != nil {
		v := x.behind.End()
		x.release()
		return v
	}
	x.phase(lastPhase)
	v := x.verdict()
	x.release()
	return v
}

func (x *run) release() {
	x.req, x.behind = nil, nil
	clear(x.found)
	x.of.runs.Put(x)
}
