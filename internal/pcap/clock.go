package pcap

import "math/bits"

// clock turns timestamps in units of an interface into nanoseconds.
type clock struct {
	multiply uint64 // nanoseconds in a unit, or else
	divide   uint64 // units in a nanosecond; 1 of both for nanoseconds
	binary   bool
	shift    uint8 // binary: units are 2^-shift seconds
	offset   int64 // nanoseconds to add
}

const nanosecond = 9

// newClock reads if_tsresol (draft-ietf-opsawg-pcapng, section 4.2):
// a negative power of ten, or of two with the top bit set.
func newClock(resolution uint8, offsetSeconds int64) clock {
	c := clock{multiply: 1, divide: 1, offset: offsetSeconds * 1e9}
	exponent := resolution & 0x7f
	switch {
	case resolution&0x80 != 0:
		c.binary, c.shift = true, min(exponent, 63)
	case exponent <= nanosecond:
		c.multiply = power10(nanosecond - exponent)
	default:
		c.divide = power10(min(exponent-nanosecond, 19))
	}
	return c
}

func power10(n uint8) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// nanoseconds since the Unix epoch. Timestamps beyond the year 2262 wrap.
func (c *clock) nanoseconds(units uint64) int64 {
	if c.binary {
		whole, part := units>>c.shift, units&(1<<c.shift-1)
		hi, lo := bits.Mul64(part, 1e9)
		return int64(whole*1e9+(hi<<(64-c.shift)|lo>>c.shift)) + c.offset
	}
	if c.divide > 1 {
		return int64(units/c.divide) + c.offset
	}
	return int64(units*c.multiply) + c.offset
}
