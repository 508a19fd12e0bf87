package foreignlog

import (
	"iter"
	"slices"
	"sort"
	"time"
)

// alike are places with the same request, or the same client, in the order in
// which they began.
type alike struct {
	places []place
	until  []time.Time // when the last of those up to here had ended
}

// maxAlike bounds the places that are looked at for one line, those that began
// last before it first.
const maxAlike = 10_000

func (a *alike) add(p place) { a.places = append(a.places, p) }

// settle prepares for questions; what has not ended ends at a time.
func (a *alike) settle(last time.Time) {
	slices.SortStableFunc(a.places, func(p, q place) int { return p.began().Compare(q.began()) })
	a.until = make([]time.Time, len(a.places))
	var latest time.Time
	for i, p := range a.places {
		_, to, ended := p.span()
		if !ended {
			to = last
		}
		if to.After(latest) {
			latest = to
		}
		a.until[i] = latest
	}
}

// some gives places whatever their time.
func (a *alike) some() []place {
	if a == nil {
		return nil
	}
	return a.places[:min(len(a.places), maxAlike)]
}

// around gives the places that were under way at a time, or up to a span beside
// it, and others; the last to begin comes first.
func (a *alike) around(at time.Time, beside time.Duration) iter.Seq[place] {
	return func(yield func(place) bool) {
		if a == nil {
			return
		}
		from, to := at.Add(-beside), at.Add(beside)
		n := sort.Search(len(a.places), func(i int) bool { return a.places[i].began().After(to) })
		for i := n - 1; i >= max(n-maxAlike, 0) && !a.until[i].Before(from); i-- {
			if !yield(a.places[i]) {
				return
			}
		}
	}
}

func (p place) began() time.Time {
	from, _, _ := p.span()
	return from
}
