package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// Class says what a difference can be, most likely causes first.
type Class uint8

const (
	Known      Class = iota // a rule knows it as a cause
	Fact                    // came before the failure
	Wait                    // a wait before the failure, mostly the mark of a cause
	Failure                 // the failure itself, and what is told of it
	Sequence                // what came of it
	Incidental              // who speaks and which way it came
)

func (c Class) String() string {
	return [...]string{"known", "fact", "wait", "failure", "sequence", "incidental"}[c%6]
}

// When says how a difference stands to the failure of the bad side.
type When uint8

const (
	Before When = iota
	AtFailure
	After
)

func (w When) String() string { return [...]string{"before", "failure", "after"}[w%3] }

// Difference is one thing that the bad side shows clearly more often.
type Difference struct {
	Key      string // stable name of what differs, such as response-header:server
	What     string // the same for people
	Unit     string // connection or exchange: what is counted
	Class    Class
	When     When
	Good     Shown
	Bad      Shown
	Findings []string // ids of the findings that know it

	stage stage
	units map[*unit]bool // of the bad side that show it
}

// Shown is how a difference looks on one side. Value is what that side shows in
// its place, empty if nothing was observed; Count of Of units show what the bad
// side does.
type Shown struct {
	Value    string
	Count    int
	Of       int
	Evidence []explain.Evidence
}

func (s Shown) share() float64 { return float64(s.Count) / float64(max(s.Of, 1)) }

// contrast is how much more often the bad side shows it: 0 to 1.
func (d *Difference) contrast() float64 { return d.Bad.share() - d.Good.share() }

// leastContrast is what is worth telling.
const leastContrast = 0.25

func order(a, b Difference) int {
	tenths := func(d Difference) int { return int(d.contrast()*10 + 0.5) }
	return cmp.Or(
		cmp.Compare(a.Class, b.Class),
		cmp.Compare(tenths(b), tenths(a)),
		cmp.Compare(a.stage, b.stage),
		cmp.Compare(a.Key, b.Key),
	)
}

// differences are the aspects in which the sides differ. Each leg of a proxy is
// looked at by itself; where both show the same, the one that shows it clearer is
// told of.
func differences(groups []*group) (out []Difference) {
	for _, l := range []leg{alone, front, back} {
		for _, d := range differencesOf(slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return g.leg() != l })) {
			i := slices.IndexFunc(out, func(x Difference) bool { return x.Key == d.Key })
			switch {
			case i < 0:
				out = append(out, d)
			case d.contrast() > out[i].contrast():
				out[i] = d
			}
		}
	}
	return out
}

func differencesOf(groups []*group) (out []Difference) {
	for _, t := range tallies(groups) {
		if len(t.good) == 0 || len(t.bad) == 0 {
			continue
		}
		d, differs := t.words()
		if t.nature == timing {
			d, differs = t.spans()
		}
		if differs && d.contrast() >= leastContrast {
			out = append(out, d)
		}
	}
	return out
}

// words compares values: the one that sets the bad side apart most, against the
// one that sets the good side apart most.
func (t *tally) words() (Difference, bool) {
	good, bad := byValue(t.good), byValue(t.bad)
	apart := func(v string) float64 {
		return float64(len(bad[v]))/float64(len(t.bad)) - float64(len(good[v]))/float64(len(t.good))
	}
	theirs := mostApart(bad, "", apart)
	ours := mostApart(good, theirs, func(v string) float64 { return -apart(v) })
	if theirs == ours {
		return Difference{}, false
	}
	d := t.difference(bad[theirs], good[ours])
	d.Bad.Value, d.Bad.Count = theirs, len(bad[theirs])
	d.Good.Value, d.Good.Count = ours, len(good[theirs])
	if d.Class == Fact && !t.mayCause(theirs, ours, good, bad) {
		d.Class = Incidental
	}
	if strings.HasSuffix(t.key, "-order") {
		n := strings.LastIndexByte(theirs[:common(theirs, ours)], ' ') + 1
		d.Bad.Value, d.Good.Value = elided(theirs, n), elided(ours, n)
	}
	return d, true
}

// elided leaves out the first n bytes.
func elided(s string, n int) string {
	if n == 0 {
		return s
	}
	return "... " + s[n:]
}

// few units say nothing by which connection they were on.
const few = 5

// mayCause tells values that may be the cause from those that only say who
// speaks. That a field is missing may be, unless it only says who speaks; another
// value may where the value decides something. An address may where both sides
// met one of them.
func (t *tally) mayCause(theirs, ours string, good, bad map[string][]sighting) bool {
	_, name, isField := t.field()
	switch {
	case isField && (theirs == absent || ours == absent):
		return !byTheWay(name)
	case isField:
		return telling(name)
	case t.key == serverAddress().key:
		return len(good[theirs])+len(bad[ours]) > 0
	case t.key == "reused":
		return theirs == "reused" || len(t.bad) >= few
	}
	return true
}

func byValue(all []sighting) map[string][]sighting {
	out := map[string][]sighting{}
	for _, s := range all {
		out[s.value] = append(out[s.value], s)
	}
	return out
}

// mostApart is the value for which apart is largest; of several the one that
// begins most like another value.
func mostApart(values map[string][]sighting, like string, apart func(string) float64) string {
	return slices.MinFunc(slices.Collect(maps.Keys(values)), func(a, b string) int {
		return cmp.Or(cmp.Compare(apart(b), apart(a)), cmp.Compare(common(b, like), common(a, like)), cmp.Compare(a, b))
	})
}

// common is the length of what two strings begin with alike.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// spans compares waits: long ones that the other side seldom has.
func (t *tally) spans() (Difference, bool) {
	least := max(4*median(t.good), longWait)
	var slow []sighting
	for _, s := range t.bad {
		if s.span >= least {
			slow = append(slow, s)
		}
	}
	if len(slow) == 0 {
		return Difference{}, false
	}
	d := t.difference(slow, t.good)
	d.Bad.Value, d.Bad.Count = explain.Span(median(slow)), len(slow)
	d.Good.Value = explain.Span(median(t.good))
	for _, s := range t.good {
		if s.span >= least {
			d.Good.Count++
		}
	}
	return d, true
}

// longWait is what a user notices.
const longWait = time.Second

func median(all []sighting) time.Duration {
	spans := make([]time.Duration, len(all))
	for i, s := range all {
		spans[i] = s.span
	}
	slices.Sort(spans)
	return spans[len(spans)/2]
}

// difference tells of an aspect with those that show it on the bad side and
// those that show what the good side shows.
func (t *tally) difference(bad, good []sighting) Difference {
	d := Difference{Key: t.key, What: t.label, Unit: "connection", stage: t.stage, units: map[*unit]bool{}}
	d.Bad.Of, d.Good.Of = len(t.bad), len(t.good)
	if t.bad[0].unit.x != nil {
		d.Unit = "exchange"
	}
	for _, s := range bad {
		d.units[s.unit] = true
	}
	d.When = when(t.aspect, bad)
	d.Class = class(t.aspect, d.When)
	d.Bad.Evidence, d.Good.Evidence = evidence(bad, good)
	return d
}

// when goes by most of those that show it.
func when(a aspect, bad []sighting) When {
	switch {
	case a.stage == later:
		return After
	case a.nature == outcome:
		return AtFailure
	}
	var count [3]int
	for _, s := range bad {
		switch {
		case s.event < s.unit.failure || a.nature == timing && s.event == s.unit.failure:
			count[Before]++
		case s.event == s.unit.failure:
			count[AtFailure]++
		default:
			count[After]++
		}
	}
	return When(slices.Index(count[:], slices.Max(count[:])))
}

func class(a aspect, w When) Class {
	switch {
	case w == After:
		return Sequence
	case a.nature == incidental:
		return Incidental
	case a.nature == outcome || w == AtFailure:
		return Failure
	case a.nature == timing:
		return Wait
	}
	return Fact
}

// merge leaves out what connections show where exchanges show the same.
func merge(exchanges, conns []Difference) []Difference {
	for _, d := range conns {
		if !slices.ContainsFunc(exchanges, func(x Difference) bool { return x.Key == d.Key }) {
			exchanges = append(exchanges, d)
		}
	}
	return exchanges
}

// onlyBad tells of requests that have no counterpart on the good side.
func onlyBad(left []*unit, of int) (out []Difference) {
	byPosition := map[position][]*unit{}
	for _, u := range left {
		byPosition[u.position] = append(byPosition[u.position], u)
	}
	for p := unsigned; p <= signedIn; p++ {
		units := byPosition[p]
		if len(units) == 0 {
			continue
		}
		d := Difference{
			Key: "only-bad:" + strings.ReplaceAll(p.String(), " ", "-"), What: "requests " + p.String() + " that the good side does not make",
			Unit: "exchange", Class: Sequence, When: After, stage: later,
			Bad: Shown{Value: fmt.Sprintf("%d requests", len(units)), Count: len(units), Of: of}, Good: Shown{Value: "none"},
		}
		for _, u := range units[:min(len(units), shownEvidence)] {
			d.Bad.Evidence = append(d.Bad.Evidence, explain.At(u.conn, u.at.first(u.x.ID, flow.Request), u.name()))
		}
		out = append(out, d)
	}
	return out
}
