// Package coding has the content codings of HTTP (RFC 9110 section 8.4.1): which
// one a client wants, and encoders that are used again.
package coding

import (
	"bytes"
	"strings"
)

// Coding is a content coding.
type Coding uint8

const (
	Identity Coding = iota
	Zstd            // RFC 8878
	Brotli          // RFC 7932
	Gzip
	codings
)

func (c Coding) String() string { return [...]string{"identity", "zstd", "br", "gzip"}[c%codings] }

// Parse finds a coding by its name, letter case ignored; Identity, false if there
// is none of that name.
func Parse(name string) (Coding, bool) {
	for c := Identity; c < codings; c++ {
		if strings.EqualFold(name, c.String()) {
			return c, true
		}
	}
	return Gzip, strings.EqualFold(name, "x-gzip")
}

// Accept is what a client says in Accept-Encoding (RFC 9110 section 12.5.3). The
// zero value says nothing.
type Accept struct {
	weights [codings]uint16 // in thousandths
	named   [codings]bool
	every   uint16 // of the codings that are not named
}

// maxMembers bounds what is read of one field.
const maxMembers = 32

// Add reads one more line of the field. Members that cannot be read are left out.
func (a *Accept) Add(line []byte) {
	for n := 0; len(line) > 0 && n < maxMembers; n++ {
		var member []byte
		member, line, _ = bytes.Cut(line, []byte(","))
		name, parameters, _ := bytes.Cut(member, []byte(";"))
		weight, ok := parseWeight(bytes.Trim(parameters, " \t"))
		if !ok {
			continue
		}
		name = bytes.Trim(name, " \t")
		if len(name) == 1 && name[0] == '*' {
			a.every = weight
		} else if c, found := Parse(string(name)); found {
			a.weights[c], a.named[c] = weight, true
		}
	}
}

// parseWeight reads `q=0.5` (RFC 9110 section 12.4.2) in thousandths; nothing
// is 1.
func parseWeight(p []byte) (thousandths uint16, ok bool) {
	if len(p) == 0 {
		return 1000, true
	}
	if len(p) < 3 || len(p) > len("q=0.123") || p[0]|0x20 != 'q' || p[1] != '=' || p[2] != '0' && p[2] != '1' || len(p) > 3 && p[3] != '.' {
		return 0, false
	}
	weight, unit := uint16(p[2]-'0')*1000, uint16(100)
	for _, digit := range p[min(len(p), 4):] {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		weight += uint16(digit-'0') * unit
		unit /= 10
	}
	return weight, weight <= 1000
}

// Weight is what the client gives a coding, in thousandths; 0: it does not want
// it. Unless the client names it, Identity is its last choice and has 0, but is
// never refused: an answer it may not like is better than none.
func (a *Accept) Weight(c Coding) int {
	if a.named[c] {
		return int(a.weights[c])
	}
	if c == Identity {
		return 0
	}
	return int(a.every)
}

// Choose gives the coding the client wants most, of those offered the first of
// equals; Identity if it wants none of them, or rather none.
func (a *Accept) Choose(offered []Coding) Coding {
	best, most := Identity, a.Weight(Identity)
	for _, c := range offered {
		if w := a.Weight(c); w > 0 && (w > most || best == Identity && w == most) {
			best, most = c, w
		}
	}
	return best
}
