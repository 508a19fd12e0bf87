package rx

// An Index tells at one look at a text which of many expressions it may match.
// It is immutable.
type Index struct {
	size   int
	bytes  [256]column
	need   []uint64 // by expression: the sets of bytes it needs, as in column.sets
	groups []group  // the expressions without literals
	byLen  []Bits   // by length: the expressions that do not need more; longer texts satisfy all
	words  *automaton
}

// column is what the index knows of a byte.
type column struct {
	sets  uint64 // a bit for each set of bytes that holds it
	class uint32 // of the automaton
}

// group is expressions that need the same sets of bytes and no literal.
type group struct {
	need    uint64
	members Bits
}

// NewIndex makes the index of expressions by what they need. Their numbers are
// their places in needs.
func NewIndex(needs []Needs) *Index {
	x := &Index{size: len(needs), words: newAutomaton(needs)}
	for b := range x.bytes {
		x.bytes[b].class = x.words.class[b]
	}
	x.indexBytes(needs)
	x.indexLengths(needs)
	return x
}

// Len is the number of expressions.
func (x *Index) Len() int { return x.size }

// Scan puts into set, which has room for Len numbers, the expressions that s may
// match, and no other. It takes time in proportion to s and allocates nothing.
func (x *Index) Scan(s string, set Bits) {
	clear(set)
	sets, row := uint64(0), uint32(0)
	next, hits := x.words.next, x.words.firstHit
	for i := range len(s) {
		c := &x.bytes[s[i]]
		sets |= c.sets
		row = next[row+c.class]
		if row >= hits {
			set.or(x.words.found(row))
		}
	}
	for i := set.Next(0); i >= 0; i = set.Next(i + 1) {
		if x.need[i]&^sets != 0 {
			set.remove(i)
		}
	}
	for i := range x.groups {
		if g := &x.groups[i]; g.need&^sets == 0 {
			set.or(g.members)
		}
	}
	if len(s) < len(x.byLen) {
		set.and(x.byLen[len(s)])
	}
}

// indexBytes gives the sets of bytes that most expressions need a bit each.
func (x *Index) indexBytes(needs []Needs) {
	used := map[ByteSet]int{}
	for _, n := range needs {
		for _, s := range n.Bytes {
			used[s]++
		}
	}
	number := map[ByteSet]int{}
	for i, s := range mostUsed(used, 64) {
		number[s] = i
		for b := range x.bytes {
			if s.Has(byte(b)) {
				x.bytes[b].sets |= 1 << i
			}
		}
	}
	x.need = make([]uint64, len(needs))
	at := map[uint64]int{}
	for i, n := range needs {
		for _, s := range n.Bytes {
			if bit, ok := number[s]; ok {
				x.need[i] |= 1 << bit
			}
		}
		if len(n.Literals) > 0 {
			continue
		}
		g, ok := at[x.need[i]]
		if !ok {
			g = len(x.groups)
			at[x.need[i]] = g
			x.groups = append(x.groups, group{need: x.need[i], members: NewBits(len(needs))})
		}
		x.groups[g].members.add(i)
	}
}

// indexLengths tells for the lengths below the longest that any expression needs
// which are long enough.
func (x *Index) indexLengths(needs []Needs) {
	const most = 256
	longest := 0
	for _, n := range needs {
		longest = max(longest, n.MinLen)
	}
	for length := range min(longest, most) {
		fits := NewBits(len(needs))
		for i, n := range needs {
			if n.MinLen <= length {
				fits.add(i)
			}
		}
		x.byLen = append(x.byLen, fits)
	}
}
