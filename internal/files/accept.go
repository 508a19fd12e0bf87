package files

import (
	"strconv"
	"strings"
)

// acceptance is an Accept-Encoding field (RFC 9110 section 12.5.3): weights in
// thousandths by coding name in lower case.
type acceptance map[string]int

// maxCodings bounds what is read of one field.
const maxCodings = 32

// parseAccept leaves out members it cannot read.
func parseAccept(field string) acceptance {
	if field == "" {
		return nil
	}
	accept := acceptance{}
	for member := range strings.SplitSeq(field, ",") {
		if len(accept) == maxCodings {
			break
		}
		name, parameters, _ := strings.Cut(member, ";")
		name = strings.ToLower(trim(name))
		if weight, ok := parseWeight(parameters); ok && name != "" {
			accept[name] = weight
		}
	}
	return accept
}

// parseWeight reads `q=0.5` (RFC 9110 section 12.4.2); nothing is 1.
func parseWeight(parameters string) (thousandths int, ok bool) {
	parameters = trim(parameters)
	if parameters == "" {
		return 1000, true
	}
	if len(parameters) < 3 || parameters[0]|0x20 != 'q' || parameters[1] != '=' {
		return 0, false
	}
	digits := parameters[2:]
	if len(digits) > len("0.123") || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	q, err := strconv.ParseFloat(digits, 64)
	if err != nil || q > 1 {
		return 0, false
	}
	return int(q*1000 + 0.5), true
}

// weight is what the client gives a content coding; 0: it does not want it.
func (a acceptance) weight(c coding) int {
	for _, name := range [...]string{c.name, c.alias, "*"} {
		if w, ok := a[name]; ok && name != "" {
			return w
		}
	}
	return 0
}

// identity is the weight of the uncoded form. Unless the client names it, it
// is the last choice, and never refused: an answer it may not like is better
// than none.
func (a acceptance) identity() int { return a["identity"] }
