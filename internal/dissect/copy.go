package dissect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/pcap"
)

// Copy says which packets of a capture go into a file of their own.
type Copy struct {
	Conns    []*flow.Conn     // nil: all packets
	Comments map[int][]string // by packet number
	Secrets  [][]byte         // key logs, in front of the packets they open
}

// slack is what a connection's packets may lie outside of its record.
const slack = 2 * time.Second

// period is a connection's time on its addresses, which may be used again.
type period struct{ from, to int64 }

// To writes the packets of src, with secrets and comments, so that other
// programs see what Fanlight saw. It gives the number of packets written.
func (c *Copy) To(w *pcap.Writer, src Source) (packets int, err error) {
	for _, log := range c.Secrets {
		for piece := range pieces(log) {
			if err := w.WriteSecrets(pcap.Secrets{Kind: pcap.TLSKeyLog, Data: piece}); err != nil {
				return 0, fmt.Errorf("write secrets: %w", err)
			}
		}
	}
	wanted := c.periods()
	faces := map[[3]int]int{}
	var dec packet.Decoder
	var info packet.Info
	var b pcap.Batch
	for {
		if err := src.NextBatch(&b); errors.Is(err, io.EOF) {
			return packets, nil
		} else if err != nil {
			return packets, err
		}
		for i := range b.Packets {
			p := &b.Packets[i]
			if c.Conns != nil && !(dec.Decode(uint16(p.Link), p.Data, p.Length, p.Time, &info) && chosen(wanted, &info, p.Time)) {
				continue
			}
			face := [3]int{p.File, p.Iface, int(p.Link)}
			n, known := faces[face]
			if !known {
				n = w.AddInterface(p.Link, 0, "")
				faces[face] = n
			}
			if err := w.WritePacket(n, p.Time, p.Length, p.Data, c.Comments[p.Number]...); err != nil {
				return packets, fmt.Errorf("write packet %d: %w", p.Number, err)
			}
			packets++
		}
	}
}

// secretsPiece is what goes into one block of secrets: readers hold it whole.
const secretsPiece = 16 << 20

// pieces cuts a key log between lines; a line that is longer is left out.
func pieces(log []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(log) > 0 {
			end := len(log)
			if end > secretsPiece {
				end = bytes.LastIndexByte(log[:secretsPiece], '\n') + 1
			}
			if end == 0 {
				_, log, _ = bytes.Cut(log, []byte("\n"))
				continue
			}
			if !yield(log[:end]) {
				return
			}
			log = log[end:]
		}
	}
}

func (c *Copy) periods() map[flowKey][]period {
	wanted := map[flowKey][]period{}
	for _, conn := range c.Conns {
		key, _ := keyOf(conn.Client, conn.Server)
		p := period{from: conn.Started.Add(-slack).UnixNano()}
		if last := lastSeen(conn); !last.IsZero() {
			p.to = last.Add(slack).UnixNano()
		}
		wanted[key] = append(wanted[key], p)
	}
	return wanted
}

// lastSeen is the time of the last event; zero if the connection is open.
func lastSeen(c *flow.Conn) time.Time {
	if !c.Close.Ended || len(c.Events) == 0 {
		return time.Time{}
	}
	return c.Events[len(c.Events)-1].At
}

func chosen(wanted map[flowKey][]period, in *packet.Info, at int64) bool {
	key, _ := keyOf(in.Src, in.Dst)
	for _, p := range wanted[key] {
		if at >= p.from && (p.to == 0 || at <= p.to) {
			return true
		}
	}
	return false
}
