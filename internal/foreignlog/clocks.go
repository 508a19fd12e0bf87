package foreignlog

import (
	"cmp"
	"slices"
	"time"
)

// vote is what a line would make of the difference of the clocks.
type vote struct {
	offset time.Duration
	voter  int
}

// maxVotes bounds the memory of the estimate.
const maxVotes = 200_000

// Learn takes a line into the estimate of the clocks.
func (t *Ties) Learn(l *Line) {
	if l.Time.IsZero() || len(t.votes)+len(t.weak) >= maxVotes {
		return
	}
	var places []place
	for _, p := range t.candidates(l).some() {
		if p.agreement(l) == 0 {
			continue
		}
		if places = append(places, p); len(places) > 8 { // a target that everybody asks for says little
			return
		}
	}
	t.voters++
	for _, p := range places {
		at, to, ended := p.span()
		if l.AtEnd {
			at = to
		}
		switch v := (vote{l.Time.Add(l.Tick / 2).Sub(at), t.voters}); {
		case at.IsZero() || l.AtEnd && !ended:
		case p.agreement(l) == 1:
			t.weak = append(t.weak, v)
		default:
			t.votes = append(t.votes, v)
		}
	}
}

// weakLines is how many lines without a common address must agree on the time.
const weakLines = 3

// Settle takes the difference that most lines agree on; of those that nearly as
// many agree on, the smallest, because people repeat their requests. Clocks
// that agree within a step of the log's are taken to be the same.
func (t *Ties) Settle() {
	if !t.settle(t.votes, 1) {
		t.settle(t.weak, weakLines)
	}
	if t.Offset.Abs() <= slack {
		t.Offset = 0
	}
	t.votes, t.weak = nil, nil
}

func (t *Ties) settle(votes []vote, least int) bool {
	slices.SortFunc(votes, func(a, b vote) int { return cmp.Compare(a.offset, b.offset) })
	most := 0
	windows(votes, func(agree int, _ time.Duration) { most = max(most, agree) })
	if most < least {
		return false
	}
	windows(votes, func(agree int, offset time.Duration) {
		if 5*agree >= 4*most && (t.Evidence == 0 || offset.Abs() < t.Offset.Abs()) {
			t.Offset, t.Evidence = offset, agree
		}
	})
	return true
}

// windows calls do for every run of votes that lie within the slack, with the
// number of lines that agree and the middle of what they say.
func windows(votes []vote, do func(agree int, offset time.Duration)) {
	voters := map[int]int{}
	for i, j := 0, 0; i < len(votes); i++ {
		for ; j < len(votes) && votes[j].offset-votes[i].offset <= slack; j++ {
			voters[votes[j].voter]++
		}
		do(len(voters), votes[(i+j-1)/2].offset)
		if voter := votes[i].voter; voters[voter] > 1 {
			voters[voter]--
		} else {
			delete(voters, voter)
		}
	}
}
