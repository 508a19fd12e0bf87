package app

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"fanlight/internal/bind"
	"fanlight/internal/cert"
	"fanlight/internal/console"
	"fanlight/internal/site"
)

// inheritance is what a door that takes over has got from the one before.
type inheritance struct {
	legacy
	talk  *handTalk
	files map[string]*os.File // by kind, but for listeners
	ports []bind.Handed
}

// inherit asks the door at a control socket for what it has. The error is
// ErrNoDoor if there is none.
func inherit(socket, version string) (*inheritance, error) {
	nc, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return nil, fmt.Errorf("%w answers on %s: %w", ErrNoDoor, socket, err)
	}
	in := &inheritance{talk: &handTalk{nc.(*net.UnixConn), bufio.NewReader(nc)}, files: map[string]*os.File{}}
	if err := in.ask(version); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (in *inheritance) ask(version string) error {
	t := in.talk
	_ = t.conn.SetDeadline(time.Now().Add(handLimit))
	if _, err := fmt.Fprintf(t.conn, "POST /api/take-over HTTP/1.1\r\nHost: door\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", console.TakeOverProtocol); err != nil {
		return err
	}
	res, err := http.ReadResponse(t.r, nil)
	if err != nil {
		return fmt.Errorf("read the door's answer: %w", err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the running door does not know how to hand over (status %d)", res.StatusCode)
	}
	if err := t.say(handHello{os.Getpid(), version}); err != nil {
		return err
	}
	files, err := receiveFiles(t.conn)
	if err == nil {
		err = t.hear(&in.legacy, handLimit)
	}
	switch {
	case err != nil:
	case in.Refused != "":
		err = errors.New("the running door refuses: " + in.Refused)
	case len(files) != len(in.Sockets):
		err = fmt.Errorf("the running door hands over %d sockets and %d descriptors", len(in.Sockets), len(files))
	default:
		return in.sort(files)
	}
	closeFiles(files)
	return err
}

// sort gives each descriptor to what it is for.
func (in *inheritance) sort(files []*os.File) error {
	for i, s := range in.Sockets {
		if s.Kind != handListener {
			in.files[s.Kind] = files[i]
			continue
		}
		addr, err := netip.ParseAddrPort(s.Addr)
		if err != nil {
			return fmt.Errorf("read the running door's listeners: %w", err)
		}
		in.ports = append(in.ports, bind.Handed{Addr: addr, Systemd: s.Systemd, Name: s.Name, File: files[i]})
	}
	return nil
}

// close ends the talk, and this process's part in what was not used.
func (in *inheritance) close() {
	in.talk.conn.Close()
	for _, f := range in.files {
		f.Close()
	}
	for _, h := range in.ports {
		h.File.Close()
	}
}

// listener gives the console's or the control socket's listener, nil if there
// is none.
func (in *inheritance) listener(kind string) (net.Listener, error) {
	f := in.files[kind]
	if f == nil {
		return nil, nil
	}
	return net.FileListener(f)
}

// tickets are the keys of a site's tickets, nil if it has none.
func (in *inheritance) tickets(name string) *cert.TicketKeys {
	if in == nil {
		return nil
	}
	state, known := in.Tickets[name]
	if !known {
		return nil
	}
	keys, err := cert.TicketKeysOf(state)
	if err != nil {
		return nil // its sessions begin anew
	}
	return keys
}

// takeOver is Start for a door that goes on in the place of another one, which
// serves until everything here is ready, and goes on if it does not become so.
func (a *App) takeOver() error {
	err := a.takeOverFrom(a.inherited)
	if err != nil {
		_ = a.inherited.talk.say(handStep{Failed: firstLine(err)}) // it may be what failed
		a.listeners.Abandon()
		err = &StartError{Err: fmt.Errorf("take over from process %d: %w", a.inherited.PID, err), Fault: FaultOf(err), Whole: true}
	}
	a.inherited.close()
	return err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (a *App) takeOverFrom(in *inheritance) error {
	if err := a.openWindows(); err != nil {
		return err
	}
	if err := a.lockData(); err != nil {
		return err
	}
	if err := a.startTaken(in); err != nil {
		return err
	}
	if err := in.talk.say(handStep{Step: "ready"}); err != nil {
		return fmt.Errorf("tell the running door: %w", err)
	}
	if err := in.talk.await("go", handLimit); err != nil {
		return err
	}
	a.recorder.Continue(in.Conns, in.Exchanges)
	a.gateway.Incidents.Restore(in.Incidents)
	if err := a.beginRecords(false); err != nil {
		return err
	}
	if err := in.talk.say(handStep{Step: "serving"}); err != nil {
		return fmt.Errorf("tell the running door: %w", err)
	}
	a.main = true
	a.serveWindows()
	a.listeners.Resume()
	a.listeners.RefuseUnused()
	return nil
}

// startTaken starts the sites. One that the other door serves must not fail.
func (a *App) startTaken(in *inheritance) error {
	served := map[string]bool{}
	for _, name := range in.Serving {
		served[name] = true
	}
	for _, err := range a.startSites() {
		a.log.Error("a site cannot be started", "err", err)
	}
	var lost []error
	for _, s := range a.table.All() {
		if s.State() == site.Failed && served[s.Name] {
			lost = append(lost, fmt.Errorf("site %s, which is served now, would fail: %s", s.Name, s.Reason()))
		}
	}
	return errors.Join(lost...)
}
