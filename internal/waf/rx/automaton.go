package rx

import "encoding/binary"

// automaton finds the literals of many expressions in one pass: the automaton of
// Aho and Corasick with all its transitions written out, over classes of bytes
// in which upper and lower case are one.
type automaton struct {
	class    [256]uint32
	width    uint32   // classes
	next     []uint32 // by row and class: a row, as its offset in next
	firstHit uint32   // from this row on, a literal ends
	hits     []Bits   // by row behind firstHit: the expressions that have it
}

// node is a prefix of some literal while the automaton is made.
type node struct {
	next []uint32 // by class; 0: none yet
	fail uint32   // the longest suffix that is a prefix too
	hits Bits     // nil: none
}

func newAutomaton(needs []Needs) *automaton {
	a := &automaton{}
	a.classify(needs)
	nodes := a.trie(needs)
	order := a.link(nodes)
	a.write(nodes, order)
	return a
}

// found is the expressions of which a literal ends in row.
func (a *automaton) found(row uint32) Bits { return a.hits[(row-a.firstHit)/a.width] }

// classify gives each byte that literals use a class; all others are in class 0.
func (a *automaton) classify(needs []Needs) {
	a.width = 1
	for _, n := range needs {
		for _, s := range n.Literals {
			for i := range len(s) {
				if a.class[s[i]] == 0 {
					a.class[s[i]] = a.width
					a.width++
				}
			}
		}
	}
	for b := 'A'; b <= 'Z'; b++ {
		a.class[b] = a.class[b+'a'-'A']
	}
}

func (a *automaton) trie(needs []Needs) []node {
	nodes := []node{{next: make([]uint32, a.width)}}
	for i, n := range needs {
		for _, s := range n.Literals {
			at := uint32(0)
			for j := range len(s) {
				c := a.class[s[j]]
				if nodes[at].next[c] == 0 {
					nodes[at].next[c] = uint32(len(nodes))
					nodes = append(nodes, node{next: make([]uint32, a.width)})
				}
				at = nodes[at].next[c]
			}
			if nodes[at].hits == nil {
				nodes[at].hits = NewBits(len(needs))
			}
			nodes[at].hits.add(i)
		}
	}
	return nodes
}

// link completes the transitions and hits of the nodes by those of their
// suffixes, and gives the order in which it did, by depth.
func (a *automaton) link(nodes []node) []uint32 {
	order := make([]uint32, 1, len(nodes))
	for i := 0; i < len(order); i++ {
		at := order[i]
		for c, to := range nodes[at].next {
			behind := nodes[nodes[at].fail].next[c]
			switch {
			case to == 0:
				nodes[at].next[c] = behind
				continue
			case at == 0:
				behind = 0
			}
			nodes[to].fail = behind
			if more := nodes[behind].hits; more != nil {
				if nodes[to].hits == nil {
					nodes[to].hits = make(Bits, len(more))
				}
				nodes[to].hits.or(more)
			}
			order = append(order, to)
		}
	}
	return order
}

// write makes the table, the nodes with hits behind all others.
func (a *automaton) write(nodes []node, order []uint32) {
	rows := make([]uint32, len(nodes))
	place := uint32(0)
	number := func(hits bool) {
		for _, at := range order {
			if (nodes[at].hits != nil) == hits {
				rows[at] = place
				place += a.width
			}
		}
	}
	number(false)
	a.firstHit = place
	number(true)
	a.next = make([]uint32, place)
	a.hits = make([]Bits, (place-a.firstHit)/a.width)
	same := map[string]Bits{}
	for i := range nodes {
		for c, to := range nodes[i].next {
			a.next[rows[i]+uint32(c)] = rows[to]
		}
		if nodes[i].hits != nil {
			a.hits[(rows[i]-a.firstHit)/a.width] = shared(same, nodes[i].hits)
		}
	}
}

// shared is a set equal to b, the same for all that are equal.
func shared(same map[string]Bits, b Bits) Bits {
	var key []byte
	for _, word := range b {
		key = binary.LittleEndian.AppendUint64(key, word)
	}
	if old, ok := same[string(key)]; ok {
		return old
	}
	same[string(key)] = b
	return b
}
