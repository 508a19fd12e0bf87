package waf

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"fanlight/internal/httpwire"
	"fanlight/internal/waf/transform"
)

// corazaEngine is Coraza as it comes: slow, and what the plan of our own is
// measured by.
type corazaEngine struct {
	policy Policy
	waf    experimental.WAFWithOptions
	closer experimental.WAFCloser
}

func newCoraza(p *Policy) (*corazaEngine, error) {
	config := coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithErrorCallback(corazaMatched).WithDirectives(p.directives())
	made, err := coraza.NewWAF(config)
	if err != nil {
		return nil, fmt.Errorf("read the rules of the WAF: %w", err)
	}
	waf, ok := made.(experimental.WAFWithOptions)
	closer, closes := made.(experimental.WAFCloser)
	if !ok || !closes {
		return nil, fmt.Errorf("use Coraza: %T is none that we know", made)
	}
	return &corazaEngine{policy: *p, waf: waf, closer: closer}, nil
}

func (e *corazaEngine) Close() error { return e.closer.Close() }

// Begin tells the transaction all that is known before the first phase.
func (e *corazaEngine) Begin(r *Request) Transaction {
	t := &corazaTransaction{policy: &e.policy, protocol: r.Protocol}
	ctx := context.WithValue(context.Background(), corazaKey{}, t)
	t.tx = e.waf.NewTransactionWithOptions(experimental.Options{Context: ctx})
	t.state, _ = t.tx.(plugintypes.TransactionState)
	t.tx.ProcessConnection(address(r.Client), int(r.Client.Port()), address(r.Server), int(r.Server.Port()))
	t.tx.SetServerName(hostOf(r.Host))
	t.tx.ProcessURI(r.Target, r.Method, r.Protocol)
	t.addFields(r.Head, t.tx.AddRequestHeader)
	if r.Host != "" && r.Protocol == "HTTP/2.0" && !r.Head.Has("Host") {
		t.tx.AddRequestHeader("Host", r.Host)
	}
	return t
}

func address(a netip.AddrPort) string { return a.Addr().WithZone("").String() }

// hostOf is a host without its port.
func hostOf(authority string) string {
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		return authority[:i]
	}
	return authority
}

// corazaKey is under what the context of a transaction of Coraza knows ours.
type corazaKey struct{}

// corazaTransaction is a transaction of Coraza.
type corazaTransaction struct {
	policy   *Policy
	tx       types.Transaction
	state    plugintypes.TransactionState
	protocol string
	matches  []Match
	inbound  int // score so far
	outbound int
	unseen   int64
	ended    *Interruption
}

func (t *corazaTransaction) addFields(h *httpwire.Head, add func(name, value string)) {
	for i := range h.Fields {
		add(string(h.Bytes(h.Fields[i].Name)), string(h.Bytes(h.Fields[i].Value)))
	}
}

func (t *corazaTransaction) Headers() *Interruption {
	return t.interrupted(t.tx.ProcessRequestHeaders())
}

func (t *corazaTransaction) Body(body []byte, more int64) *Interruption {
	t.unseen = more
	if more != 0 {
		if flag, ok := t.state.Variables().InboundDataError().(interface{ Set(string) }); ok {
			flag.Set("1")
		}
	}
	if len(body) > 0 {
		if by, _, err := t.tx.WriteRequestBody(body); err != nil || by != nil {
			return t.failed(by, err, "take the request body")
		}
	}
	by, err := t.tx.ProcessRequestBody()
	if err != nil {
		return t.failed(by, err, "read the request body")
	}
	return t.interrupted(by)
}

func (t *corazaTransaction) ResponseHeaders(h *httpwire.Head) *Interruption {
	t.addFields(h, t.tx.AddResponseHeader)
	return t.interrupted(t.tx.ProcessResponseHeaders(h.Status, t.protocol))
}

func (t *corazaTransaction) WantsResponseBody() bool {
	return t.tx.IsResponseBodyAccessible() && t.tx.IsResponseBodyProcessable()
}

func (t *corazaTransaction) ResponseBody(body []byte) *Interruption {
	if len(body) > 0 {
		if by, _, err := t.tx.WriteResponseBody(body); err != nil || by != nil {
			return t.failed(by, err, "take the response body")
		}
	}
	by, err := t.tx.ProcessResponseBody()
	if err != nil {
		return t.failed(by, err, "read the response body")
	}
	return t.interrupted(by)
}

// failed tells an interruption; an error of the engine is the caller's to catch.
func (t *corazaTransaction) failed(by *types.Interruption, err error, doing string) *Interruption {
	if err != nil {
		panic(fmt.Errorf("%s: %w", doing, err))
	}
	return t.interrupted(by)
}

// Idle lets go of nothing, and Coraza does not tell how much it holds.
func (t *corazaTransaction) Idle() int { return 0 }

// End runs the last rules, which refuse nothing, and gives the transaction back.
func (t *corazaTransaction) End() *Verdict {
	t.tx.ProcessLogging()
	if would, ok := t.tx.(interface{ DetectionOnlyInterruption() *types.Interruption }); ok && t.policy.Mode == Watch {
		t.ended = t.interruption(would.DetectionOnlyInterruption())
	}
	v := &Verdict{Matches: t.matches, Interrupted: t.ended, Engine: "coraza", Unseen: t.unseen}
	for _, m := range t.tx.MatchedRules() {
		if told, is := m.(interface{ Log() bool }); is && !told.Log() {
			v.Quiet = append(v.Quiet, m.Rule().ID())
		}
	}
	v.Inbound, v.Outbound = t.score("inbound"), t.score("outbound")
	_ = t.tx.Close() // of temporary files, which the system removes too
	t.tx, t.state = nil, nil
	return v
}

func (t *corazaTransaction) interrupted(by *types.Interruption) *Interruption {
	if t.policy.Mode == Watch {
		return nil
	}
	if out := t.interruption(by); out != nil {
		t.ended = out
	}
	return t.ended
}

func (t *corazaTransaction) interruption(by *types.Interruption) *Interruption {
	if by == nil {
		return nil
	}
	out := &Interruption{Status: by.Status, Rule: by.RuleID}
	if out.Status == 0 {
		out.Status = 403
	}
	for i := range t.matches {
		if t.matches[i].Rule == by.RuleID {
			out.Cause = t.matches[i].Message
		}
	}
	return out
}

// score is what rules of the paranoia levels that count have added so far.
func (t *corazaTransaction) score(direction string) (sum int) {
	variables := t.state.Variables().TX()
	for level := 1; level <= t.policy.Paranoia; level++ {
		if all := variables.Get(direction + "_anomaly_score_pl" + strconv.Itoa(level)); len(all) > 0 {
			n, _ := strconv.Atoi(all[0]) // as the rules read it
			sum += n
		}
	}
	return sum
}

// corazaMatched keeps a match while what it matched in can still be had, and
// learns what it added from the scores before and after.
func corazaMatched(by types.MatchedRule) {
	known, ok := by.(interface{ Context() context.Context })
	if !ok {
		return
	}
	t, ok := known.Context().Value(corazaKey{}).(*corazaTransaction)
	if !ok {
		return
	}
	inbound, outbound := t.score("inbound"), t.score("outbound")
	rule := by.Rule()
	m := Match{Rule: rule.ID(), Message: by.Message(), Tags: rule.Tags(), Data: by.Data(),
		Score: inbound - t.inbound + outbound - t.outbound}
	if s := rule.Severity(); s >= 0 {
		m.Severity = s.String()
	}
	t.inbound, t.outbound = inbound, outbound
	for _, data := range by.MatchedDatas() {
		m.Hits = append(m.Hits, t.hit(data, chainOf(rule.Raw(), data.ChainLevel())))
	}
	t.matches = append(t.matches, m)
}

func (t *corazaTransaction) hit(data types.MatchData, chain transform.Chain) Hit {
	h := Hit{Variable: data.Variable().Name(), Key: data.Key(), Value: data.Value(), Link: data.ChainLevel()}
	if h.Variable == "REQUEST_XML" {
		h.Variable = "XML" // as rules, and so exclusions, write it
	}
	var all []types.MatchData
	switch from := t.state.Collection(data.Variable()).(type) {
	case collection.Keyed:
		all = from.FindString(data.Key())
	case nil:
	default:
		all = from.FindAll()
	}
	values := make([]string, 0, len(all))
	for _, d := range all {
		values = append(values, d.Value())
	}
	h.trace(values, chain)
	return h
}
