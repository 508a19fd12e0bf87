package dissect

import (
	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// dnsStream reads DNS over TCP: each message behind its length (RFC 1035,
// section 4.2.2).
type dnsStream struct {
	questions questions
	rest      [2][]byte // the beginning of a message
	lost      [2]bool   // where the next one begins is not known
}

func newDNSStream(c *conn) speaker {
	c.rec.Scheme, c.opening.Scheme = flow.SchemeDNS, flow.SchemeDNS
	c.readable()
	return &dnsStream{questions: questions{w: c.w, ids: c.ids, client: c.opening.Client.Addr(), emit: c.emit}}
}

func (s *dnsStream) bytes(dir int, p []byte, m reassembly.Mark) {
	if s.lost[dir] {
		return
	}
	all := append(s.rest[dir], p...)
	read := 0
	for len(all)-read >= 2 {
		end := read + 2 + int(all[read])<<8 + int(all[read+1])
		if end > len(all) {
			break
		}
		s.questions.message(dir, all[read+2:end], m)
		read = end
	}
	if s.rest[dir] = all[:copy(all, all[read:])]; len(s.rest[dir]) == 0 {
		s.rest[dir] = nil // it may be a long time to the next message
	}
}

func (s *dnsStream) skip(dir int, _ int64, _ reassembly.Mark) { s.lost[dir], s.rest[dir] = true, nil }
func (s *dnsStream) end(int, flow.Seen, reassembly.Mark)      {}
func (s *dnsStream) over(reassembly.Mark)                     {}
func (s *dnsStream) held() int                                { return cap(s.rest[0]) + cap(s.rest[1]) }
