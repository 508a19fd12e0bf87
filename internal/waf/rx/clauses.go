package rx

import (
	"cmp"
	"slices"
)

// and is what is known of a text that meets a in one part and b in the next.
func and(a, b clause) clause {
	return clause{
		some:  better(a.some, b.some),
		bytes: conjunction(slices.Concat(a.bytes, b.bytes)),
		min:   min(a.min+b.min, maxMinLen),
	}
}

// or is what is known of a text that meets a or b.
func or(a, b clause) clause {
	return clause{
		some:  union(a.some, b.some, maxLiterals),
		bytes: disjunction(a.bytes, b.bytes),
		min:   min(a.min, b.min),
	}
}

// both is what is known of a text that meets one of a in one part and one of b
// in the next.
func both(a, b []clause) []clause {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	if len(a)*len(b) > maxClauses {
		if chance(a) < chance(b) {
			b = []clause{merge(b)}
		} else {
			a = []clause{merge(a)}
		}
	}
	all := make([]clause, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			all = append(all, and(x, y))
		}
	}
	return all
}

// merge is what is known of a text that meets one of the clauses.
func merge(all []clause) clause {
	m := all[0]
	for _, c := range all[1:] {
		m = or(m, c)
	}
	return m
}

// fewer puts clauses together: all of them if one says nothing, those that only
// have literals, and, of more than most, those that say least.
func fewer(all []clause, most int) []clause {
	if slices.ContainsFunc(all, clause.nothing) {
		return []clause{merge(all)}
	}
	slices.SortStableFunc(all, func(a, b clause) int { return cmp.Compare(a.chance(), b.chance()) })
	var kept, spelt []clause
	for _, c := range all {
		if c.onlySpelt() {
			spelt = append(spelt, c)
		} else {
			kept = append(kept, c)
		}
	}
	if len(spelt) > 0 {
		if m := merge(spelt); m.some.list != nil {
			spelt = []clause{m}
		}
		kept = append(spelt, kept...)
	}
	if len(kept) > most {
		kept = append(kept[:most-1], merge(kept[most-1:]))
	}
	return kept
}

// onlySpelt tells whether the clause says hardly more than its literals.
func (c clause) onlySpelt() bool {
	return c.some.list != nil && !slices.ContainsFunc(c.bytes, func(s ByteSet) bool { return !implied(s, c.some.list) })
}

// chance is about how many texts meet one of the clauses.
func chance(all []clause) float64 {
	sum := 0.0
	for _, c := range all {
		sum += c.chance()
	}
	return sum
}

// chance is about how many texts meet the clause.
func (c clause) chance() float64 {
	const length = 40 // of an ordinary text
	p := 1.0
	if c.some.list != nil {
		p = min(1, length*c.some.chance())
	}
	for _, s := range c.bytes {
		p *= min(1, length*s.chance())
	}
	return p
}
