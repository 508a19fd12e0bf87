package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"fanlight/internal/config"
	"fanlight/internal/explain"
	"fanlight/internal/pcap"
	"fanlight/internal/sniff"
	"fanlight/internal/store"
)

const (
	packetBytes = 64 << 20         // of packets kept
	packetAge   = 30 * time.Second // of packets kept
	packetDelay = 2 * time.Second  // from a finding to its file, so that what follows is in it
	packetGap   = time.Second      // at least, between findings that get a file
	sameGap     = 10 * time.Second // between those of the same cause
	packetFiles = 20               // that are kept
)

// packets keeps the packets that both legs had lately, with the secrets that
// open them, in memory only; when a finding appears they go into a file.
type packets struct {
	least  explain.Severity
	folder string // of the files
	store  *store.Store
	log    *slog.Logger

	recent  *packetRing
	secrets *keyLines
	wanted  chan packetRequest
	link    pcap.LinkType
	counts  func() (received, lost uint64)

	mu    sync.Mutex
	last  time.Time            // that a finding was given a file
	byID  map[string]time.Time // the same, by finding
	files int                  // most there are
}

// packetRequest is a finding to write packets for.
type packetRequest struct {
	explain.Finding
	at time.Time // it was heard of
}

func newPackets(least explain.Severity, folder string, s *store.Store, secrets *keyLines, log *slog.Logger) *packets {
	return &packets{
		least: least, folder: folder, store: s, log: log, files: packetFiles,
		recent:  newPacketRing(packetBytes, int64(packetAge)),
		secrets: secrets,
		wanted:  make(chan packetRequest, 16),
		byID:    map[string]time.Time{},
	}
}

// startPackets begins to capture.
func (a *App) startPackets() error {
	ports := trafficPorts(a.cfg)
	if a.packets == nil || len(ports) == 0 {
		return nil
	}
	p := a.packets
	handle, err := sniff.Open(a.writers.ctx, sniff.Options{Interface: sniff.Any, Ports: ports})
	if err != nil {
		return fmt.Errorf("keep packets for findings: %w", err)
	}
	p.link, p.counts = handle.Link(), handle.Stats
	a.findings.heard = append(a.findings.heard, p.hear)
	read := make(chan struct{})
	a.writers.run(func(context.Context) {
		defer close(read)
		p.read(handle)
	})
	a.writers.run(func(ctx context.Context) { p.run(ctx, read) })
	a.log.Info("packets are written when a finding appears", "severity", p.least, "folder", p.folder)
	return nil
}

// trafficPorts are the ports of all sites and of their origins.
func trafficPorts(cfg *config.Config) (ports []uint16) {
	for _, s := range cfg.Sites {
		for _, b := range s.Bind {
			ports = append(ports, b.Addr.Port())
		}
		for i := range s.Routes {
			for _, to := range s.Routes[i].To {
				ports = append(ports, to.Port)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// read keeps packets until the capture ends.
func (p *packets) read(handle *sniff.Handle) {
	defer handle.Close()
	var batch pcap.Batch
	for {
		if err := handle.NextBatch(&batch); err != nil {
			if !errors.Is(err, io.EOF) {
				p.log.Error("packets are no longer kept", "err", err)
			}
			return
		}
		p.recent.add(batch.Packets)
	}
}

// hear takes a finding to write packets for, unless it is too slight or others
// were just before it. It does not wait.
func (p *packets) hear(found explain.Finding, known bool) {
	if known || found.Severity < p.least {
		return
	}
	now := time.Now()
	if !p.admit(found.ID, now) {
		return
	}
	select {
	case p.wanted <- packetRequest{found, now}:
	default: // the disk is slower than the findings
	}
}

func (p *packets) admit(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.last) < packetGap || now.Sub(p.byID[id]) < sameGap {
		return false
	}
	p.last, p.byID[id] = now, now
	return true
}

// run writes files until ctx ends, and then those that are still wanted. Read
// is closed when no more packets come.
func (p *packets) run(ctx context.Context, read <-chan struct{}) {
	for {
		select {
		case w := <-p.wanted:
			if !pause(ctx, time.Until(w.at.Add(packetDelay))) {
				<-read
			}
			p.save(ctx, w)
		case <-ctx.Done():
			<-read
			if len(p.wanted) == 0 {
				return
			}
			p.save(ctx, <-p.wanted)
		}
	}
}

// save writes the packets of a finding into a file of its own.
func (p *packets) save(ctx context.Context, w packetRequest) {
	path := filepath.Join(p.folder, w.at.UTC().Format(packetFileTime)+"-"+w.ID+packetFileEnd)
	n, err := p.write(ctx, path, w)
	switch {
	case err != nil:
		p.log.Error("cannot write packets of a finding", "finding", w.ID, "err", err)
	case n == 0:
		p.log.Warn("no packets were seen for a finding", "finding", w.ID)
	default:
		p.log.Info("packets of a finding written", "finding", w.ID, "path", path, "packets", n)
	}
	p.prune()
}
