package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/dissect"
	"fanlight/internal/pcap"
	"fanlight/internal/sniff"
)

type captureFlags struct {
	traceFlags
	iface    string
	keep     string // file
	ports    []uint
	ringSize int64
	ringKeep int
	duration time.Duration
}

func captureCommand(s streams) *cobra.Command {
	var f captureFlags
	c := &cobra.Command{
		Use:   "capture",
		Short: "Say what happens on an interface, as it happens",
		Long: `Capture packets from an interface (Linux) and print what trace prints, until it is
told to end (Ctrl-C). Key logs are read on as they grow. With -w the packets
are kept too, with the secrets that open them.`,
		Example: `  fanlight capture -i eth0 --port 443
  SSLKEYLOGFILE=/tmp/keys curl https://shop.test & fanlight capture -i lo --port 443 --keys /tmp/keys -w shop.pcapng
  fanlight capture -i any -w ring.pcapng --ring-size 100 --ring-files 10`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.capture(c.Context(), s) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.iface, "interface", "i", sniff.Any, "interface to capture on; any: all of them")
	flags.UintSliceVar(&f.ports, "port", nil, "only packets from or to these ports")
	flags.StringVarP(&f.keep, "write", "w", "", "keep the packets in this pcapng file")
	flags.Int64Var(&f.ringSize, "ring-size", 0, "begin a new file after so many megabytes")
	flags.IntVar(&f.ringKeep, "ring-files", 0, "keep only so many files")
	flags.DurationVar(&f.duration, "duration", 0, "end after this time")
	f.add(c)
	return c
}

func (f *captureFlags) capture(ctx context.Context, s streams) error {
	view, err := f.view(s)
	if err != nil {
		return failWith(exitUsage, err)
	}
	view.live = true
	logs := f.keys.Logs
	f.keys.Logs = nil // they are followed
	keys, err := dissect.LoadKeys(f.keys)
	if err != nil {
		return failWith(exitUsage, err)
	}
	ports, err := portNumbers(f.ports)
	if err != nil {
		return failWith(exitUsage, err)
	}
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	handle, err := sniff.Open(ctx, sniff.Options{Interface: f.iface, Ports: ports})
	if err != nil {
		return captureError(err)
	}
	defer handle.Close()
	keeper, err := f.keeper(handle)
	if err != nil {
		return failWith(exitUsage, err)
	}
	follower := &keyFollower{keys: keys, keeper: keeper}
	for _, path := range logs {
		follower.logs = append(follower.logs, &grownFile{path: path})
	}
	follower.look()
	opts := dissect.Options{Source: f.iface, Keys: keys, Hash: f.hash, Hold: liveHold,
		Read: func(b *pcap.Batch) { follower.look(); keeper.batch(b) }}
	err = view.run(context.WithoutCancel(ctx), handle, opts, func() []error { return []error{keeper.close()} })
	if _, lost := handle.Stats(); lost > 0 {
		fmt.Fprintf(s.err, "fanlight: %d packets were lost: they came faster than they were read\n", lost)
	}
	return err
}

// liveHold is how much of a connection waits for a key that comes late.
const liveHold = 256 << 10

func captureError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return failWith(exitPermission, err)
	}
	return failWith(exitUsage, err)
}

func portNumbers(list []uint) (ports []uint16, err error) {
	for _, p := range list {
		if p == 0 || p > 65535 {
			return nil, fmt.Errorf("--port %d: expected a port from 1 to 65535", p)
		}
		ports = append(ports, uint16(p))
	}
	return ports, nil
}

// keeper writes the packets of a capture to files. A nil one writes nothing.
type keeper struct {
	ring  *pcap.Ring
	iface int
	err   error
}

func (f *captureFlags) keeper(h *sniff.Handle) (*keeper, error) {
	if f.keep == "" {
		if f.ringSize != 0 || f.ringKeep != 0 {
			return nil, errors.New("--ring-size and --ring-files need -w FILE")
		}
		return nil, nil
	}
	ring, err := pcap.NewRing(f.keep, f.ringSize*1e6, f.ringKeep, pcap.WriterOptions{Application: "Fanlight"})
	if err != nil {
		return nil, err
	}
	return &keeper{ring: ring, iface: ring.AddInterface(h.Link(), 0, f.iface)}, nil
}

func (k *keeper) secrets(data []byte) {
	if k != nil && k.err == nil && len(data) > 0 {
		k.err = k.ring.WriteSecrets(pcap.Secrets{Kind: pcap.TLSKeyLog, Data: data})
	}
}

func (k *keeper) batch(b *pcap.Batch) {
	if k == nil || k.err != nil {
		return
	}
	for i := range b.Packets {
		p := &b.Packets[i]
		if k.err = k.ring.WritePacket(k.iface, p.Time, p.Length, p.Data); k.err != nil {
			return
		}
	}
	k.err = k.ring.Flush()
}

func (k *keeper) close() error {
	if k == nil {
		return nil
	}
	if err := errors.Join(k.err, k.ring.Close()); err != nil {
		return fmt.Errorf("keep packets: %w", err)
	}
	return nil
}

// keyFollower reads key logs as they grow.
type keyFollower struct {
	keys   *dissect.Keys
	keeper *keeper
	logs   []*grownFile
}

func (f *keyFollower) look() {
	for _, log := range f.logs {
		if data := log.news(); len(data) > 0 {
			f.keys.AddKeyLog(data)
			f.keeper.secrets(data)
		}
	}
}

// grownFile is a file that grows, or will exist later.
type grownFile struct {
	path string
	read int64
}

// news gives the whole lines that came since.
func (g *grownFile) news() []byte {
	file, err := os.Open(g.path)
	if err != nil {
		return nil
	}
	defer file.Close()
	data, err := io.ReadAll(io.NewSectionReader(file, g.read, 16<<20))
	if err != nil {
		return nil
	}
	for i := len(data) - 1; i >= 0; i-- {
		if data[i] == '\n' {
			g.read += int64(i + 1)
			return data[:i+1]
		}
	}
	return nil
}
