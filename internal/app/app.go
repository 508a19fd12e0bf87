// Package app builds the running program from a configuration, and shuts it
// down in reverse order.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"fanlight/internal/bind"
	"fanlight/internal/cert"
	"fanlight/internal/config"
	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/gateway"
	"fanlight/internal/httpconn"
	"fanlight/internal/site"
	"fanlight/internal/store"
	"fanlight/internal/waf"
)

// Options are what the command line adds to a configuration.
type Options struct {
	Log      *slog.Logger // nil: discards
	Access   *os.File     // where access_log: stdout writes
	RecordTo string       // file for JSON lines of connections, exchanges and findings; nothing with recording off
	Secrets  bool         // write credentials in clear
	Version  string
	// CaptureOn has packets written to <data>/captures when a finding of that
	// severity or above appears; nil, or with recording off: never.
	CaptureOn *explain.Severity
	// Ephemeral doors forget what is changed at run time, and may share their
	// data folder with other doors.
	Ephemeral bool
	// TakeOver has the door go on in the place of the one that runs with the same
	// control socket.
	TakeOver bool
	// Upgrade gives the command that starts the program anew so that it takes
	// over; nil: it cannot.
	Upgrade func() (*exec.Cmd, error)
	Watch   bool // reload when a file of the configuration changes
}

// App is a running door.
type App struct {
	opts Options
	log  *slog.Logger

	reloading sync.Mutex // held while sites are replaced
	watched   []stamp    // the files of the configuration when they were read first

	mu      sync.Mutex // guards cfg, state, records and kept
	cfg     *config.Config
	kept    map[string]string // why sites are not as the file says
	leaving map[string]*built // sites that are no longer configured and have connections
	state   *stateFile
	records []*records

	ca        *cert.CA
	store     *store.Store // nil: recording is off
	recorder  *flow.Recorder
	listeners *bind.Listeners
	table     *site.Table
	gateway   *gateway.Gateway
	door      *site.Door
	findings  *findings
	disk      atomic.Pointer[store.Disk] // nil: nothing is kept on disk
	packets   *packets                   // nil: none are kept
	secrets   *keyLines
	built     map[string]*built // guarded by mu
	warnings  []string
	windows   windows
	checks    chan struct{} // a place for each health check under way
	sticky    []byte        // see stickyKey
	engines   waf.Engines   // of the WAF
	audits    *audits       // of the WAF
	duties    *duties
	unlock    func()   // gives up the data folder
	lock      *os.File // of the data folder; nil: none
	handing   handing
	main      bool         // this process serves, and not one before or after it
	inherited *inheritance // nil: no door was there before
	mask      flow.Mask    // of all that others may see
	writers   background   // of records; they end after everything that could give them more
	background
	diskWriter background // likewise
}

// background runs what goes on beside the traffic.
type background struct {
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func (b *background) begin() { b.ctx, b.stop = context.WithCancel(context.Background()) }

func (b *background) run(f func(ctx context.Context)) {
	b.wg.Go(func() { f(b.ctx) })
}

// end tells all that runs to end, and waits for it.
func (b *background) end() {
	b.stop()
	b.wg.Wait()
}

// New puts the parts together. It opens the data folder and nothing else;
// Start begins to serve.
func New(cfg *config.Config, opts Options) (*App, error) {
	a := &App{opts: opts, log: opts.Log, cfg: cfg, table: site.NewTable(), built: map[string]*built{}, leaving: map[string]*built{}}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if opts.Watch {
		a.watched = configStamps(cfg.Path)
	}
	if err := os.MkdirAll(cfg.DataDir(), 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	a.unlock = func() {}
	a.handing.done = make(chan struct{})
	var err error
	if opts.TakeOver {
		if a.inherited, err = inherit(cfg.ControlSocket(), opts.Version); err != nil {
			return nil, fmt.Errorf("take over: %w", err)
		}
	}
	if a.state, err = a.readState(); err != nil {
		return nil, err
	}
	a.duties = newDuties(a.state.Origins)
	if a.ca, err = cert.OpenCA(filepath.Join(cfg.DataDir(), "ca"), cfg.LocalNames); err != nil {
		return nil, fmt.Errorf("open local CA: %w", err)
	}
	a.warnings = a.ca.Warnings()
	if !cfg.Recording.Off {
		a.store = store.New(int64(cfg.Recording.Memory))
		a.recorder = flow.NewRecorder(a.store)
	}
	a.mask = newMask(opts)
	a.audits = &audits{mask: a.mask, log: a.log}
	a.writers.begin()
	a.background.begin()
	a.findings = newFindings(a.store, a.mask, a.log)
	a.checks = make(chan struct{}, checkSlots)
	a.secrets = &keyLines{limit: keyLogLines}
	if opts.CaptureOn != nil && a.store != nil {
		a.secrets.always = true
		a.packets = newPackets(*opts.CaptureOn, filepath.Join(cfg.DataDir(), "captures"), a.store, a.secrets, a.log)
	}
	a.gateway = gateway.New(gateway.Options{
		Table: a.table, Recorder: a.recorder, Buffers: httpconn.NewBuffers(),
		Limits: serverLimits(cfg.Limits), TLSLimit: time.Duration(cfg.Limits.TLSTimeout),
		Trusted: cfg.Trusted, MaxConns: cfg.Limits.Connections, Encoders: cfg.Limits.Compressions, Inspected: int64(cfg.Limits.Inspected), KeyLog: a.secrets.writer,
	})
	return a, a.buildDoor()
}

func serverLimits(l config.Limits) httpconn.Limits {
	return httpconn.Limits{
		HeadBytes: int(l.HeaderBytes), TargetBytes: int(l.TargetBytes), HeadFields: l.HeaderFields,
		HeadTimeout: time.Duration(l.HeaderTimeout), BodyTimeout: time.Duration(l.BodyTimeout), BodyRate: int64(l.BodyRate),
		IdleTimeout: time.Duration(l.IdleTimeout), Write: time.Duration(l.WriteTimeout),
		H2: httpconn.H2Limits{Streams: l.HTTP2.Streams, Body: int(l.HTTP2.Body), BodyAll: int(l.HTTP2.BodyAll), Resets: l.HTTP2.Resets, Frames: l.HTTP2.Frames},
	}
}

func (a *App) buildDoor() error {
	inherited, err := a.sockets()
	if err != nil {
		return err
	}
	a.listeners = bind.New(bind.Options{Inherited: inherited, Trouble: a.listenTrouble, Held: a.inherited != nil})
	if len(a.cfg.Addresses) > 0 {
		a.listeners.SetAllowed(a.cfg.Addresses)
	}
	a.door = &site.Door{
		Listen: func(addr netip.AddrPort, serve func(net.Conn)) (site.Listener, error) {
			ref, err := a.listeners.Acquire(addr, serve)
			if err != nil {
				return nil, err // not a nil *bind.Ref in an interface
			}
			return ref, nil
		},
		Serve: a.gateway.Serve, Finish: a.gateway.Finish,
		Grace: time.Duration(a.cfg.Limits.Grace), Changed: a.siteChanged,
	}
	a.buildSites()
	return nil
}

// sockets are those that another program opened for this one.
func (a *App) sockets() ([]*bind.Inherited, error) {
	if a.inherited != nil {
		return bind.FromHanded(a.inherited.ports)
	}
	adopted, err := bind.FromSystemd(os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("take over sockets of systemd: %w", err)
	}
	return adopted, nil
}

func (a *App) listenTrouble(addr netip.AddrPort, err error) {
	if err == nil {
		a.log.Info("accepts again", "addr", addr)
		return
	}
	a.log.Error("cannot accept connections", "addr", addr, "err", err)
}

// Start opens the control socket, the console and the addresses of the sites
// that should run. A site that cannot be started is failed with its reason and
// does not stop the others. The error is a *StartError.
func (a *App) Start() error {
	if a.inherited != nil {
		return a.takeOver()
	}
	a.reloading.Lock() // who asks for a reload or to take over waits until there is something to
	defer a.reloading.Unlock()
	if err := a.lockData(); err != nil { // before the control socket of a door that is about to answer is taken for an old one
		return a.startError(true, err)
	}
	if err := a.openWindows(); err != nil {
		return a.startError(true, err)
	}
	a.serveWindows()
	if err := a.beginRecords(true); err != nil {
		return a.startError(true, err)
	}
	failed := a.startSites()
	for _, in := range a.listeners.RefuseUnused() {
		a.log.Warn("socket of systemd is used by no site", "name", in.Name, "addr", in.Addr)
	}
	a.main = true
	notifySystemd("READY=1")
	return a.startError(false, failed...)
}

// beginRecords begins all that goes on beside the traffic; first tells that ids
// go on from those on disk.
func (a *App) beginRecords(first bool) error {
	a.followFindings()
	a.openDisk(first)
	if err := a.startPackets(); err != nil {
		return err
	}
	if err := a.startRecords(); err != nil {
		return err
	}
	a.startNotifiers()
	a.run(a.rotate)
	a.run(a.keepStates)
	a.run(a.gateway.Sweep)
	a.run(a.tidy)
	a.run(a.findings.run)
	if a.opts.Watch {
		a.run(a.watch)
	}
	return nil
}

// startSites starts the sites that should run and gives why some could not be.
func (a *App) startSites() (failed []error) {
	for _, s := range a.table.All() {
		var err error
		switch {
		case s.State() == site.Failed:
			err = fmt.Errorf("site %s: %s", s.Name, s.Reason())
		case a.wantsRunning(s.Name):
			err = a.start(s)
		default:
			err = a.door.Hold(s)
			a.siteChanged(s)
		}
		if faults := a.cfg.SiteFaults(s.Name); err != nil && len(faults) > 0 {
			err = fmt.Errorf("site %s: %w", s.Name, &faults[0]) // with its file and line
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

// start starts a site and records why it could not be.
func (a *App) start(s *site.Site) error {
	err := a.door.Start(s)
	a.recordBindFault(s, err)
	return err
}

// Shutdown lets open exchanges finish for the configured grace and ctx, closes
// everything and waits for it.
func (a *App) Shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, a.grace())
	defer cancel()
	a.handing.end()
	if a.main {
		notifySystemd("STOPPING=1")
	}
	a.listeners.Close()
	a.drain(ctx)
	a.gateway.Close()
	a.endSecrets()
	a.closeWindows()
	a.background.end()
	a.writers.end()
	a.audits.close()
	a.closeDisk()
	a.unlock()
}

// CA is the local certificate authority.
func (a *App) CA() *cert.CA { return a.ca }
