package explain

import (
	"encoding/json"
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

// At is the evidence that event number i of c is.
func At(c *flow.Conn, i int, text string) Evidence {
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

type jsonFix struct {
	Side    string `json:"side"`
	Product string `json:"product,omitempty"`
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
}

type jsonEvidence struct {
	Conn     string   `json:"conn,omitempty"`
	Exchange string   `json:"exchange,omitempty"`
	AtMS     *float64 `json:"at_ms,omitempty"`
	Packet   int      `json:"packet,omitempty"`
	Text     string   `json:"text"`
}

type jsonFinding struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Severity   string         `json:"severity"`
	Confidence string         `json:"confidence"`
	Title      string         `json:"title"`
	Cause      string         `json:"cause"`
	Fixes      []jsonFix      `json:"fixes"`
	Conns      []string       `json:"conns"`
	Exchanges  []string       `json:"exchanges"`
	Evidence   []jsonEvidence `json:"evidence"`
	Missing    []string       `json:"missing"`
	Undecided  bool           `json:"undecided,omitempty"`
}

// MarshalJSON gives the finding object of the JSON lines. Lists are never null.
func (f Finding) MarshalJSON() ([]byte, error) {
	out := jsonFinding{
		Type: "finding", ID: f.ID,
		Severity: f.Severity.String(), Confidence: f.Confidence.String(),
		Title: f.Title, Cause: f.Cause,
		Fixes: []jsonFix{}, Conns: []string{}, Exchanges: []string{}, Evidence: []jsonEvidence{},
		Missing: append([]string{}, f.Missing...), Undecided: f.Undecided,
	}
	for _, x := range f.Fixes {
		out.Fixes = append(out.Fixes, jsonFix(x))
	}
	for _, id := range f.Conns {
		out.Conns = append(out.Conns, id.String())
	}
	for _, id := range f.Exchanges {
		out.Exchanges = append(out.Exchanges, id.String())
	}
	for _, e := range f.Evidence {
		out.Evidence = append(out.Evidence, e.json())
	}
	return json.Marshal(out)
}

func (e Evidence) json() jsonEvidence {
	j := jsonEvidence{Packet: e.Packet, Text: e.Text}
	if e.Ref.Conn != 0 {
		j.Conn = e.Ref.Conn.String()
	}
	if e.Ref.Exchange != 0 {
		j.Exchange = e.Ref.Exchange.String()
	}
	if e.AtKnown {
		ms := float64(e.At) / float64(time.Millisecond)
		j.AtMS = &ms
	}
	return j
}
