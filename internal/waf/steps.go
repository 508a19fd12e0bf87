package waf

import (
	"strings"

	"fanlight/internal/waf/transform"
)

// chainOf reads the transformations of a rule, or of a link of its chain, from
// its text; nil if they cannot be read.
func chainOf(text string, link int) transform.Chain {
	parts := strings.Split(text, "\nSec")
	if link >= len(parts) {
		return nil
	}
	actions := strings.TrimRight(parts[link], " \n")
	actions = strings.TrimSuffix(actions, `"`)
	actions = actions[strings.LastIndexByte(actions, '"')+1:]
	var names []string
	for action := range strings.SplitSeq(actions, ",") {
		if name, is := strings.CutPrefix(strings.TrimSpace(action), "t:"); is {
			names = append(names, strings.TrimSpace(name))
		}
	}
	chain, _ := transform.ParseChain(names...) // nil where it cannot be read
	return chain
}

// trace finds which of some values was compared, and how it became what it was
// compared as. A rule with multiMatch compares what every step gives.
func (h *Hit) trace(values []string, chain transform.Chain) {
	if len(values) == 1 {
		h.Before, h.Known = values[0], true
	}
	if chain == nil {
		return
	}
	for _, value := range values {
		steps := chain.Steps(value)
		n := len(steps)
		for n > 0 && steps[n-1].Value != h.Value {
			n--
		}
		if n > 0 || value == h.Value {
			h.Before, h.Known, h.Steps = value, true, steps[:n]
			return
		}
	}
}

// trace says of each value of a match how it became what was compared.
func (f *finding) trace() {
	for i := range f.Hits {
		h, r := &f.Hits[i], f.of
		if h.Link > 0 {
			r = r.links[h.Link-1]
		}
		if h.Variable != "" {
			h.trace([]string{h.Before}, r.chain)
		}
	}
}
