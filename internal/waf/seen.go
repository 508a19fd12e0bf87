package waf

// seen finds entries of the same value: a hash table with linear probing. The
// zero value is ready for reset.
type seen struct {
	slots []int32 // an entry + 1; 0: free
}

// reset makes room for n entries.
func (s *seen) reset(n int) {
	size := 16
	for size < 2*n {
		size *= 2
	}
	s.slots = resized(s.slots, size)
}

// first gives the first entry that has the value of one, which may be itself.
func (s *seen) first(entries []entry, n int, hash uint64) int {
	for at := hash; ; at++ {
		slot := &s.slots[at%uint64(len(s.slots))]
		if *slot == 0 {
			*slot = int32(n + 1)
			return n
		}
		if was := int(*slot - 1); entries[was].Value == entries[n].Value {
			return was
		}
	}
}
