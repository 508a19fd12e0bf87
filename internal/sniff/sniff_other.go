//go:build !linux

package sniff

import (
	"context"
	"io"
	"runtime"

	"fanlight/internal/pcap"
)

// Handle cannot exist here.
type Handle struct{}

// Open says what to do instead: live capture is for Linux.
func Open(_ context.Context, o Options) (*Handle, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	instead := "record with `tcpdump -w FILE` and give the file to `fanlight trace`"
	if runtime.GOOS == "windows" {
		instead = "record with `pktmon start --capture --pkt-size 0`, convert with `pktmon etl2pcap PktMon.etl`, " +
			"and give the file to `fanlight trace`"
	}
	return nil, o.errorf("only Linux can do that: %s", instead)
}

// The methods are those of a Handle on Linux, with nothing to give.

func (h *Handle) Next(*pcap.Packet) error       { return io.EOF }
func (h *Handle) NextBatch(*pcap.Batch) error   { return io.EOF }
func (h *Handle) Interfaces() []pcap.Interface  { return nil }
func (h *Handle) Link() pcap.LinkType           { return 0 }
func (h *Handle) Stats() (packets, lost uint64) { return 0, 0 }
func (h *Handle) Close() error                  { return nil }
