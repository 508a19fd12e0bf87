package transform

import "fmt"

// Chain is what a rule does to a value before it compares it. It is immutable;
// the zero value does nothing.
type Chain struct {
	steps []*Transformation
	acts  Bytes
	table [256]bool // acts, for one scan
	whole bool
}

// NewChain makes a chain of transformations in their order.
func NewChain(steps ...*Transformation) *Chain {
	c := &Chain{}
	for _, t := range steps {
		c.steps = append(c.steps, t)
		c.acts = c.acts.Union(t.acts)
		c.whole = c.whole || t.whole
	}
	for i := range c.table {
		c.table[i] = c.acts.Has(byte(i))
	}
	return c
}

// ParseChain makes a chain of the names of t: actions. "none", written just so,
// takes back what stands before it.
func ParseChain(names ...string) (*Chain, error) {
	var steps []*Transformation
	for _, name := range names {
		if name == "none" {
			steps = nil
			continue
		}
		t, ok := Lookup(name)
		if !ok {
			return nil, fmt.Errorf("there is no transformation t:%s", name)
		}
		steps = append(steps, t)
	}
	return NewChain(steps...), nil
}

// Transformations are the chain's, in their order; not to be changed.
func (c *Chain) Transformations() []*Transformation { return c.steps }

// Touches is false if the chain leaves the value as it is and no transformation
// of it says to have changed it. True promises nothing.
func (c *Chain) Touches(value string) bool {
	if c.whole {
		return true
	}
	if len(c.steps) == 0 {
		return false
	}
	for i := range len(value) {
		if c.table[value[i]] {
			return true
		}
	}
	return false
}

// TouchesAny is Touches of a value of which only the set of its bytes is known:
// worth it where one value meets many chains.
func (c *Chain) TouchesAny(of *Bytes) bool { return c.whole || c.acts.Meets(of) }

// Apply gives the value as the whole chain leaves it. It may alias value.
func (c *Chain) Apply(a *Arena, value string) string {
	if !c.Touches(value) {
		return value
	}
	m := a.mark()
	out := value
	for _, t := range c.steps {
		out, _ = t.apply(a, out)
	}
	return a.settle(m, out)
}

// AppendValues appends to dst what a rule with multiMatch compares: the value
// as it came, and after each transformation that says to have changed it.
func (c *Chain) AppendValues(dst []string, a *Arena, value string) []string {
	dst = append(dst, value)
	if !c.Touches(value) {
		return dst
	}
	for _, t := range c.steps {
		if out, changed := t.apply(a, value); changed {
			dst = append(dst, out)
			value = out
		}
	}
	return dst
}

// Step is a transformation of a chain and what it made of a value.
type Step struct {
	Name    string
	Value   string // behind it
	Changed bool   // what it says itself; see Transformation.Apply
}

// Steps tells how the chain comes to its result. The values stay valid.
func (c *Chain) Steps(value string) []Step {
	var a Arena
	steps := make([]Step, 0, len(c.steps))
	for _, t := range c.steps {
		out, changed := t.apply(&a, value)
		steps = append(steps, Step{Name: t.name, Value: out, Changed: changed})
		value = out
	}
	return steps
}
