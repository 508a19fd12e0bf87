// Package seclang reads rules in SecLang, as Coraza 3.8 reads them, oddities
// included, and gives them as data. It judges nothing.
package seclang

// Set is what was read. It must not be changed by those who share it.
type Set struct {
	// Rules in the order in which they run, markers among them. What directives
	// remove or update later has been removed and updated.
	Rules []*Rule
	// Settings are the engine's directives, spelt as documented ("SecRuleEngine"),
	// with the value that was written last.
	Settings map[string]string
	// Defaults are the actions of SecDefaultAction by phase, as written. Rules
	// have them already.
	Defaults map[int]string
	// Files that were read, those of operators too, in the order of reading.
	Files []string
	// Ignored are directives that are known and have no effect.
	Ignored []Ignored
}

// Ignored is a directive without effect, and where it stands.
type Ignored struct {
	Directive string
	File      string
	Line      int
}

// Rule is a SecRule or SecAction, a link of a chain, or a marker.
type Rule struct {
	ID        int    // 0: a marker, a link (mostly), or a rule that has none and is never told of
	File      string // that of the directive
	Line      int    // on which the directive begins
	Phase     int    // 1 to 5; 0: a marker or a link
	Marker    string // of SecMarker; the rest is empty then
	Variables []Variable
	Operator  Operator // without a name: matches once, without looking
	Chain     []*Rule  // links behind this rule; theirs is empty
	Actions
}

// Variable is what a rule looks at.
type Variable struct {
	Name   string // in upper case
	Key    Key    // empty: all of the collection
	Count  bool   // how many there are, instead of what they are
	Except []Key  // not these; an empty one means none at all
}

// Key selects members of a collection by their names in lower case. An expression
// is matched against those. A text is compared with them as it stands; for ARGS,
// ARGS_GET and ARGS_POST, which have it as it was written, in lower case. (So
// ARGS_NAMES:Foo, kept as written too, finds nothing, and neither does ARGS:/Foo/.)
// Texts in Except are as written, and always compared in lower case.
type Key struct {
	Text string
	Rx   bool // Text is a regular expression
}

// Empty says that no key was written.
func (k Key) Empty() bool { return k.Text == "" && !k.Rx }

// Operator compares. Its argument is not checked beyond what is said here: that
// is for who runs it.
type Operator struct {
	Name     string // as documented, without @; letter case counts: "rx", "pmFromFile"
	Argument string // without quotes and white space around it
	Negated  bool
	Macro    Macro    // the argument of those that expand it: eq, streq, within and their kin
	Phrases  []string // of pm, pmFromFile, pmFromDataset, and the addresses of ipMatch and its kin
}

// Actions are what a rule does. Those of SecDefaultAction are merged in.
type Actions struct {
	Transformations []string // as documented ("urlDecodeUni"), in order, behind the last t:none
	Disruptive      string   // allow, block, deny, drop, pass or redirect; empty: none. Of two, the last. block does nothing
	Target          string   // of redirect: where to; of allow: "", "phase" or "request"
	Status          int      // 0: not said
	Setvars         []Setvar
	Ctls            []Ctl
	Msg, LogData    Macro
	Severity        int // 0 to 7; -1: not said
	Tags            []string
	Version         string // ver
	Revision        string // rev
	Maturity        int
	Accuracy        int
	Capture         bool
	MultiMatch      bool
	Log, Audit      bool
	Chained         bool   // the next rule is, or was meant to be, a link of this one
	Skip            int    // rules
	SkipAfter       string // a marker
	Others          []Action
}

// Setvar sets or removes a variable of the collection TX.
type Setvar struct {
	Remove bool
	Key    Macro // behind "tx."; in lower case once expanded
	// Value, once expanded, decides what happens: behind + or - a number is added
	// to or taken from what is there; else it replaces it.
	Value Macro
}

// Ctl changes the engine for the rest of a transaction.
type Ctl struct {
	Name     string // as documented: "ruleRemoveTargetById"
	Value    string
	Variable string // of ruleRemoveTarget...; in upper case; empty: none that is known
	Key      Key    // in lower case, unless an expression
}

// Action is one that is kept as text: initcol, expirevar, setenv, exec.
type Action struct{ Name, Argument string }

// IsMarker says that the rule only is a place to skip to.
func (r *Rule) IsMarker() bool { return r.Marker != "" }
