package compare

import "fanlight/internal/flow"

// places says where the events of a connection are.
type places struct {
	of  map[place]int
	end int
}

type place struct {
	exchange flow.ExchangeID // 0: any
	kind     flow.Kind
}

func placesOf(c *flow.Conn) *places {
	p := &places{of: map[place]int{}, end: -1}
	for i := range c.Events {
		e := &c.Events[i]
		for _, at := range []place{{0, e.Kind}, {e.Exchange, e.Kind}} {
			if _, known := p.of[at]; !known {
				p.of[at] = i
			}
		}
		switch e.Kind {
		case flow.FIN, flow.RST, flow.ConnectFailed, flow.Closed:
			if p.end < 0 {
				p.end = i
			}
		}
	}
	return p
}

// first is the index of the first event of a kind; of exchange id, if it is not
// 0. It is -1 if there is none.
func (p *places) first(id flow.ExchangeID, kind flow.Kind) int {
	if i, known := p.of[place{id, kind}]; known {
		return i
	}
	return -1
}

// closing is the index of the event that ended the connection, -1 if it was not
// seen.
func (p *places) closing() int { return p.end }
