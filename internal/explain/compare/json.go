package compare

import (
	"encoding/json"

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
