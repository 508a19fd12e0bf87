package waf

import (
	"io/fs"
	"sync"

	"fanlight/internal/httpwire"
	"fanlight/internal/waf/vars"
)

// planEngine judges by a plan.
type planEngine struct {
	policy Policy
	plan   *plan
	runs   sync.Pool
}

func newPlanEngine(p Policy, root fs.FS, shared *library) (*planEngine, error) {
	made, err := newPlan(root, &p, shared)
	if err != nil {
		return nil, err
	}
	return &planEngine{policy: p, plan: made}, nil
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

// Close has nothing to give back.
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
	x.unseen = 0
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
	if x.readsBody {
		x.gatherBody(body)
	}
	x.values.changed()
	x.phase(2)
	return x.interrupted
}

func (x *run) ResponseHeaders(h *httpwire.Head) *Interruption {
	x.gatherResponse(h)
	x.values.changed()
	x.phase(3)
	return x.interrupted
}

func (x *run) WantsResponseBody() bool {
	return x.of.policy.Responses && seesBodyOf(x.values.Get(vars.ResponseContentType))
}

func (x *run) ResponseBody(body []byte) *Interruption {
	if x.WantsResponseBody() {
		x.gatherResponseBody(body)
	}
	x.values.changed()
	x.phase(4)
	return x.interrupted
}

// End gives the transaction back for another request.
func (x *run) End() *Verdict {
	x.phase(lastPhase)
	v := x.verdict()
	x.release()
	return v
}

func (x *run) release() {
	x.req = nil
	clear(x.found)
	x.of.runs.Put(x)
}
