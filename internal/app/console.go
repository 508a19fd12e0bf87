package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"fanlight/internal/console"
)

// windows are the console and the control socket.
type windows struct {
	url     string
	servers []*http.Server
	socket  string
}

// ConsoleURL is where the console can be opened, with its token; empty if it is
// off.
func (a *App) ConsoleURL() string { return a.windows.url }

// openWindows opens the control socket and the console.
func (a *App) openWindows() error {
	o := console.Options{
		Control: control{a}, Reloader: control{a}, Findings: a.findings, Store: a.store, Disk: a.disk.Load, Metrics: a.metricsHandler(), Version: a.opts.Version, Mask: a.mask,
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
	ln, err := net.Listen("tcp", a.cfg.Console)
	if err != nil {
		return fmt.Errorf("open console on %s: %w (console: in the configuration names another address, or off)", a.cfg.Console, err)
	}
	o.Token = token
	a.serveWindow(console.NewServer(o), ln)
	a.windows.url = "http://" + ln.Addr().String() + "/?token=" + token
	return nil
}

// openControl takes the socket over from a door that has ended, but not from
// one that answers.
func (a *App) openControl(o console.Options) error {
	path := a.cfg.ControlSocket()
	if nc, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = nc.Close() // it was only asked whether somebody is there
		return fmt.Errorf("open control socket %s: another door answers there (control: in the configuration names another path)", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old control socket: %w", err)
	}
	ln, err := listenPrivately(path)
	if err != nil {
		return fmt.Errorf("open control socket: %w", err)
	}
	a.windows.socket = path
	o.KeyLog = loggedKeyLines{a.secrets, a.log}
	a.serveWindow(console.NewControlServer(o), ln)
	return nil
}

func (a *App) serveWindow(srv *http.Server, ln net.Listener) {
	a.windows.servers = append(a.windows.servers, srv)
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
