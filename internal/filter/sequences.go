package filter

// sequences finds the first of several texts in another in one pass, in any
// letter case: the automaton of Aho and Corasick (Efficient string matching, CACM
// 18, 1975), with all failures worked out beforehand. A nil pointer finds
// nothing.
type sequences struct {
	class [256]uint8 // of a byte; 0: in no text
	wide  int        // number of classes
	next  []int32    // by state and class
	found []int32    // by state: index of the longest text that ends there, -1 for none
	texts []string   // as configured
	sizes []int      // what they stand for, in bytes
}

func newSequences(texts []string) *sequences {
	if len(texts) == 0 {
		return nil
	}
	s := &sequences{texts: texts, wide: 1}
	patterns := make([][]byte, len(texts))
	for i, text := range texts {
		patterns[i] = appendLower(nil, decode(nil, []byte(text), nil))
		s.sizes = append(s.sizes, len(patterns[i]))
		s.classify(patterns[i])
	}
	s.build(patterns)
	return s
}

// classify gives the bytes of a pattern classes. There are no more than 229, as
// capital letters have those of small ones.
func (s *sequences) classify(pattern []byte) {
	for _, c := range pattern {
		if s.class[c] == 0 {
			s.class[c] = uint8(s.wide)
			s.wide++
		}
		if 'a' <= c && c <= 'z' {
			s.class[c-0x20] = s.class[c]
		}
	}
}

func (s *sequences) build(patterns [][]byte) {
	s.addState()
	for i, pattern := range patterns {
		state := 0
		for _, c := range pattern {
			at := state*s.wide + int(s.class[c])
			if s.next[at] == 0 {
				s.next[at] = int32(s.addState())
			}
			state = int(s.next[at])
		}
		if s.found[state] < 0 {
			s.found[state] = int32(i)
		}
	}
	s.link()
}

func (s *sequences) addState() int {
	s.next = append(s.next, make([]int32, s.wide)...)
	s.found = append(s.found, -1)
	return len(s.found) - 1
}

// link fills in, in the order of their depth, where each state goes on with a
// byte that continues no text.
func (s *sequences) link() {
	fail := make([]int32, len(s.found))
	queue := []int32{0}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		for c := range s.wide {
			at := int(state)*s.wide + c
			child := s.next[at]
			instead := s.next[int(fail[state])*s.wide+c]
			switch {
			case child == 0:
				s.next[at] = instead
			default:
				if state != 0 {
					fail[child] = instead
				}
				if s.found[child] < 0 {
					s.found[child] = s.found[fail[child]]
				}
				queue = append(queue, child)
			}
		}
	}
}

// find gives the text that ends first, and where it stands.
func (s *sequences) find(b []byte) (text string, start, end int, found bool) {
	if s == nil {
		return "", 0, 0, false
	}
	state := 0
	for i, c := range b {
		state = int(s.next[state*s.wide+int(s.class[c])])
		if hit := s.found[state]; hit >= 0 {
			return s.texts[hit], i + 1 - s.sizes[hit], i + 1, true
		}
	}
	return "", 0, 0, false
}
