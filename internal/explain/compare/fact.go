package compare

import (
	"strings"
	"time"

	"fanlight/internal/flow"
)

// stage orders facts as they come in the life of a connection.
type stage uint8

const (
	connecting stage = iota
	hello
	handshake
	requesting
	renegotiating
	waiting
	responding
	closingDown
	later // what comes of it on other connections
)

// nature says what a difference in a fact can be.
type nature uint8

const (
	plain      nature = iota // may be the cause
	timing                   // a wait; mostly of a cause
	outcome                  // the failure itself, or what follows from it
	incidental               // who speaks and which way it came
)

// aspect is what a fact is about.
type aspect struct {
	key    string // stable name, such as response-header:server
	label  string // for people
	stage  stage
	nature nature
}

// fact is one thing that was observed of a unit.
type fact struct {
	aspect
	value string        // in words
	span  time.Duration // of a timing, in place of a value
	event int           // that shows it, -1: none
}

func (u *unit) add(a aspect, value string, event int) {
	if value != "" {
		u.facts = append(u.facts, fact{aspect: a, value: value, event: event})
	}
}

// time adds a wait between two events.
func (u *unit) time(a aspect, from, to int) {
	if d, known := between(u.conn, from, to); known && d >= 0 {
		u.facts = append(u.facts, fact{aspect: a, span: d, event: to})
	}
}

// seen puts a fact with three states in words.
func seen(s flow.Seen, yes, no string) string {
	switch s {
	case flow.Yes:
		return yes
	case flow.No:
		return no
	}
	return ""
}

// field tells a header field, and whether it is the request's or the response's.
func (a aspect) field() (block, name string, ok bool) {
	block, name, ok = strings.Cut(a.key, "-header:")
	return block, name, ok
}
