package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/dissect"
	"fanlight/internal/machine"
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
	door     doorFlags
	alone    bool // without the secrets of the door
}

func captureCommand(s streams) *cobra.Command {
	var f captureFlags
	c := &cobra.Command{
		Use:   "capture",
		Short: "Say what happens on an interface, as it happens",
		Long: `Capture packets from an interface (Linux) and print what trace prints, until it is
told to end (Ctrl-C). Key logs are read on as they grow. When a door runs on this
computer, its own connections, to clients and to origins, are opened with its
secrets: those that begin after the capture. With -w the packets are kept too,
with the secrets that open them.`,
		Example: `  fanlight capture -i eth0 --port 443
  SSLKEYLOGFILE=/tmp/keys curl https://shop.test & fanlight capture -i lo --port 443 --keys /tmp/keys -w shop.pcapng
  fanlight capture -i any -w ring.pcapng --ring-size 100 --ring-files 10`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.capture(c.Context(), s) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.iface, "interface", "i", sniff.Any, "interface to capture on; any: all of them")
	flags.UintSliceVar(&f.ports, "port", nil, "only packets from or to these ports, and what ICMP says was not delivered")
	flags.StringVarP(&f.keep, "write", "w", "", "keep the packets in this new pcapng file, with all secrets that are followed; with a limit below in several, numbered")
	flags.Int64Var(&f.ringSize, "ring-size", 0, "begin a new file after so many megabytes")
	flags.IntVar(&f.ringKeep, "ring-files", 0, "keep only so many files")
	flags.DurationVar(&f.duration, "duration", 0, "end after this time")
	flags.BoolVar(&f.alone, "no-door-keys", false, "do not ask the running door for its secrets")
	f.door.add(c)
	f.add(c)
	return c
}

func (f *captureFlags) capture(ctx context.Context, s streams) error {
	defer onceMore(ctx)()
	view, err := f.view(s)
	if err != nil {
		return failWith(exitUsage, err)
	}
	view.live = true
	if f.hosts == "" {
		_ = view.knowHosts(machine.SystemHosts().Path) // without it there is less to find
	}
	logs := f.keys.Logs
	f.keys.Logs = nil // they are followed
	keys, err := dissect.LoadKeys(f.keys)
	if err != nil {
		return failWith(exitUsage, err)
	}
	ports, err := portNumbers(f.ports)
	if err = errors.Join(err, f.keepFault()); err != nil {
		return failWith(exitUsage, err)
	}
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	follower, err := f.follow(ctx, s, keys, logs) // before the first packet, so that no handshake lacks its secrets
	if err != nil {
		return err
	}
	defer follower.end()
	handle, err := sniff.Open(ctx, sniff.Options{Interface: f.iface, Ports: ports})
	if err != nil {
		return captureError(err)
	}
	defer handle.Close()
	return f.analyse(context.WithoutCancel(ctx), s, view, handle, follower) // the handle ends with ctx, and what it has then is still read
}

func (f *captureFlags) analyse(ctx context.Context, s streams, view *view, handle *sniff.Handle, follower *keyFollower) error {
	keeper, err := f.keeper(handle, s.err)
	if err != nil {
		return failWith(exitUsage, err)
	}
	follower.keeper = keeper
	follower.look()
	opts := dissect.Options{Source: f.iface, Keys: follower.keys, Hash: f.hash, Hold: liveHold, Live: true, Read: func(b *pcap.Batch) {
		if len(b.Packets) == 0 {
			follower.last(ctx)
			return
		}
		follower.look()
		keeper.batch(b)
	}}
	err = view.run(ctx, handle, opts, nil)
	err = errors.Join(keeper.close(), err)
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
