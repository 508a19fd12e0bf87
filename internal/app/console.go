package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fanlight/internal/console"
)

// windows are the console and the control socket.
type windows struct {
	url     string
	servers []*http.Server
	socket  string
	console net.Listener // nil: it is off
	control net.Listener
	all     []*hatch
	ending  sync.WaitGroup // answers to what was asked before a hand-over
	serve   []func()       // what is open, but does not serve yet
}

// ConsoleURL is where the console can be opened, with its token; empty if it is
// off.
func (a *App) ConsoleURL() string { return a.windows.url }

// openWindows opens the control socket and the console.
func (a *App) openWindows() error {
	o := console.Options{
		Control: control{a}, Heirs: &heirs{a}, Reloader: control{a}, Findings: a.findings, Store: a.store, Disk: a.disk.Load, Metrics: a.metricsHandler(), Version: a.opts.Version, Mask: a.mask,
	}
	if err := a.openControl(o); err != nil {
		return err
	}
	if a.cfg.Console == "off" {
		return nil
	}
	token, err := a.consoleToken()
	if err != nil {
		return err
	}
	ln, err := a.listenConsole()
	if err != nil {
		return fmt.Errorf("open console on %s: %w (console: in the configuration names another address, or off)", a.cfg.Console, err)
	}
	o.Token = token
	a.windows.console = ln
	a.addWindow(console.NewServer(o), ln)
	a.windows.url = "http://" + ln.Addr().String() + "/?token=" + token
	return nil
}

// openControl takes the socket over from a door that has ended, but not from
// one that answers.
func (a *App) openControl(o console.Options) error {
	path := a.cfg.ControlSocket()
	if a.inherited != nil {
		return a.takeControl(o, path)
	}
	if nc, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = nc.Close() // it was only asked whether somebody is there
		return fmt.Errorf("open control socket %s: another door answers there (control: in the configuration names another path)", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("open control socket: %w", err)
	}
	if err := removeSocket(path); err != nil {
		return fmt.Errorf("remove old control socket: %w", err)
	}
	ln, err := listenPrivately(path)
	if err != nil {
		return fmt.Errorf("open control socket: %w", err)
	}
	a.addControl(o, path, ln)
	return nil
}

// removeSocket removes a socket, if there is one, and nothing else that may be
// there by mistake.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s is no socket (control: in the configuration names another path)", path)
	}
	return os.Remove(path)
}

func (a *App) addControl(o console.Options, path string, ln net.Listener) {
	a.windows.socket, a.windows.control = path, ln
	o.KeyLog = loggedKeyLines{a.secrets, a.log}
	a.addWindow(console.NewControlServer(o), ln)
}

// takeControl goes on with the control socket of the door before.
func (a *App) takeControl(o console.Options, path string) error {
	ln, err := a.inherited.listener(handControl)
	if err != nil || ln == nil {
		return fmt.Errorf("take over the control socket %s: %w", path, cmp.Or(err, errNoSocket))
	}
	a.addControl(o, path, ln)
	return nil
}

var errNoSocket = errors.New("the running door did not hand it over")

// listenConsole goes on with the listener of the door before, if its console
// was on the same address.
func (a *App) listenConsole() (net.Listener, error) {
	if a.inherited != nil && a.inherited.Console == a.cfg.Console {
		if ln, err := a.inherited.listener(handConsole); ln != nil || err != nil {
			return ln, err
		}
	}
	return net.Listen("tcp", a.cfg.Console)
}

func (a *App) addWindow(srv *http.Server, ln net.Listener) {
	a.windows.servers = append(a.windows.servers, srv)
	h := newHatch(ln)
	a.windows.all = append(a.windows.all, h)
	a.windows.serve = append(a.windows.serve, func() { a.serveWindow(srv, h) })
}

// serveWindows begins to answer on what openWindows has opened.
func (a *App) serveWindows() {
	for _, serve := range a.windows.serve {
		serve()
	}
	a.windows.serve = nil
	if ln, ok := a.windows.control.(*net.UnixListener); ok {
		ln.SetUnlinkOnClose(true)
	}
}

// pauseWindows has whoever asks wait until resume is called, or another process
// answers.
func (a *App) pauseWindows() (resume func()) {
	var all []func()
	for _, h := range a.windows.all {
		all = append(all, h.pause())
	}
	return func() {
		for _, resume := range all {
			resume()
		}
	}
}

// windowsEnd is how long a question to the console or control socket may take
// after another process has taken over.
const windowsEnd = 3 * time.Second

// abandonWindows leaves the console and the control socket to the process that
// has taken over. What was asked already is answered, but for streams.
func (a *App) abandonWindows() {
	if ln, ok := a.windows.control.(*net.UnixListener); ok {
		ln.SetUnlinkOnClose(false)
	}
	for _, srv := range a.windows.servers {
		a.windows.ending.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), windowsEnd)
			defer cancel()
			if srv.Shutdown(ctx) != nil {
				_ = srv.Close() // event streams never end by themselves
			}
		})
	}
}

func (a *App) serveWindow(srv *http.Server, ln net.Listener) {
	srv.BaseContext = func(net.Listener) context.Context { return a.background.ctx }
	a.run(func(context.Context) {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("console ended", "addr", ln.Addr(), "err", err)
		}
	})
}

// endSecrets lets who follows the secrets of handshakes have the last ones, for
// connections may have ended just now. Who is slow does not hold up the door.
func (a *App) endSecrets() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	a.secrets.end(ctx)
}

func (a *App) closeWindows() {
	a.windows.ending.Wait()
	for _, srv := range a.windows.servers {
		_ = srv.Close() // event streams never end by themselves
	}
}

// consoleToken is kept over restarts so that a bookmark goes on working.
func (a *App) consoleToken() (string, error) {
	path := filepath.Join(a.cfg.DataDir(), "console-token")
	if raw, err := os.ReadFile(path); err == nil && len(raw) >= 20 {
		return string(raw), os.Chmod(path, 0o600)
	}
	token := rand.Text()
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		return "", fmt.Errorf("keep console token: %w", err)
	}
	return token, nil
}
