package transform

import (
	"fmt"

	"fanlight/internal/waf/arena"
)

// Chain is what a rule does to a value before it compares it, in order. Nil is a
// chain that is not known.
type Chain []*Transformation

// ParseChain makes a chain of the names of t: actions. "none", written just so,
// takes back what stands before it.
func ParseChain(names ...string) (Chain, error) {
	chain := Chain{}
	for _, name := range names {
		if name == "none" {
			chain = Chain{}
			continue
		}
		t, ok := Lookup(name)
		if !ok {
			return nil, fmt.Errorf("there is no transformation t:%s", name)
		}
		chain = append(chain, t)
	}
	return chain, nil
}

// Step is a transformation of a chain and what it made of a value.
type Step struct {
	Name    string
	Value   string // behind it
	Changed bool   // what it says itself; see Transformation.Apply
}

// Steps tells how the chain comes to its result. The values stay valid.
func (c Chain) Steps(value string) []Step {
	var a arena.Arena
	steps := make([]Step, 0, len(c))
	for _, t := range c {
		out, changed := t.apply(&a, value)
		steps = append(steps, Step{Name: t.name, Value: out, Changed: changed})
		value = out
	}
	return steps
}
