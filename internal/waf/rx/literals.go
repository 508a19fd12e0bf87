package rx

import (
	"math"
	"slices"
	"strings"
)

// union is what is in a or in b; unknown if one is, or if that is more than most.
func union(a, b literals, most int) literals {
	if a.list == nil || b.list == nil {
		return literals{}
	}
	all := slices.Concat(a.list, b.list)
	slices.Sort(all)
	if all = slices.Compact(all); len(all) > most {
		return literals{}
	}
	return literals{list: all, kelvin: a.kelvin || b.kelvin, longS: a.longS || b.longS}
}

// cross is each of a with each of b behind it; unknown if one is, or if that is
// too much.
func cross(a, b literals) literals {
	if a.list == nil || b.list == nil || len(a.list)*len(b.list) > maxExact {
		return literals{}
	}
	all := make([]string, 0, len(a.list)*len(b.list))
	for _, x := range a.list {
		for _, y := range b.list {
			all = append(all, x+y)
		}
	}
	slices.Sort(all)
	return literals{list: slices.Compact(all), kelvin: a.kelvin || b.kelvin, longS: a.longS || b.longS}
}

func shortest(l literals) int {
	n := math.MaxInt
	for _, s := range l.list {
		n = min(n, len(s))
	}
	return n
}

// useful is l, cut to a length, if each of it is long enough to tell texts
// apart; otherwise unknown.
func (l literals) useful() literals {
	if len(l.list) == 0 || shortest(l) < 2 {
		return literals{}
	}
	cut := literals{list: make([]string, len(l.list)), kelvin: l.kelvin, longS: l.longS}
	for i, s := range l.list {
		cut.list[i] = s[:min(len(s), maxLength)]
	}
	cut.list = minimal(cut.list)
	return cut
}

// minimal leaves out strings that hold another one.
func minimal(list []string) []string {
	slices.SortFunc(list, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	kept := list[:0:0]
	for _, s := range list {
		if !slices.ContainsFunc(kept, func(k string) bool { return strings.Contains(s, k) }) {
			kept = append(kept, s)
		}
	}
	return kept
}

// better is the set that fewer texts are likely to hold.
func better(a, b literals) literals {
	switch {
	case a.list == nil:
		return b
	case b.list == nil || a.chance() <= b.chance():
		return a
	}
	return b
}

// chance is about how often, at a place in a text, one of l starts.
func (l literals) chance() float64 {
	sum := 0.0
	for _, s := range l.list {
		p := 1.0
		for i := range len(s) {
			p *= frequency(s[i])
		}
		sum += p
	}
	return sum
}

// frequency is about how often a byte occurs in the values that rules look at.
func frequency(b byte) float64 {
	switch {
	case strings.IndexByte("etaoinsr", b) >= 0:
		return 0.06
	case 'a' <= b && b <= 'z':
		return 0.025
	case '0' <= b && b <= '9' || b == ' ':
		return 0.03
	case 'A' <= b && b <= 'Z' || strings.IndexByte("-_./=&,:;%", b) >= 0:
		return 0.01
	case b >= 0x80:
		return 0.0001
	}
	return 0.001
}
