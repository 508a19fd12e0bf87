package pcap

// ahead gives single packets out of batches, or the rest of one as a batch.
type ahead struct {
	own Batch
	at  int // packets of own that were given
}

type filler interface{ fill(*Batch) error }

func (a *ahead) next(p *Packet, from filler) error {
	if a.at == len(a.own.Packets) {
		a.at = 0
		if err := from.fill(&a.own); err != nil {
			return err
		}
	}
	*p = a.own.Packets[a.at]
	a.at++
	return nil
}

func (a *ahead) batch(b *Batch, from filler) error {
	if a.at == len(a.own.Packets) {
		return from.fill(b)
	}
	a.own, *b = *b, a.own
	b.Packets = b.Packets[a.at:]
	a.own.Packets, a.at = a.own.Packets[:0], 0
	return nil
}
