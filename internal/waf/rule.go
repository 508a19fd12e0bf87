package waf

import (
	"fanlight/internal/waf/operator"
	"fanlight/internal/waf/rx"
	"fanlight/internal/waf/transform"
)

// plan is a rule set as data: what runs in each phase, and what the rules share.
// It is not changed once made, but for what it remembers of names.
type plan struct {
	engine   engineState
	paranoia int        // level up to which scores count
	phases   [6][]*rule // by number; with the markers
	all      []*rule    // without markers and links
	names    names
	steps    []step // of all chains of transformations; the first is none
	groups   []group
	trees    []tree    // by collection
	gate     *rx.Index // tells which gated rules may match a text
	words    int       // of a set of gated rules
	quiet    *quiet
}

// step is one transformation behind others.
type step struct {
	parent int
	how    *transform.Transformation
	told   bool          // it goes by what how says to have changed
	reach  transform.Set // how, with those of all steps before
}

// group is what several gated rules look at: the same values in the same form.
type group struct {
	targets []target
	step    int
	every   bool // and in all forms before
}

// rule is one rule, or one link of a chain.
type rule struct {
	id       int
	parent   *rule // of a link
	place    int   // among the rules that are no links
	marker   string
	targets  []target // none: it always matches
	step     int
	chain    transform.Chain
	every    bool
	operator operator.Operator // nil: it always matches
	argument macro
	negated  bool
	capture  bool

	group, bit int // bit < 0: not gated

	sets     []setting
	controls []control
	links    []*rule

	refuse int // status; 0: it does not
	allow  allowance
	skip   int
	jump   int // over how many rules behind it

	message, data macro
	log           bool
	severity      string
	level         int // of severity, -1: none
	tags          []string
}

// setting is one setvar.
type setting struct {
	name   macro
	slot   int // of a name without macros, else -1
	value  macro
	remove bool
	score  int // inbound or outbound, if it adds to one that counts
}

// Scores that a setting may add to.
const (
	noScore = iota
	inbound
	outbound
)

// allowance is what an allow action lets pass.
type allowance uint8

const (
	allowNothing allowance = iota
	allowPhase
	allowRequest
	allowAll
)
