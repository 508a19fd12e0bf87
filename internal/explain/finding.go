package explain

import (
	"time"

	"fanlight/internal/flow"
)

// Finding is a cause found in a trace.
type Finding struct {
	ID         string
	Severity   Severity
	Confidence Confidence
	Title      string
	Cause      string
	Fixes      []Fix
	Conns      []flow.ConnID
	Exchanges  []flow.ExchangeID
	Evidence   []Evidence
	Missing    []string // facts that would make it certain
	Undecided  bool     // the rule could not tell; Missing says for want of what
}

// Evidence is one fact a finding rests on. At counts from the start of its
// connection and is valid if AtKnown. Packet is 0 if no packet is known.
type Evidence struct {
	Ref     flow.Ref
	At      time.Duration
	AtKnown bool
	Packet  int
	Text    string
}

// At is the evidence that event number i of c is; that c as a whole is, if the
// event is no longer among those kept (-1).
func At(c *flow.Conn, i int, text string) Evidence {
	if i < 0 {
		return About(c, text)
	}
	e := &c.Events[i]
	v := Evidence{
		Ref:    flow.Ref{Conn: c.ID, Exchange: e.Exchange, Event: i, Packet: e.Packet},
		Packet: e.Packet,
		Text:   text,
	}
	if !e.At.IsZero() && !c.Started.IsZero() {
		v.At, v.AtKnown = e.At.Sub(c.Started), true
	}
	return v
}

// About is evidence that a connection as a whole is.
func About(c *flow.Conn, text string) Evidence {
	return Evidence{Ref: flow.Ref{Conn: c.ID, Event: -1}, Text: text}
}

// Fact is evidence from outside any connection.
func Fact(text string) Evidence {
	return Evidence{Ref: flow.Ref{Event: -1}, Text: text}
}
