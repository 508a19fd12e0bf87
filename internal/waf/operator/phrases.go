package operator

import (
	"errors"
	"slices"
	"strings"

	"fanlight/internal/waf/rx"
)

// maxCaptured is how many phrases a rule captures.
const maxCaptured = 10

// phraseSet is @pm and its like: a trie of phrases with links from each node to
// the node of its longest proper suffix (Aho and Corasick, 1975). Nodes are
// numbered by depth. A value takes linear time.
type phraseSet struct {
	needing
	class   [256]uint8 // of a byte, the same for both cases of a letter; 0: in no phrase
	classes int
	shallow int      // nodes 0 to shallow: the root, and those of one byte
	next    []uint32 // by shallow node and class: the node that follows
	nodes   []node
	found   []bool  // by node: it ends with a phrase
	label   []uint8 // of edges from nodes that are not shallow, by node
	target  []uint32
}

// node is a prefix of phrases.
type node struct {
	edges uint32 // index of its first edge; the next node's is the end
	fail  uint32
	whole bool // it is a phrase
}

// newPhraseSet refuses empty phrases: what Coraza makes of them depends on which
// others there are.
func newPhraseSet(phrases []string) (Operator, error) {
	sorted := make([]string, 0, len(phrases))
	for _, p := range phrases {
		if p == "" {
			return nil, errors.New("read the phrases: one of them is empty")
		}
		sorted = append(sorted, strings.ToLower(p))
	}
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	s := &phraseSet{needing: needing{phraseNeeds(sorted)}}
	s.classify(sorted)
	s.link(s.grow(sorted))
	return s, nil
}

func (s *phraseSet) classify(phrases []string) {
	s.classes = 1
	for _, p := range phrases {
		for i := range len(p) {
			c := p[i]
			if s.class[c] != 0 {
				continue
			}
			s.class[c] = uint8(s.classes)
			if c >= 'a' && c <= 'z' {
				s.class[c&^0x20] = uint8(s.classes)
			}
			s.classes++
		}
	}
}

// grow makes the trie level by level, each node for a run of phrases with the
// same prefix. It gives the edge of each node, by which it is reached.
func (s *phraseSet) grow(phrases []string) (parent []uint32, via []uint8) {
	type run struct{ from, to, depth int }
	runs := []run{{0, len(phrases), 0}}
	parent, via = []uint32{0}, []uint8{0}
	for at := 0; at < len(runs); at++ {
		r := runs[at]
		n := node{edges: uint32(len(s.label))}
		if r.from < r.to && len(phrases[r.from]) == r.depth {
			n.whole = true
			r.from++
		}
		for i := r.from; i < r.to; {
			c := phrases[i][r.depth]
			end := i
			for end < r.to && phrases[end][r.depth] == c {
				end++
			}
			s.label = append(s.label, s.class[c])
			s.target = append(s.target, uint32(len(runs)))
			parent, via = append(parent, uint32(at)), append(via, s.class[c])
			runs = append(runs, run{i, end, r.depth + 1})
			i = end
		}
		if at == 0 {
			s.shallow = len(runs) - 1
		}
		s.nodes = append(s.nodes, n)
	}
	s.nodes = append(s.nodes, node{edges: uint32(len(s.label))})
	return parent, via
}

// link finds where to go on from a node that has no edge for a byte.
func (s *phraseSet) link(parent []uint32, via []uint8) {
	s.next = make([]uint32, (s.shallow+1)*s.classes)
	for n := 1; n < len(s.nodes)-1; n++ {
		at, c := parent[n], via[n]
		if int(at) <= s.shallow {
			s.next[int(at)*s.classes+int(c)] = uint32(n)
		}
	}
	for n := 1; n <= s.shallow; n++ {
		for c := range s.classes {
			if to := &s.next[n*s.classes+c]; *to == 0 {
				*to = s.next[c]
			}
		}
	}
	s.found = make([]bool, len(s.nodes))
	for n := 1; n < len(s.nodes)-1; n++ {
		x := &s.nodes[n]
		if n > s.shallow {
			x.fail = s.step(s.nodes[parent[n]].fail, via[n])
		}
		s.found[n] = x.whole || s.found[x.fail]
	}
}

// step goes from a node by a byte of class c.
func (s *phraseSet) step(n uint32, c uint8) uint32 {
	for int(n) > s.shallow {
		if to := s.child(n, c); to != 0 {
			return to
		}
		n = s.nodes[n].fail
	}
	return s.next[int(n)*s.classes+int(c)]
}

// child follows an edge of the trie itself, of a node that is not shallow.
func (s *phraseSet) child(n uint32, c uint8) uint32 {
	for i := s.nodes[n].edges; i < s.nodes[n+1].edges; i++ {
		if s.label[i] == c {
			return s.target[i]
		}
	}
	return 0
}

func (s *phraseSet) contains(value string) bool {
	next, found, shallow, classes := s.next, s.found, uint32(s.shallow), uint32(s.classes)
	at := uint32(0)
	for i := range len(value) {
		c := s.class[value[i]]
		if at > shallow {
			at = s.step(at, c)
		} else {
			at = next[at*classes+uint32(c)]
		}
		if found[at] {
			return true
		}
	}
	return false
}

// Match captures, of each place where phrases begin, the longest.
func (s *phraseSet) Match(value, _ string, c Capture) bool {
	if !s.contains(value) {
		return false
	}
	if c == nil {
		return true
	}
	captured := 0
	for i := 0; i < len(value) && captured < maxCaptured; i++ {
		if n := s.longest(value[i:]); n > 0 {
			c.Capture(captured, value[i:i+n])
			captured++
		}
	}
	return true
}

// longest is the length of the longest phrase that value begins with.
func (s *phraseSet) longest(value string) int {
	at, length := uint32(0), 0
	for i := range len(value) {
		c := s.class[value[i]]
		if c == 0 {
			break
		}
		if i < 2 {
			at = s.next[int(at)*s.classes+int(c)]
			if i == 1 && int(at) <= s.shallow { // this led back, not on
				break
			}
		} else {
			at = s.child(at, c)
		}
		if at == 0 {
			break
		}
		if s.nodes[at].whole {
			length = i + 1
		}
	}
	return length
}

// What is told of phrases: up to so many, and so much of each.
const (
	maxNeeded  = 1000
	needLength = 8
)

func phraseNeeds(phrases []string) rx.Needs {
	if len(phrases) == 0 {
		return rx.Needs{}
	}
	n := rx.Clause{MinLen: len(phrases[0])}
	for _, p := range phrases {
		n.MinLen = min(n.MinLen, len(p))
	}
	if len(phrases) <= maxNeeded {
		for _, p := range phrases { // they are sorted
			n.Literals = append(n.Literals, p[:min(len(p), needLength)])
		}
		n.Literals = slices.Compact(n.Literals)
	}
	if marks, ok := punctuation(phrases); ok {
		n.Bytes = []rx.ByteSet{marks}
	}
	return rx.Needs{Any: []rx.Clause{n}}
}

// punctuation is a set of bytes, no letters or digits among them, of which each
// phrase has one: the rarest first.
func punctuation(phrases []string) (set rx.ByteSet, ok bool) {
	for _, p := range phrases {
		best := -1
		for i := range len(p) {
			r := rarity(p[i])
			if r > 0 && set.Has(p[i]) {
				r = 100
			}
			if r > 0 && (best < 0 || r > rarity(p[best])) {
				best = i
			}
		}
		if best < 0 {
			return rx.ByteSet{}, false
		}
		add(&set, p[best])
	}
	return set, true
}

// rarity is 0 for letters and digits, and less for what benign values often have.
func rarity(c byte) int {
	switch {
	case c-'0' < 10, c|0x20 >= 'a' && c|0x20 <= 'z':
		return 0
	case c == ' ':
		return 1
	case strings.IndexByte("-_./,", c) >= 0:
		return 2
	}
	return 3
}
