package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"fanlight/internal/pcap"
	"fanlight/internal/sniff"
)

// keeper writes the packets of a capture to files until it cannot. A nil one
// writes nothing.
type keeper struct {
	ring  *pcap.Ring
	iface int
	warn  io.Writer
	err   error
}

// keepFault is what is wrong with the flags of what is kept.
func (f *captureFlags) keepFault() error {
	switch {
	case f.ringSize < 0 || f.ringKeep < 0:
		return errors.New("--ring-size and --ring-files cannot be negative")
	case f.keep == "-":
		return errNotStdout
	case f.keep == "" && (f.ringSize != 0 || f.ringKeep != 0):
		return errors.New("--ring-size and --ring-files need -w FILE")
	}
	return nil
}

func (f *captureFlags) keeper(h *sniff.Handle, warn io.Writer) (*keeper, error) {
	if f.keep == "" {
		return nil, nil
	}
	ring, err := pcap.NewRing(f.keep, f.ringSize*1e6, f.ringKeep, pcap.WriterOptions{Application: "Fanlight"})
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keep packets: %w (an existing file is not replaced)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("keep packets: %w", err)
	}
	return &keeper{ring: ring, iface: ring.AddInterface(h.Link(), 0, f.iface), warn: warn}, nil
}

func (k *keeper) secrets(data []byte) {
	if k != nil && k.err == nil && len(data) > 0 {
		k.failed(k.ring.WriteSecrets(pcap.Secrets{Kind: pcap.TLSKeyLog, Data: data}))
	}
}

// failed says at once that packets are not kept any more: the capture may go on
// for hours.
func (k *keeper) failed(err error) {
	if err != nil {
		k.err = fmt.Errorf("keep packets: %w", err)
		fmt.Fprintln(k.warn, "fanlight: packets are no longer kept: "+visible(err.Error()))
	}
}

func (k *keeper) batch(b *pcap.Batch) {
	if k == nil || k.err != nil {
		return
	}
	for i := range b.Packets {
		p := &b.Packets[i]
		if err := k.ring.WritePacket(k.iface, p.Time, p.Length, p.Data); err != nil {
			k.failed(err)
			return
		}
	}
	k.failed(k.ring.Flush())
}

func (k *keeper) close() error {
	if k == nil {
		return nil
	}
	err := k.ring.Close()
	switch {
	case k.err != nil:
		return k.err
	case err != nil:
		return fmt.Errorf("keep packets: %w", err)
	}
	return nil
}
