package explain

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
)

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

// MarshalJSON gives the fix object of the JSON lines.
func (x Fix) MarshalJSON() ([]byte, error) { return json.Marshal(jsonFix(x)) }

// MarshalJSON gives the evidence object of the JSON lines.
func (e Evidence) MarshalJSON() ([]byte, error) { return json.Marshal(e.json()) }

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

// UnmarshalJSON reads the finding object back. Lists that are empty are nil
// then, and evidence no longer knows which event it was.
func (f *Finding) UnmarshalJSON(raw []byte) error {
	var in jsonFinding
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*f = Finding{ID: in.ID, Title: in.Title, Cause: in.Cause, Missing: in.Missing, Undecided: in.Undecided}
	if len(f.Missing) == 0 {
		f.Missing = nil
	}
	var read reader
	f.Severity, f.Confidence = read.severity(in.Severity), read.confidence(in.Confidence)
	for _, x := range in.Fixes {
		f.Fixes = append(f.Fixes, Fix(x))
	}
	for _, id := range in.Conns {
		f.Conns = append(f.Conns, flow.ConnID(read.id("c", id)))
	}
	for _, id := range in.Exchanges {
		f.Exchanges = append(f.Exchanges, flow.ExchangeID(read.id("x", id)))
	}
	for _, e := range in.Evidence {
		f.Evidence = append(f.Evidence, read.evidence(e))
	}
	if read.err != nil {
		return fmt.Errorf("read finding %s: %w", in.ID, read.err)
	}
	return nil
}

// reader keeps the first fault of the words it reads.
type reader struct{ err error }

func (r *reader) fault(what, word string) {
	if r.err == nil {
		r.err = fmt.Errorf("%q is no %s", word, what)
	}
}

func (r *reader) severity(word string) Severity {
	s, ok := ParseSeverity(word)
	if !ok {
		r.fault("severity", word)
	}
	return s
}

func (r *reader) confidence(word string) Confidence {
	for _, c := range []Confidence{Possible, Likely, Proof} {
		if c.String() == word {
			return c
		}
	}
	r.fault("confidence", word)
	return 0
}

// id reads the number of an id such as c7; an empty one is 0.
func (r *reader) id(letter, word string) uint64 {
	if word == "" {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(word, letter), 10, 64)
	if err != nil || !strings.HasPrefix(word, letter) {
		r.fault("id such as "+letter+"7", word)
	}
	return n
}

func (r *reader) evidence(in jsonEvidence) Evidence {
	e := Evidence{
		Ref: flow.Ref{
			Conn: flow.ConnID(r.id("c", in.Conn)), Exchange: flow.ExchangeID(r.id("x", in.Exchange)),
			Event: -1, Packet: in.Packet,
		},
		Packet: in.Packet, Text: in.Text,
	}
	if in.AtMS != nil {
		e.At, e.AtKnown = time.Duration(*in.AtMS*float64(time.Millisecond)), true
	}
	return e
}
