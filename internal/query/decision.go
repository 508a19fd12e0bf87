package query

import (
	"strconv"
	"strings"

	"fanlight/internal/flow"
)

// decisions walks over what a part of the door decided of an exchange.
func decisions(s subject, by string, yield func(*flow.Event) bool) {
	if s.exchange == nil {
		return
	}
	eachEvent(s, func(e *flow.Event) bool {
		return e.Exchange == 0 || e.Kind != flow.Decision || e.Attr(flow.KeyBy) != by || yield(e)
	})
}

// verdicts are the words that the decisions of a part of the door begin with.
func verdicts(by string) each {
	return func(s subject, yield func(value) bool) {
		decisions(s, by, func(e *flow.Event) bool {
			word, _, found := strings.Cut(e.Text, ":")
			return !found || yield(value{text: word})
		})
	}
}

// decided is a fact of the decisions of a part of the door.
func decided(by, key string) each {
	return func(s subject, yield func(value) bool) {
		decisions(s, by, func(e *flow.Event) bool {
			fact := e.Attr(key)
			return fact == "" || yield(value{text: fact})
		})
	}
}

// counts takes texts for numbers; what is none is not given.
func counts(texts each) each {
	return func(s subject, yield func(value) bool) {
		texts(s, func(v value) bool {
			n, err := strconv.ParseInt(v.text, 10, 64)
			return err != nil || yield(value{number: n})
		})
	}
}

func wafRules(s subject, yield func(value) bool) {
	counts(func(s subject, yield func(value) bool) {
		if s.exchange == nil {
			return
		}
		eachEvent(s, func(e *flow.Event) bool {
			return e.Exchange == 0 || e.Kind != flow.WAFMatch || yield(value{text: e.Attr(flow.KeyRule)})
		})
	})(s, yield)
}
