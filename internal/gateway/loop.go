package gateway

import (
	"bytes"
	"crypto/rand"
	"strings"

	"fanlight/internal/httpwire"
)

// A request that the door passes on says in its Forwarded field how often it has
// come through this door, under a name that only this process has (the
// obfuscated identifier of RFC 7239 section 6.3). So a route that leads back to
// the door is told from a site that stands behind another one on purpose. It is
// no Via field: IIS drops sign-ins of connections for that.

// maxPasses is how often a request may come through one door.
const maxPasses = 4

// newPassMark makes what a process marks requests with; a digit follows.
func newPassMark() []byte { return []byte(";by=_" + strings.ToLower(rand.Text()[:10]) + "-") }

// passes is how often a request has come through this door before.
func (g *Gateway) passes(h *httpwire.Head) (n int) {
	for i := range h.Fields {
		f := h.Fields[i]
		if name := h.Bytes(f.Name); len(name) != 9 || !equalFold(name, "Forwarded") {
			continue
		}
		if _, after, found := bytes.Cut(h.Bytes(f.Value), g.passMark); found && len(after) > 0 && '1' <= after[0] && after[0] <= '9' {
			n = max(n, int(after[0]-'0'))
		}
	}
	return n
}

// looped refuses an exchange that comes round and round (RFC 5842 section 7.2).
func (r *ride) looped() bool {
	n := r.s.g.passes(r.x.Request().Head)
	if n < maxPasses {
		return false
	}
	r.refuse(508, "loop", "the route leads back to this door: the request has come through it "+string('0'+rune(n))+" times already")
	return true
}
