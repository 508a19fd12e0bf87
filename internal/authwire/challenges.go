package authwire

import "bytes"

// challenges walks the comma separated list of RFC 9110, section 11.6.1, in
// which commas also stand between the parameters of one challenge.
type challenges struct{ rest []byte }

// next gives the next scheme and its token68, if it has one. Parameters and
// what fits the grammar nowhere are skipped.
func (c *challenges) next() (scheme, token68 []byte, ok bool) {
	for {
		c.rest = bytes.TrimLeft(c.rest, " \t,")
		if len(c.rest) == 0 {
			return nil, nil, false
		}
		name := c.run(isTokenChar)
		switch {
		case len(name) == 0:
			c.value()
		case c.parameter():
		default:
			return name, c.token68(), true
		}
	}
}

func (c *challenges) run(in func(byte) bool) []byte {
	n := 0
	for n < len(c.rest) && in(c.rest[n]) {
		n++
	}
	out := c.rest[:n]
	c.rest = c.rest[n:]
	return out
}

// parameter skips the rest of a parameter whose name was just read, if it was
// one.
func (c *challenges) parameter() bool {
	after := bytes.TrimLeft(c.rest, " \t")
	if len(after) == 0 || after[0] != '=' {
		return false
	}
	c.rest = bytes.TrimLeft(after[1:], " \t")
	c.value()
	return true
}

// value skips a quoted string, or else all up to the next comma or space.
func (c *challenges) value() {
	if len(c.rest) == 0 || c.rest[0] != '"' {
		c.run(func(b byte) bool { return b != ',' && b != ' ' && b != '\t' })
		return
	}
	for i := 1; i < len(c.rest); i++ {
		switch c.rest[i] {
		case '\\':
			i++
		case '"':
			c.rest = c.rest[i+1:]
			return
		}
	}
	c.rest = nil
}

// token68 takes the one that follows a scheme; what begins a parameter is left.
func (c *challenges) token68() []byte {
	before := c.rest
	c.rest = bytes.TrimLeft(c.rest, " \t")
	if len(c.rest) == len(before) {
		return nil
	}
	start := c.rest
	c.run(isToken68Char)
	c.run(func(b byte) bool { return b == '=' })
	out := start[:len(start)-len(c.rest)]
	end := bytes.TrimLeft(c.rest, " \t")
	if len(out) == 0 || len(end) > 0 && end[0] != ',' {
		c.rest = start
		return nil
	}
	return out
}

func isAlphanumeric(b byte) bool {
	return 'a' <= lower(b) && lower(b) <= 'z' || '0' <= b && b <= '9'
}

// isTokenChar is tchar of RFC 9110, section 5.6.2.
func isTokenChar(b byte) bool {
	return isAlphanumeric(b) || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), b) >= 0
}

func isToken68Char(b byte) bool {
	return isAlphanumeric(b) || bytes.IndexByte([]byte("-._~+/"), b) >= 0
}
