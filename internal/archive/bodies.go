package archive

import (
	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// Reader reads archives; the zero value as ReadHAR and ReadSAZ do.
type Reader struct {
	RequestBodies int // bytes of the body of each request that are kept; 0: none
}

// maxBodies is how many bytes of bodies are kept of one archive; those of what
// comes behind are not.
const maxBodies = 128 << 20

// bodies are those that are kept of an archive.
type bodies struct {
	most int
	left int
	of   map[flow.ExchangeID]*flow.Body
}

func newBodies(o Reader) bodies {
	return bodies{most: o.RequestBodies, left: maxBodies, of: map[flow.ExchangeID]*flow.Body{}}
}

func (b *bodies) keep(x flow.ExchangeID, body []byte) {
	n := min(len(body), b.most)
	if b.most == 0 || n > b.left {
		return
	}
	b.left -= n
	b.of[x] = &flow.Body{Kept: append([]byte(nil), body[:n]...), Seen: int64(len(body))}
}

// give gives the exchanges of a trace the bodies that were kept.
func (b *bodies) give(t *flow.Trace) {
	for _, c := range t.Conns {
		for _, x := range c.Exchanges {
			x.RequestBody = b.of[x.ID]
		}
	}
}

// keepBody keeps that of a request, and learns how long one in chunks is. What
// was not unpacked of a body counts as seen: the archive has it.
func (b *sazBuilder) keepBody(m *sazHead) {
	if b.bodies.most == 0 || len(m.rest) == 0 || string(m.Bytes(m.Method)) == "CONNECT" {
		return
	}
	body := m.rest
	if m.RequestFraming().Kind == httpwire.Chunked {
		plain, whole := unchunked(body)
		if body = plain; whole {
			m.body = int64(len(plain))
		}
	}
	b.bodies.keep(b.xs, body)
	if kept := b.bodies.of[b.xs]; kept != nil && m.body > kept.Seen {
		kept.Seen = m.body
	}
}

func unchunked(raw []byte) (body []byte, whole bool) {
	var chunks httpwire.ChunkReader
	for len(raw) > 0 {
		data, n, done, err := chunks.Next(raw)
		body = append(body, data...)
		if done || err != nil || n == 0 {
			return body, done
		}
		raw = raw[n:]
	}
	return body, false
}
