package waf

import (
	"io/fs"
	"sync"
	"unsafe"

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
		x = &run{of: e, plan: e.plan}
		x.reset()
	}
	x.req = req
	return x
}

// Close has nothing to give back.
func (e *planEngine) Close() error { return nil }

// reset makes the run ready for a request, and lets go of what it has of another:
// bodies and secrets are not to stay in a pool.
func (x *run) reset() {
	x.req = nil
	x.values.reset(x.plan)
	x.tx.reset(&x.plan.names)
	x.last, x.severest = matched{}, unset
	// These were shortened on the way.
	x.matched, x.hits, x.scratch = emptied(x.matched[:cap(x.matched)]), emptied(x.hits[:cap(x.hits)]), emptied(x.scratch[:cap(x.scratch)])
	x.engine, x.allowed = x.plan.engine, allowNothing
	x.removed = x.removed[:0]
	for i := range x.without {
		x.without[i] = x.without[i][:0]
	}
	x.without = x.without[:0]
	x.interrupted, x.would = nil, nil
	x.found, x.quiet = emptied(x.found), x.quiet[:0]
	x.forced, x.readsBody = false, true
	x.unseen = 0
}

// unset is the severity before any rule has matched.
const unset = 255

// Idle lets go of the forms of values: few rules look at them again.
func (x *run) Idle() int {
	x.values.rest()
	held := x.values.Size()
	for i := range x.found {
		held += len(x.found[i].Hits) * int(unsafe.Sizeof(Hit{}))
	}
	return held
}

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
	x.values.remember()
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
	x.reset()
	x.of.runs.Put(x)
}

// mostKept is how many bytes of room a slice keeps for the next request at most:
// what an unusual one needed is given back.
const mostKept = 1 << 20

// emptied keeps the room of a slice and nothing of what it held.
func emptied[T any](s []T) []T {
	if cap(s)*int(unsafe.Sizeof(*new(T))) > mostKept {
		return nil
	}
	clear(s)
	return s[:0]
}
