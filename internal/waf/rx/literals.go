package rx

import (
	"math"
	"slices"
	"unicode"
	"unicode/utf8"
)

// literals is a set of strings with ASCII in lower case; nil is unknown.
type literals struct {
	list []string
	// Some k or s among them also stands for its fold that is not ASCII.
	kelvin, longS bool
}

// The folds of k and s that are not ASCII.
const (
	kelvin = "\u212a"
	longS  = "\u017f"
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
	all := make(map[string]bool, len(list))
	for _, s := range list {
		all[s] = true
	}
	list = slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		for i := range len(s) {
			for j := i + 1; j <= len(s); j++ {
				if j-i < len(s) && all[s[i:j]] {
					return true
				}
			}
		}
		return false
	})
	slices.Sort(list)
	return slices.Compact(list)
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
	switch b {
	case 'e', 't', 'a', 'o', 'i', 'n', 's', 'r':
		return 0.06
	case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ' ':
		return 0.03
	case '-', '_', '.', '/', '=', '&', ',', ':', ';', '%':
		return 0.01
	}
	switch {
	case 'a' <= b && b <= 'z':
		return 0.025
	case 'A' <= b && b <= 'Z':
		return 0.01
	case b >= 0x80:
		return 0.0001
	}
	return 0.001
}

// foldsOf is a rune, with all that are equal to it but for case if fold is set,
// as pairs of bounds in ascending order.
func foldsOf(r rune, fold bool) []rune {
	set := []rune{r, r}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			set = append(set, f, f)
		}
		slices.Sort(set)
	}
	return set
}

// latin1Of is the part of a set that is a byte.
func latin1Of(set []rune) (part []rune) {
	for i := 0; i < len(set); i += 2 {
		if set[i] <= 0xff {
			part = append(part, set[i], min(set[i+1], 0xff))
		}
	}
	return part
}

// width is the least length of a rune between two in a text. U+FFFD also stands
// for a byte that is no UTF-8.
func width(lo, hi rune) int {
	if n := utf8.RuneLen(lo); n > 0 && (hi < utf8.RuneError || lo > utf8.RuneError) {
		return n
	}
	return 1
}

// spell writes the runes of a small set as strings; it is unknown for others.
func spell(set []rune, latin1 bool) (l literals) {
	const most = 8
	for i := 0; i < len(set); i += 2 {
		lo, hi := set[i], set[i+1]
		if !latin1 && lo <= utf8.RuneError && utf8.RuneError <= hi || hi-lo >= 2*most || len(l.list) > 2*most {
			return literals{}
		}
		for r := lo; r <= hi; r++ {
			l.list = append(l.list, spellRune(r, latin1))
		}
	}
	slices.Sort(l.list)
	l.list = slices.Compact(l.list)
	l.kelvin = l.drop(kelvin, "k")
	l.longS = l.drop(longS, "s")
	if len(l.list) > most {
		return literals{}
	}
	return l
}

func spellRune(r rune, latin1 bool) string {
	switch {
	case 'A' <= r && r <= 'Z':
		return string(r + 'a' - 'A')
	case latin1:
		return string([]byte{byte(r)})
	}
	return string(r)
}

// drop takes s out if what it is a fold of is there too, and tells whether.
func (l *literals) drop(s, of string) bool {
	i := slices.Index(l.list, s)
	if i < 0 || !slices.Contains(l.list, of) {
		return false
	}
	l.list = slices.Delete(l.list, i, i+1)
	return true
}
