package app

import (
	"context"
	"path/filepath"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// openDisk begins to keep records in the data folder. A door whose disk cannot
// be used works without, and says so.
// first tells that ids go on from those on disk.
func (a *App) openDisk(first bool) {
	limits := a.cfg.Recording.Disk
	if a.store == nil || a.opts.Ephemeral || limits.Off {
		return
	}
	o := store.DiskOptions{Size: int64(limits.Size), Age: time.Duration(limits.Age), Mask: a.mask, Log: a.log}
	if a.opts.Secrets {
		o.Mask = nil
	}
	disk, err := store.OpenDisk(recordsFolder(a.cfg.DataDir()), o)
	if err != nil {
		a.log.Error("keeps no records on disk", "err", err)
		a.warnings = append(a.warnings, "no records are kept on disk: "+err.Error())
		return
	}
	if first {
		a.recorder.Continue(disk.Highest())
	}
	follower := a.store.Follow()
	a.diskWriter.begin()
	a.diskWriter.run(func(ctx context.Context) { disk.Run(ctx, a.store, follower) })
	a.disk.Store(disk)
}

// followFindings has findings tied to their records on disk.
func (a *App) followFindings() {
	if a.store == nil {
		return
	}
	a.findings.heard = append(a.findings.heard, func(found explain.Finding, _ bool) {
		if disk := a.disk.Load(); disk != nil {
			disk.Mark(marksOf(found)...)
		}
	})
}

func recordsFolder(data string) string { return filepath.Join(data, "records") }

func (a *App) closeDisk() {
	disk := a.disk.Swap(nil)
	if disk == nil {
		return
	}
	a.diskWriter.end()
	if err := disk.Close(); err != nil {
		a.log.Error("cannot end the records on disk", "err", err)
	}
}

// marksPerFinding bounds what one finding keeps: one about all traffic must not
// keep all traffic.
const marksPerFinding = 256

// marksOf ties a finding to all that it names. It does not say which exchange
// belongs to which connection; marks of others' exchanges match nothing.
func marksOf(found explain.Finding) (marks []store.Mark) {
	exchanges := found.Exchanges
	if len(exchanges) == 0 {
		exchanges = []flow.ExchangeID{0}
	}
	for _, conn := range found.Conns {
		for _, x := range exchanges {
			if len(marks) == marksPerFinding {
				return marks
			}
			marks = append(marks, store.Mark{Conn: conn, Exchange: x, Finding: found.ID})
		}
	}
	return marks
}
