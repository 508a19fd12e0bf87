package operator

import (
	"math"
	"strings"

	"fanlight/internal/waf/rx"
)

// comparison is an operator whose argument is expanded for each request.
type comparison struct {
	needing
	match func(value, argument string) bool
}

func (o *comparison) Match(value, argument string, _ Capture) bool { return o.match(value, argument) }

// compared makes the operators that compare with one text or number; nil: name
// is none of them.
func compared(name, argument string) Operator {
	switch name {
	case "streq":
		return &comparison{textNeeds(argument), func(v, a string) bool { return v == a }}
	case "contains", "strmatch":
		return &comparison{textNeeds(argument), strings.Contains}
	case "beginsWith":
		return &comparison{textNeeds(argument), strings.HasPrefix}
	case "endsWith":
		return &comparison{textNeeds(argument), strings.HasSuffix}
	case "within": // a part of a word in the argument is within too
		return &comparison{needing{}, func(v, a string) bool { return strings.Contains(a, v) }}
	case "eq":
		return &comparison{needing{}, func(v, a string) bool { return number(v) == number(a) }}
	case "ge":
		return &comparison{needing{}, func(v, a string) bool { return number(v) >= number(a) }}
	case "gt":
		return &comparison{needing{}, func(v, a string) bool { return number(v) > number(a) }}
	case "le":
		return &comparison{needing{}, func(v, a string) bool { return number(v) <= number(a) }}
	case "lt":
		return &comparison{needing{}, func(v, a string) bool { return number(v) < number(a) }}
	}
	return nil
}

// number is 0 for what is none, and the nearest there is for what is too large:
// strconv.Atoi without its errors. Like there, what follows digits that are too
// many for 64 bits does not count.
func number(s string) int {
	digits := s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		digits = s[1:]
	}
	largest := uint64(math.MaxInt)
	if s != "" && s[0] == '-' {
		largest++
	}
	n := uint64(0)
	for i := range len(digits) {
		d := uint64(digits[i] - '0')
		if d > 9 {
			return 0
		}
		if n > (math.MaxUint64-d)/10 {
			n = math.MaxUint64
			break
		}
		n = n*10 + d
	}
	n = min(n, largest)
	if s != "" && s[0] == '-' {
		return -int(n)
	}
	return int(n)
}

// textNeeds is what a value holds that holds text.
func textNeeds(text string) needing {
	if text == "" || strings.Contains(text, "%{") {
		return needing{}
	}
	return needing{rx.Needs{Any: []rx.Clause{{Literals: []string{lowerASCII(text)}, MinLen: len(text)}}}}
}
