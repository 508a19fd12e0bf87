// Package waf gives the verdicts of the OWASP Core Rule Set on requests and
// responses, quickly, and says of each what it rests on.
package waf

import (
	"net/netip"
	"slices"

	"fanlight/internal/httpwire"
	"fanlight/internal/waf/transform"
)

// Mode is what becomes of a request that scores too much.
type Mode uint8

// Modes.
const (
	Watch Mode = iota // it is told of, and passes
	Block             // it is refused
)

// Policy is what a site wants. The zero value is not valid; Defaults is.
type Policy struct {
	Mode       Mode
	Paranoia   int  // 1 to 4: rules up to this level count against the thresholds
	Detect     int  // Paranoia to 4: rules up to this level are told of
	Inbound    int  // score at which a request is refused
	Outbound   int  // score at which a response is refused
	BodyLimit  int  // bytes of a request body that rules see
	FilesLimit int  // bytes that the files in a form may take beside that
	Partial    bool // a longer body is judged by its first BodyLimit bytes; otherwise it is refused
	Responses  bool // rules about responses run
	Setup      []Setting
	Exclusions []Exclusion
	Directives string // further SecLang behind the rule set; mostly empty
	File       string // that they come from, for faults
	Coraza     bool   // no plan of our own: what Coraza says, at its price
}

// Setting is a variable of the rule set's setup, such as allowed_methods.
type Setting struct{ Name, Value string }

// Defaults are those of the rule set.
func Defaults() Policy {
	return Policy{Paranoia: 1, Detect: 1, Inbound: 5, Outbound: 4, BodyLimit: 128 << 10, FilesLimit: 12 << 20}
}

// Exclusion keeps a rule from requests that it does not fit. What is empty
// applies to all.
type Exclusion struct {
	Rule   string // an id, a range 942100-942199, or tag:NAME
	Target string // "ARGS:comment": that variable alone; empty: the whole rule
	Host   string
	Path   string // a prefix of the decoded path
	Exact  string // the whole decoded path
	Method string
}

// Request is a request as the client sent it. Its members alias what the caller
// holds until the transaction ends.
type Request struct {
	Client, Server netip.AddrPort
	Method         string
	Target         string // as received
	Protocol       string // "HTTP/1.1", "HTTP/2.0"
	Host           string // the authority of HTTP/2, which has no Host field
	Head           *httpwire.Head
}

// Interruption says that the exchange must not go on.
type Interruption struct {
	Status int
	Rule   int // that refused; 0: a limit
	Cause  string
}

// Match is a rule that matched and wants to be told of, and what it matched in.
type Match struct {
	Rule     int
	Message  string
	Severity string
	Tags     []string
	Score    int // what it added to the score of the paranoia levels that count
	Hits     []Hit
	Data     string // the rule's own words about it (logdata)
}

// Hit is one value that a rule, or a link of its chain, matched.
type Hit struct {
	Variable, Key string           // "ARGS", "q"
	Within        string           // of XML: the element or the attribute, if it is known
	Before        string           // as it stood, before all transformations
	Known         bool             // Before is; not where the engine itself made the value
	Value         string           // as it was compared, after all transformations
	Steps         []transform.Step // from Before to Value, if it is known; those that changed nothing too
	Link          int              // 0: the rule itself; 1: the first link of its chain
}

// Verdict is what the rules found in the end.
type Verdict struct {
	Matches           []Match // in the order in which they matched
	Quiet             []int   // rules that matched and are not told of: bookkeeping
	Inbound, Outbound int     // scores that count
	Interrupted       *Interruption
	Engine            string // "plan" or "coraza"
	Unseen            int64  // bytes of the body that no rule saw; -1: not known how many
}

// IDs are the rules that matched, each once, in order.
func (v *Verdict) IDs() []int {
	ids := slices.Clone(v.Quiet)
	for _, m := range v.Matches {
		ids = append(ids, m.Rule)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Transaction is one request on its way past the rules. The phases are called in
// order, each at most once; End always, and last. Not safe for concurrent use.
// In mode Watch no phase interrupts; the verdict tells what would have.
type Transaction interface {
	// Headers judges the head of the request.
	Headers() *Interruption
	// Body judges the body, as much of it as Policy.Sees tells; empty without one.
	// more is how many bytes follow that rules do not see, -1: not known. What was
	// cut is not refused for ending too early.
	Body(body []byte, more int64) *Interruption
	// ResponseHeaders judges the head of a response.
	ResponseHeaders(h *httpwire.Head) *Interruption
	// ResponseBody judges the body of a response.
	ResponseBody(body []byte) *Interruption
	// WantsResponseBody tells, behind ResponseHeaders, whether rules look at it.
	WantsResponseBody() bool
	// Idle is called where a while may pass until the next phase: what can be made
	// again is let go of. It gives how many bytes are held still, roughly.
	Idle() int
	// End gives the verdict, which the caller may keep.
	End() *Verdict
}

// Engine judges requests by one policy. It is safe for concurrent use.
type Engine interface {
	Begin(*Request) Transaction
	// Close gives back what no transaction needs any more.
	Close() error
}
