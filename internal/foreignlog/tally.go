package foreignlog

import (
	"cmp"
	"slices"
)

// Tally counts lines by what they mean. It keeps a bounded number of kinds; the
// lines of further ones are counted together.
type Tally struct {
	Lines, Faults, Tied int
	kinds               map[string]*KindCount
}

// KindCount is how many lines mean the same.
type KindCount struct {
	Kind   string  `json:"kind"`
	State  string  `json:"state"`
	Lines  int     `json:"lines"`
	Share  float64 `json:"share"` // of all lines, 0 to 1
	Points []Point `json:"points,omitempty"`
}

const maxKinds = 1000

// Add counts a line and tells whether it is the first of its kind.
func (t *Tally) Add(l *Line) (isNew bool) {
	t.Lines++
	if l.Meaning.State == Fault {
		t.Faults++
	}
	if t.kinds == nil {
		t.kinds = map[string]*KindCount{}
	}
	name := l.Meaning.Kind
	k := t.kinds[name]
	if k == nil && len(t.kinds) >= maxKinds {
		name = "others"
		k = t.kinds[name]
	}
	if isNew = k == nil; isNew {
		k = &KindCount{Kind: name, State: l.Meaning.State.String(), Points: l.Meaning.Points}
		t.kinds[name] = k
	}
	k.Lines++
	return isNew
}

// Kinds gives the kinds that are not fine, the most frequent first.
func (t *Tally) Kinds() []KindCount {
	var out []KindCount
	for _, k := range t.kinds {
		if k.State != Fine.String() {
			k.Share = float64(k.Lines) / float64(t.Lines)
			out = append(out, *k)
		}
	}
	slices.SortFunc(out, func(a, b KindCount) int { return cmp.Or(b.Lines-a.Lines, cmp.Compare(a.Kind, b.Kind)) })
	return out
}
