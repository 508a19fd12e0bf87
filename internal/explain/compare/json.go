package compare

import (
	"encoding/json"
	"slices"

	"fanlight/internal/explain"
)

type jsonDifference struct {
	Type     string    `json:"type"`
	Rank     int       `json:"rank"`
	Key      string    `json:"key"`
	What     string    `json:"what"`
	Class    string    `json:"class"`
	When     string    `json:"when"`
	Unit     string    `json:"unit"`
	Good     jsonShown `json:"good"`
	Bad      jsonShown `json:"bad"`
	Findings []string  `json:"findings"`
}

type jsonShown struct {
	Value    string             `json:"value,omitempty"`
	Count    int                `json:"count"`
	Of       int                `json:"of"`
	Evidence []explain.Evidence `json:"evidence"`
}

// JSON is the difference as the object of the JSON lines; rank counts from 1.
// Lists are never null.
func (d *Difference) JSON(rank int) json.RawMessage {
	raw, err := json.Marshal(jsonDifference{
		Type: "difference", Rank: rank, Key: d.Key, What: d.What, Class: d.Class.String(), When: d.When.String(), Unit: d.Unit,
		Good: d.Good.json(), Bad: d.Bad.json(), Findings: append([]string{}, d.Findings...),
	})
	if err != nil {
		panic("marshal a difference: " + err.Error()) // strings and numbers only
	}
	return raw
}

func (s Shown) json() jsonShown {
	return jsonShown{Value: s.Value, Count: s.Count, Of: s.Of, Evidence: append([]explain.Evidence{}, s.Evidence...)}
}

// jsonSummary is the last object of a comparison.
type jsonSummary struct {
	Type        string     `json:"type"` // compare-summary
	Good        jsonExtent `json:"good"`
	Bad         jsonExtent `json:"bad"`
	Aligned     string     `json:"aligned"`
	First       *string    `json:"first"` // null: nothing that came before the failure differs
	What        string     `json:"what,omitempty"`
	Differences int        `json:"differences"`
	Findings    []string   `json:"findings"`
}

type jsonExtent struct {
	Source              string `json:"source"`
	Connections         int    `json:"connections"`
	Exchanges           int    `json:"exchanges"`
	FailedConnections   int    `json:"failed_connections"`
	FailedExchanges     int    `json:"failed_exchanges"`
	ComparedConnections int    `json:"compared_connections"`
	ComparedExchanges   int    `json:"compared_exchanges"`
	LeftOut             int    `json:"left_out,omitempty"`
	Unread              int    `json:"unread,omitempty"`
}

// Summary is what was compared and what came of it as the last object of the
// JSON lines. The arguments name where each side is from.
func (r *Result) Summary(good, bad string) json.RawMessage {
	s := jsonSummary{
		Type: "compare-summary", Good: r.Good.json(good), Bad: r.Bad.json(bad), Aligned: r.Aligned.String(),
		Differences: len(r.Differences), Findings: r.known(),
	}
	if d := r.First(); d != nil {
		s.First, s.What = &d.Key, d.sentence()
	}
	raw, err := json.Marshal(s)
	if err != nil {
		panic("marshal a comparison: " + err.Error()) // strings and numbers only
	}
	return raw
}

func (e Extent) json(source string) jsonExtent {
	return jsonExtent{
		source, e.Conns, e.Exchanges, e.FailedConns, e.FailedExchanges, e.ComparedConns, e.ComparedExchanges, e.LeftOut, e.Unread,
	}
}

// known are the ids of the findings that the differences name, each once.
func (r *Result) known() []string {
	ids := []string{}
	for _, f := range r.Findings {
		if !slices.Contains(ids, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}
