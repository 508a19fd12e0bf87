package probe

import (
	"slices"
	"strings"

	"fanlight/internal/flow"
)

// Difference is a step whose result is another through the gateway.
type Difference struct {
	Step    string
	Direct  string
	Through string
}

const notTried = "(not tried)"

// differences compares the two ways step by step, in the order of the steps.
func differences(steps []Step) []Difference {
	var out []Difference
	for _, name := range names(steps) {
		direct, through := find(steps, Direct, name), find(steps, Through, name)
		switch {
		case direct == nil:
			out = append(out, Difference{name, notTried, through.Result})
		case through == nil:
			out = append(out, Difference{name, direct.Result, notTried})
		case direct.Key != through.Key:
			out = append(out, Difference{name, direct.Result, through.Result})
		}
		if direct != nil && through != nil {
			out = append(out, fieldDifference(direct, through)...)
		}
	}
	return out
}

// names are those of steps in their order; steps that are never alike, such as
// connecting, are left out if both ways have them.
func names(steps []Step) []string {
	var out []string
	for _, s := range steps {
		if !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// find gives the best step of a name: of several addresses one may fail.
func find(steps []Step, way, name string) *Step {
	var found *Step
	for i := range steps {
		s := &steps[i]
		if s.Way == way && s.Name == name && (found == nil || s.State < found.State) {
			found = s
		}
	}
	return found
}

// fieldDifference compares which header fields the two responses have, and the
// Server field, by which clients and gateways go.
func fieldDifference(direct, through *Step) []Difference {
	if direct.Fields == nil || through.Fields == nil {
		return nil
	}
	a, b := missing(direct.Fields, through.Fields), missing(through.Fields, direct.Fields)
	if a == "" && b == "" {
		return nil
	}
	return []Difference{{direct.Name + " header fields", only(a), only(b)}}
}

func only(names string) string {
	if names == "" {
		return "(no others)"
	}
	return "only here: " + names
}

// missing are the fields of one response that the other does not have.
func missing(from, in []flow.Field) string {
	var out []string
	for _, f := range from {
		if _, found := flow.Get(in, f.Name); !found && !slices.ContainsFunc(out, func(n string) bool { return strings.EqualFold(n, f.Name) }) {
			out = append(out, f.Name)
		}
	}
	return strings.Join(out, ", ")
}
