package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"fanlight/internal/packet"
	"fanlight/internal/pcap"
	"fanlight/internal/sniff"
)

const (
	packetFileTime = "2006-01-02T15-04-05Z"
	packetFileEnd  = ".pcapng"
	// packetFileName matches what is written, and nothing that others might put
	// into the folder.
	packetFileName = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]-[0-9][0-9]-[0-9][0-9]Z-*" + packetFileEnd
)

// keySlack is how long before the first packet or after the last of a file a
// secret may have been told of for it: the clocks are not read at the same
// moment.
const keySlack = time.Second

// picked are packets, each with the number of the leg it belongs to.
type picked = iter.Seq2[pcap.Packet, int]

// write makes the file, which appears once it is whole, and gives the number of
// packets in it. Without any there is no file.
func (p *packets) write(ctx context.Context, path string, w packetRequest) (n int, err error) {
	all := p.recent.since(w.at.UnixNano() - int64(packetAge))
	chosen := p.pick(all, p.legs(ctx, w.Finding))
	from, to, n := span(chosen)
	if n == 0 {
		chosen = everything(all)
		from, to, n = span(chosen)
	}
	if n == 0 {
		return 0, nil
	}
	if err := os.MkdirAll(p.folder, 0o700); err != nil {
		return 0, fmt.Errorf("make folder of captures: %w", err)
	}
	out, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, fmt.Errorf("make capture: %w", err)
	}
	keys := p.secrets.between(from-int64(keySlack), to+int64(keySlack))
	err = errors.Join(p.writeTo(out, w, keys, chosen), out.Close())
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		_ = os.Remove(path + ".part") // half of it is of no use
		return 0, fmt.Errorf("write capture: %w", err)
	}
	return n, nil
}

func (p *packets) writeTo(out io.Writer, w packetRequest, keys []byte, chosen picked) error {
	file := pcap.NewWriter(out, pcap.WriterOptions{Application: "Fanlight"})
	iface := file.AddInterface(p.link, 0, sniff.Any)
	if len(keys) > 0 {
		if err := file.WriteSecrets(pcap.Secrets{Kind: pcap.TLSKeyLog, Data: keys}); err != nil {
			return err
		}
	}
	said := map[int]bool{}
	var last int64
	for packet, leg := range chosen {
		var comments []string
		if !said[leg] {
			said[leg] = true
			comments = []string{w.ID + ": " + w.Cause}
		}
		if err := file.WritePacket(iface, packet.Time, packet.Length, packet.Data, comments...); err != nil {
			return err
		}
		last = packet.Time
	}
	received, lost := p.counts()
	if err := file.WriteStatistics(iface, last, int64(received), int64(lost)); err != nil {
		return err
	}
	return file.Flush()
}

// span gives the times of the first and the last packet, and how many there
// are.
func span(packets picked) (from, to int64, n int) {
	for p := range packets {
		if n == 0 {
			from, to = p.Time, p.Time
		}
		from, to = min(from, p.Time), max(to, p.Time)
		n++
	}
	return from, to, n
}

func everything(all iter.Seq[pcap.Packet]) picked {
	return func(yield func(pcap.Packet, int) bool) {
		for p := range all {
			if !yield(p, 0) {
				return
			}
		}
	}
}

// pick gives the packets of legs.
func (p *packets) pick(all iter.Seq[pcap.Packet], legs map[leg]int) picked {
	return func(yield func(pcap.Packet, int) bool) {
		var decoder packet.Decoder
		var info packet.Info
		for frame := range all {
			if !decoder.Decode(uint16(p.link), frame.Data, frame.Length, frame.Time, &info) {
				continue
			}
			if n, known := legs[legOf(info.Src, info.Dst)]; known && !yield(frame, n) {
				return
			}
		}
	}
}

// names lists the files, the oldest first, as their names begin with the time.
func (p *packets) names() (out []string) {
	entries, _ := os.ReadDir(p.folder) // no folder: no files
	for _, e := range entries {
		if ours, _ := filepath.Match(packetFileName, e.Name()); ours {
			out = append(out, e.Name())
		}
	}
	return out
}

// prune removes the oldest files beyond the number that is kept.
func (p *packets) prune() {
	for names := p.names(); len(names) > p.files; names = names[1:] {
		path := filepath.Join(p.folder, names[0])
		if err := os.Remove(path); err != nil {
			p.log.Error("cannot remove old packets", "err", err)
			return
		}
		p.log.Info("old packets removed", "path", path, "kept", p.files)
	}
}
