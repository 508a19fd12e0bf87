// Package dnswire reads messages of DNS as far as they tell which name was
// asked for, and where it leads (RFC 1035, section 4). It keeps no state.
package dnswire

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Message is a query, or the response to one.
type Message struct {
	ID        uint16
	Response  bool
	Recursive bool   // recursion is desired: a client asks for the whole answer, not a name server another
	Name      string // asked for: in lower case, without the dot at its end; "." is the root
	Type      string // of the record asked for: A, AAAA, or TYPE and its number
	Rcode     string // of a response: NOERROR, NXDOMAIN, or RCODE and its number
	Canonical string // of a response: where a chain of CNAMEs ends; empty without one
	Addresses []netip.Addr
	TTL       uint32 // seconds; the least of the addresses'
	Cut       bool   // there was more: it did not fit (the TC bit), is damaged, or was not captured
}

// maxRecords bounds the records of a response that are looked at.
const maxRecords = 64

// Parse reads a message. It is false for what is none, or is neither a query
// nor a response that repeats its question. Of a response that is cut off it
// gives what is there.
func Parse(p []byte) (Message, bool) {
	var d dnsmessage.Parser
	h, err := d.Start(p)
	if err != nil || h.OpCode != 0 {
		return Message{}, false
	}
	q, err := d.Question()
	if err != nil || q.Class != dnsmessage.ClassINET {
		return Message{}, false
	}
	m := Message{ID: h.ID, Response: h.Response, Recursive: h.RecursionDesired, Name: printed(q.Name), Type: typeName(q.Type), Cut: h.Truncated}
	if m.Response {
		m.Rcode = rcodeName(h.RCode)
		m.answers(&d)
	}
	return m, true
}

// answers reads the records of a response. Names of CNAMEs are not compared:
// a resolver puts none there that do not belong to the chain.
func (m *Message) answers(d *dnsmessage.Parser) {
	if err := d.SkipAllQuestions(); err != nil {
		m.Cut = true
		return
	}
	for range maxRecords {
		h, err := d.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			return
		}
		if err != nil || m.record(d, h) != nil {
			m.Cut = true
			return
		}
	}
	m.Cut = true
}

func (m *Message) record(d *dnsmessage.Parser, h dnsmessage.ResourceHeader) error {
	switch h.Type {
	case dnsmessage.TypeA:
		r, err := d.AResource()
		if err == nil {
			m.address(netip.AddrFrom4(r.A), h.TTL)
		}
		return err
	case dnsmessage.TypeAAAA:
		r, err := d.AAAAResource()
		if err == nil {
			m.address(netip.AddrFrom16(r.AAAA).Unmap(), h.TTL)
		}
		return err
	case dnsmessage.TypeCNAME:
		r, err := d.CNAMEResource()
		if err == nil {
			m.Canonical = printed(r.CNAME)
		}
		return err
	}
	return d.SkipAnswer()
}

func (m *Message) address(a netip.Addr, ttl uint32) {
	if len(m.Addresses) == 0 || ttl < m.TTL {
		m.TTL = ttl
	}
	m.Addresses = append(m.Addresses, a)
}

// printed writes a name as RFC 1035, section 5.1, has it: bytes that are not
// printed as \DDD.
func printed(n dnsmessage.Name) string {
	raw := n.Data[:n.Length]
	if len(raw) > 1 && raw[len(raw)-1] == '.' {
		raw = raw[:len(raw)-1]
	}
	var b strings.Builder
	for _, c := range raw {
		switch {
		case c >= 'A' && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		case c <= ' ' || c >= 0x7f || c == '\\' || c == '"':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// typeName names what clients of HTTP ask for, and what else is common (IANA,
// DNS parameters).
func typeName(t dnsmessage.Type) string {
	switch t {
	case dnsmessage.TypeA:
		return "A"
	case dnsmessage.TypeAAAA:
		return "AAAA"
	case dnsmessage.TypeCNAME:
		return "CNAME"
	case dnsmessage.TypePTR:
		return "PTR"
	case dnsmessage.TypeMX:
		return "MX"
	case dnsmessage.TypeTXT:
		return "TXT"
	case dnsmessage.TypeNS:
		return "NS"
	case dnsmessage.TypeSOA:
		return "SOA"
	case dnsmessage.TypeSRV:
		return "SRV"
	case 64:
		return "SVCB"
	case 65:
		return "HTTPS"
	case dnsmessage.TypeALL:
		return "ANY"
	}
	return "TYPE" + strconv.Itoa(int(t))
}

func rcodeName(r dnsmessage.RCode) string {
	switch r {
	case dnsmessage.RCodeSuccess:
		return "NOERROR"
	case dnsmessage.RCodeFormatError:
		return "FORMERR"
	case dnsmessage.RCodeServerFailure:
		return "SERVFAIL"
	case dnsmessage.RCodeNameError:
		return "NXDOMAIN"
	case dnsmessage.RCodeNotImplemented:
		return "NOTIMP"
	case dnsmessage.RCodeRefused:
		return "REFUSED"
	}
	return "RCODE" + strconv.Itoa(int(r))
}
