package dissect

import "fanlight/internal/flow"

// bodies are the beginnings of the request bodies of a connection whose
// exchanges have not been given out.
type bodies struct {
	of   map[flow.ExchangeID]*keptBody
	held int // bytes of memory
}

// bodiesBytes is what the bodies of one connection may take; what comes beyond
// it is not kept.
const bodiesBytes = 16 << 20

// keptBody takes one body as it passes.
type keptBody struct {
	flow.Body
	all  *bodies
	most int
}

func (b *bodies) to(x flow.ExchangeID, most int) *keptBody {
	k := b.of[x]
	if k == nil {
		if b.of == nil {
			b.of = map[flow.ExchangeID]*keptBody{}
		}
		k = &keptBody{all: b, most: most}
		b.of[x] = k
	}
	return k
}

// Write never fails. Behind what was left out nothing is kept.
func (k *keptBody) Write(p []byte) (int, error) {
	if room := k.most - len(k.Kept); k.Seen == int64(len(k.Kept)) && room > 0 {
		n := min(room, len(p), bodiesBytes-k.all.held)
		k.Kept = append(k.Kept, p[:n]...)
		k.all.held += n
	}
	k.Seen += int64(len(p))
	return len(p), nil
}

// take gives the body of an exchange, nil if none was kept, and forgets it.
func (b *bodies) take(x flow.ExchangeID) *flow.Body {
	k := b.of[x]
	if k == nil {
		return nil
	}
	delete(b.of, x)
	b.held -= len(k.Kept)
	return &k.Body
}
