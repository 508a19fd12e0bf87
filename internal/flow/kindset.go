package flow

// KindSet is a set of kinds of events.
type KindSet [2]uint64

// Add puts a kind into the set.
func (s *KindSet) Add(k Kind) { s[k>>6&1] |= 1 << (k & 63) }

// Has reports whether a kind is in the set.
func (s KindSet) Has(k Kind) bool { return s[k>>6&1]&(1<<(k&63)) != 0 }

// Has reports whether c may have an event of a kind. No is certain, so that who
// looks for what is rare need not go through the events of a long connection
// for each of its exchanges.
func (c *Conn) Has(k Kind) bool { return c.Kinds == KindSet{} || c.Kinds.Has(k) }
