package dissect

import (
	"bytes"

	"fanlight/internal/flow"
	"fanlight/internal/proxywire"
	"fanlight/internal/reassembly"
)

// detect finds out by its first bytes which protocol this is.
type detect struct {
	choose func(name string) speaker // nil: it is too early to tell
	rec    recorder
	missed bool        // the beginning was not seen: a message may begin with any piece
	pieces []heldPiece // before the decision
	inner  speaker
}

type heldPiece struct {
	dir int
	p   []byte
	m   reassembly.Mark
}

const decideWith = 5 // bytes

func (d *detect) bytes(dir int, p []byte, m reassembly.Mark) {
	switch {
	case d.inner != nil:
	case d.missed:
		if _, told := sender(p); !told {
			return
		}
		d.decide(protocolOf(dir, p))
	default:
		if len(d.pieces) > 0 && d.pieces[len(d.pieces)-1].dir == dir {
			p = append(d.pieces[len(d.pieces)-1].p, p...)
			d.pieces = d.pieces[:len(d.pieces)-1]
		}
		if len(p) < decideWith && len(d.pieces) < decideWith {
			d.pieces = append(d.pieces, heldPiece{dir, bytes.Clone(p), m})
			return
		}
		header, n, more := proxyHeader(dir, p)
		if more {
			d.pieces = append(d.pieces, heldPiece{dir, bytes.Clone(p), m})
			return
		}
		if header != nil {
			d.rec.emit(m, *header)
		}
		if p = p[n:]; len(p) == 0 {
			return
		}
		d.decide(protocolOf(dir, p))
	}
	if d.inner != nil {
		d.inner.bytes(dir, p, m)
	}
}

func (d *detect) decide(name string) {
	pieces := d.pieces
	d.pieces = nil
	if d.inner = d.choose(name); d.inner == nil {
		d.missed = true
		return
	}
	for _, h := range pieces {
		d.inner.bytes(h.dir, h.p, h.m)
	}
}

func (d *detect) skip(dir int, n int64, m reassembly.Mark) {
	if d.inner != nil {
		d.inner.skip(dir, n, m)
	}
}

func (d *detect) end(dir int, clean flow.Seen, m reassembly.Mark) {
	if d.inner != nil {
		d.inner.end(dir, clean, m)
	}
}

func (d *detect) over(m reassembly.Mark) {
	if d.inner == nil && len(d.pieces) > 0 {
		d.decide(protocolOf(d.pieces[0].dir, d.pieces[0].p))
	}
	if d.inner != nil {
		d.inner.over(m)
	}
}

func (d *detect) held() (n int) {
	if d.inner != nil {
		return d.inner.held()
	}
	for _, h := range d.pieces {
		n += len(h.p)
	}
	return n
}

// Names of protocols as choose knows them.
const (
	protocolTLS   = "tls"
	protocolHTTP1 = "http/1.1"
	protocolHTTP2 = "h2"
	protocolNone  = "" // not one that is read
)

func protocolOf(dir int, p []byte) string {
	switch {
	case len(p) >= 3 && p[0] >= 20 && p[0] <= 24 && p[1] == 3 && p[2] <= 4:
		return protocolTLS
	case len(p) >= 5 && p[0]&0x80 != 0 && p[2] == 1 && p[3] == 3 && p[4] <= 3: // a ClientHello of SSL 2.0 form (RFC 5246, appendix E.2)
		return protocolTLS
	case bytes.HasPrefix(p, []byte("PRI *")), dir == fromServer && opensHTTP2(p):
		return protocolHTTP2
	case startsMessage(dir, p), dir == fromClient && looksLikeMethod(p):
		return protocolHTTP1
	}
	return protocolNone
}

// opensHTTP2 tells the SETTINGS frame with which a server begins, which need not
// wait for the client's preface (RFC 9113, section 3.4).
func opensHTTP2(p []byte) bool {
	const settings, few = 4, 0x80
	stream := p[min(len(p), decideWith):min(len(p), 9)]
	return len(p) >= decideWith && p[0] == 0 && p[1] == 0 && p[2] < few && p[2]%6 == 0 && p[3] == settings && p[4] == 0 &&
		len(bytes.Trim(stream, "\x00")) == 0
}

// looksLikeMethod takes any upper-case word for a method.
func looksLikeMethod(p []byte) bool {
	word, _, found := bytes.Cut(p[:min(len(p), 24)], []byte(" "))
	if !found && len(p) >= 24 || len(word) < 3 {
		return false
	}
	return !bytes.ContainsFunc(word, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' && r != '_' })
}

// proxyHeader reads what a load balancer puts in front of a connection; nil if
// there is none. more: it has begun and is not all there.
func proxyHeader(dir int, p []byte) (e *flow.Event, n int, more bool) {
	if dir != fromClient {
		return nil, 0, false
	}
	h, n, err := proxywire.Parse(p)
	if n == 0 && err == nil {
		return nil, 0, true
	}
	if h.Version == 0 {
		return nil, 0, false
	}
	e = &flow.Event{Kind: flow.ProxyHeader, From: side(dir), Text: h.Name(), Attrs: flow.Attrs(h.Facts()...)}
	if err != nil {
		e.Attrs = append(e.Attrs, flow.Attr{Key: flow.KeyFault, Value: err.Error()})
	}
	return e, n, false
}

// opaque is a protocol that is not read.
type opaque struct{}

func (opaque) bytes(int, []byte, reassembly.Mark)  {}
func (opaque) skip(int, int64, reassembly.Mark)    {}
func (opaque) end(int, flow.Seen, reassembly.Mark) {}
func (opaque) over(reassembly.Mark)                {}
func (opaque) held() int                           { return 0 }
