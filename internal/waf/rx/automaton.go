package rx

import (
	"encoding/binary"
	"slices"
)

// maxLists bounds the lists of conditions of an automaton; literals beyond share
// the last one.
const maxLists = 2048

// maxWord is how much of a literal an automaton looks for. More excludes few texts
// more, and takes more of a cache.
const maxWord = 6

// keyword is a literal, and the condition under which it tells that an
// expression may match.
type keyword struct {
	text string
	condition
}

// automaton finds literals in one pass: the automaton of Aho and Corasick with
// all its transitions written out, over classes of bytes in which upper and
// lower case are one.
type automaton struct {
	class    [256]uint32
	longest  int           // literal
	width    uint32        // of a row; the last entry of one behind firstHit is its place in hits
	next     []uint32      // by row and class: a row, as its offset in next
	firstHit uint32        // from this row on, a literal ends
	hits     [][]condition // those of the literals that end
}

// node is a prefix of some literal while the automaton is made.
type node struct {
	next []uint32 // by class; 0: none yet
	fail uint32   // the longest suffix that is a prefix too
	hits []int    // the keywords that end here, ascending
}

func newAutomaton(words []keyword) *automaton {
	a := &automaton{longest: 1}
	for _, w := range words {
		a.longest = max(a.longest, len(w.text))
	}
	a.classify(words)
	nodes := a.trie(words)
	order := a.link(nodes)
	a.write(nodes, order, words)
	return a
}

// place is where in hits the conditions of the literals that end in row are.
func (a *automaton) place(row uint32) uint32 { return a.next[row+a.width-1] }

// places is a set of places in hits.
type places [maxLists / 64]uint64

func (p *places) add(n uint32) { p[n/64%uint32(len(p))] |= 1 << (n & 63) }

// halves divides a text that is not short into two parts, the second no longer than
// the first, that have all literals of it.
func (a *automaton) halves(s string) (first, second string) {
	if len(s) < 3*a.longest {
		return s, ""
	}
	half := (len(s) + a.longest) / 2
	return s[:half], s[half-a.longest+1:]
}

// classify gives each byte that literals use a class; all others are in class 0.
func (a *automaton) classify(words []keyword) {
	a.width = 1
	for _, w := range words {
		for i := range len(w.text) {
			if b := w.text[i]; a.class[b] == 0 {
				a.class[b] = a.width
				a.width++
			}
		}
	}
	for b := 'A'; b <= 'Z'; b++ {
		a.class[b] = a.class[b+'a'-'A']
	}
	a.width++
}

func (a *automaton) trie(words []keyword) []node {
	nodes := []node{{next: make([]uint32, a.width-1)}}
	for i, w := range words {
		at := uint32(0)
		for j := range len(w.text) {
			c := a.class[w.text[j]]
			if nodes[at].next[c] == 0 {
				nodes[at].next[c] = uint32(len(nodes))
				nodes = append(nodes, node{next: make([]uint32, a.width-1)})
			}
			at = nodes[at].next[c]
		}
		nodes[at].hits = append(nodes[at].hits, i)
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
			nodes[to].hits = slices.Concat(nodes[to].hits, nodes[behind].hits)
			order = append(order, to)
		}
	}
	return order
}

// write makes the table, the nodes with hits behind all others.
func (a *automaton) write(nodes []node, order []uint32, words []keyword) {
	rows := make([]uint32, len(nodes))
	place := uint32(0)
	number := func(hits bool) {
		for _, at := range order {
			if (len(nodes[at].hits) > 0) == hits {
				rows[at] = place
				place += a.width
			}
		}
	}
	number(false)
	a.firstHit = place
	number(true)
	a.next = make([]uint32, place)
	same := map[string]uint32{}
	for i, n := range nodes {
		for c, to := range n.next {
			a.next[rows[i]+uint32(c)] = rows[to]
		}
		if len(n.hits) > 0 {
			a.next[rows[i]+a.width-1] = a.share(same, n.hits, words)
		}
	}
}

// share is the place in a.hits of the distinct conditions of some keywords.
func (a *automaton) share(same map[string]uint32, hits []int, words []keyword) uint32 {
	var all []condition
	var key []byte
	for _, i := range hits {
		if c := words[i].condition; !slices.Contains(all, c) {
			all = append(all, c)
			key = c.append(key)
		}
	}
	if place, ok := same[string(key)]; ok {
		return place
	}
	if len(a.hits) == maxLists {
		last := &a.hits[maxLists-1]
		*last = append(*last, all...)
	} else {
		a.hits = append(a.hits, all)
	}
	same[string(key)] = uint32(len(a.hits) - 1)
	return uint32(len(a.hits) - 1)
}

// append writes what tells a condition from others behind key.
func (c *condition) append(key []byte) []byte {
	key = binary.AppendUvarint(key, uint64(c.number))
	key = binary.AppendUvarint(key, uint64(c.min))
	return binary.AppendUvarint(key, c.sets)
}
