package foreignlog

// State tells how grave a line is.
type State uint8

const (
	Fine   State = iota // nothing to explain
	Normal              // looks like trouble, is everyday life
	Fault               // something failed
)

func (s State) String() string { return [...]string{"fine", "normal", "fault"}[s%3] }

// Meaning is what a line says in our vocabulary.
type Meaning struct {
	State  State
	Kind   string // what lines are counted by: the product's own words
	Text   string // what happened; empty if Fine
	Next   string // what to look at next
	Points []Point
}

// How sure a line is of a finding, in the words of explain.
const (
	Proof    = "proof"    // the line names the cause itself
	Likely   = "likely"   // it fits this cause better than any other
	Possible = "possible" // others fit as well
)

// Point is a finding a line points at.
type Point struct {
	Finding    string `json:"finding"` // id in the catalogue
	Confidence string `json:"confidence"`
}

// entry is a row of a product's vocabulary: the words, and what they mean.
type entry struct {
	words  string
	state  State
	text   string
	next   string
	points []Point
}

func (e *entry) meaning(kind string) Meaning {
	return Meaning{State: e.state, Kind: kind, Text: e.text, Next: e.next, Points: e.points}
}

func proof(finding string) []Point { return []Point{{finding, Proof}} }

func likely(finding string) []Point { return []Point{{finding, Likely}} }

func possible(findings ...string) []Point {
	out := make([]Point, len(findings))
	for i, f := range findings {
		out[i] = Point{f, Possible}
	}
	return out
}

// find gives the row with these words, nil if there is none.
func find(table []entry, words string) *entry {
	for i := range table {
		if table[i].words == words {
			return &table[i]
		}
	}
	return nil
}
