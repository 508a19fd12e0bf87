package explain

import "fanlight/internal/flow"

// Confidence says how far the evidence carries a finding.
type Confidence uint8

const (
	Possible Confidence = iota // the evidence fits; other causes fit as well
	Likely                     // the evidence fits this cause better than any other
	Proof                      // the trace shows the cause itself
)

func (c Confidence) String() string { return [...]string{"possible", "likely", "proof"}[c%3] }

// Severity says how much a finding matters to the user.
type Severity uint8

const (
	Note    Severity = iota // worth knowing, nothing failed
	Warning                 // worked, or failed at one side's own wish
	Error                   // an exchange or a connection failed
)

func (s Severity) String() string { return [...]string{"note", "warning", "error"}[s%3] }

// ParseSeverity is the inverse of String.
func ParseSeverity(s string) (Severity, bool) {
	for _, v := range []Severity{Note, Warning, Error} {
		if v.String() == s {
			return v, true
		}
	}
	return 0, false
}

// Sides that could change something.
const (
	Client  = "client"
	Gateway = "gateway"
	Network = "network"
	Origin  = "origin"
)

// Fix is one way out. Command is what to type or the configuration lines,
// empty if there is no such thing.
type Fix struct {
	Side    string // one of the constants above
	Product string // whose command it is: Fanlight, IIS, nginx ...; empty: any
	Text    string
	Command string
}

// Need is a fact that a rule cannot do without. Sources differ in what they
// can see; where a connection lacks the fact, Pass.Conns passes over it.
type Need struct {
	What string // what would supply it, after "cannot tell: needs "
	Met  func(*flow.Conn) bool
	// Wanted tells that a connection looks like this rule's business although
	// the need is not met, so that silence would mislead. Nil: never.
	Wanted func(*flow.Conn) bool
}

// Rule recognises one cause. Check reads the trace and reports; it keeps no
// state between runs and may run concurrently on different traces.
type Rule struct {
	ID       string
	Title    string   // one line, what happened
	Severity Severity // of its findings, unless a finding says otherwise
	Doc      Page
	Needs    []Need
	Hides    []string // ids of findings that are consequences of this one
	// Silence: it concludes from something that did not come. Where the capture
	// may have missed that, a finding is lowered to possible, or undecided.
	Silence bool
	// Guard: its findings are about the record. They stand beside others, and
	// explain no failure.
	Guard bool
	Check func(*Pass)
}
