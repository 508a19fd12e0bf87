package balance

import (
	"fmt"
	"strings"
	"time"
)

// plan says which members get new exchanges. It is never changed: another one
// takes its place.
type plan struct {
	first tier // those that are used
	spare tier // backups, for what has been tried at all of those; empty while backups are used
}

// tier is members of equal rank.
type tier struct {
	shares []share
	turns  []uint8 // indices of shares: each as often as its weight, evenly spread
}

type share struct {
	m      *Member
	weight float64
}

// Change is a change of an origin's standing.
type Change struct {
	Member        *Member
	Before, After Standing
	Reason        string
}

// replan makes a plan of what is so at now, and gives what has changed. The
// caller holds mu.
func (g *Group) replan(now time.Time) (changes []Change) {
	ranks := map[rank][]share{}
	restful := true
	for _, m := range g.Members {
		after := m.judge(now)
		if before := m.Standing(); before != after {
			m.standing.Store(uint32(after))
			changes = append(changes, Change{m, before, after, m.changeReason(after)})
		}
		m.tied.Store(after == Serving || after == Returning || after == DrainingOf && !m.down && m.until.IsZero())
		restful = restful && m.until.IsZero() && m.since.IsZero()
		if r := m.rank(after); r != rankNone {
			ranks[r] = append(ranks[r], share{m, float64(m.Weight) * m.grown(now)})
		}
	}
	p := &plan{}
	for r := rankFirst; r <= rankLast; r++ {
		if len(ranks[r]) == 0 {
			continue
		}
		p.first = newTier(ranks[r])
		if r == rankFirst {
			p.spare = newTier(ranks[rankBackup])
		}
		break
	}
	g.plan.Store(p)
	g.restful.Store(restful)
	return changes
}

// rank is the order in which members are used; a rank is used when none before
// it has a member.
type rank uint8

const (
	rankFirst        rank = iota
	rankBackup            // backups that can be used
	rankEjected           // panic: better one that failed of late than none
	rankEjectedSpare      // backups that are ejected
	rankNone
	rankLast = rankEjectedSpare
)

func (m *Member) rank(s Standing) rank {
	switch {
	case s == Ejected && m.Backup:
		return rankEjectedSpare
	case s == Ejected:
		return rankEjected
	case s != Serving && s != Returning:
		return rankNone
	case m.Backup:
		return rankBackup
	}
	return rankFirst
}

// judge says what may be given to m; what an operator wants comes before what
// was seen.
func (m *Member) judge(now time.Time) Standing {
	switch {
	case m.Duty == Disabled:
		return DisabledOf
	case m.Duty == Draining:
		return DrainingOf
	case m.down:
		return Down
	case !m.until.IsZero():
		return Ejected
	case !m.since.IsZero():
		return Returning
	}
	return Serving
}

func (m *Member) changeReason(after Standing) string {
	if after == Down || after == Ejected {
		return m.reason
	}
	return ""
}

// newTier spreads the turns of members so that none comes twice in a row while
// others wait: at each turn every member gains its weight, and the one that has
// gained most pays the sum of all (nginx's smooth weighted round robin).
func newTier(shares []share) tier {
	t := tier{shares: shares}
	weights, sum := turnsOf(shares)
	gained := make([]int, len(shares))
	t.turns = make([]uint8, 0, sum)
	for range sum {
		best := 0
		for i, w := range weights {
			if gained[i] += w; gained[i] > gained[best] {
				best = i
			}
		}
		gained[best] -= sum
		t.turns = append(t.turns, uint8(best))
	}
	return t
}

// turnsOf gives weights as small whole numbers, tenths kept, and their sum.
func turnsOf(shares []share) (weights []int, sum int) {
	divisor := 0
	for _, s := range shares {
		w := max(1, int(s.weight*10+0.5))
		weights = append(weights, w)
		divisor = gcd(divisor, w)
	}
	for i := range weights {
		weights[i] /= divisor
		sum += weights[i]
	}
	return weights, sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// tell says what has changed, unless another group has come in this one's place:
// what the last exchanges here come to says nothing of who gets the next.
func (g *Group) tell(changes []Change) {
	if g.Changed == nil || g.checks.Err() != nil {
		return
	}
	for _, c := range changes {
		g.Changed(c)
	}
}

// WhyNone says in a line why no member can be used.
func (g *Group) WhyNone() string {
	var parts []string
	for _, m := range g.Members {
		s := m.Status()
		part := s.Name + " is " + s.Standing.String()
		if s.Reason != "" {
			part += " (" + s.Reason + ")"
		}
		parts = append(parts, part)
		if len(parts) == 4 && len(g.Members) > 5 {
			parts = append(parts, fmt.Sprintf("and %d more", len(g.Members)-4))
			break
		}
	}
	return strings.Join(parts, ", ")
}
