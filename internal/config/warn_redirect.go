package config

import (
	"regexp"
	"regexp/syntax"
	"slices"
)

// hostGroup is the number of the group of the route's pattern that stands right
// behind the host in a redirect, and may begin with something else than a slash:
// with .evil.test or @evil.test the request would choose where the client goes. It
// is 0 if there is none.
func (r *Route) hostGroup() int {
	m := regexp.MustCompile(`^[a-z]+://[^/?#]*[^/?#{]\{([1-9])\}($|[/?#{])`).FindStringSubmatch(r.Redirect)
	if m == nil {
		return 0
	}
	n := int(m[1][0] - '0')
	re, err := syntax.Parse(r.Pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	if group := groupOf(re, n); group == nil || slashed(group, true) {
		return 0
	}
	return n
}

// groupOf finds a group of an expression, nil if there is none.
func groupOf(re *syntax.Regexp, n int) *syntax.Regexp {
	if re.Op == syntax.OpCapture && re.Cap == n {
		return re.Sub[0]
	}
	for _, sub := range re.Sub {
		if found := groupOf(sub, n); found != nil {
			return found
		}
	}
	return nil
}

// slashed reports whether what an expression takes begins with a slash, as far
// as that can be told; with empty, nothing at all will do.
func slashed(re *syntax.Regexp, empty bool) bool {
	switch re.Op {
	case syntax.OpLiteral:
		return re.Rune[0] == '/'
	case syntax.OpEmptyMatch:
		return empty
	case syntax.OpCapture, syntax.OpPlus:
		return slashed(re.Sub[0], empty)
	case syntax.OpConcat:
		return slashed(re.Sub[0], false)
	case syntax.OpQuest, syntax.OpStar:
		return empty && slashed(re.Sub[0], true)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !slashed(sub, empty) })
	}
	return false
}
