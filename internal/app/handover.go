package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fanlight/internal/bind"
	"fanlight/internal/cert"
	"fanlight/internal/console"
	"fanlight/internal/site"
)

// handing is what a door knows of being taken over.
type handing struct {
	going atomic.Bool                  // a talk is going on, or has led to another process
	ended atomic.Bool                  // the door shuts down: there are no more talks
	talk  sync.Mutex                   // held during a talk
	conn  atomic.Pointer[net.UnixConn] // of the last talk; nil: there was none
	done  chan struct{}                // closed when another process serves
	heir  atomic.Pointer[handHello]
	why   atomic.Pointer[string] // the last one came to nothing
}

var (
	errHanding = errors.New("the door is being handed over to another process, which is to be asked instead")
	errEnding  = errors.New("the door is shutting down")
)

// takesOrders gives the reason why nothing can be changed any more; nil if it
// can.
func (a *App) takesOrders() error {
	switch {
	case a.handing.going.Load():
		return errHanding
	case a.handing.ended.Load():
		return errEnding
	}
	return nil
}

// cut ends the talk that is under way, if any: it fails.
func (h *handing) cut() {
	if c := h.conn.Load(); c != nil {
		_ = c.Close() // it may have ended by itself
	}
}

// end cuts the talk that is under way, waits for what comes of it, and has no
// other begin. A talk that came to nothing leaves the listeners to this
// process again.
func (h *handing) end() {
	h.ended.Store(true)
	h.cut()
	h.talk.Lock()
	defer h.talk.Unlock()
	h.conn.Store(nil)
}

// HandedOver is closed when another process has taken over. Linger and Shutdown
// are called then.
func (a *App) HandedOver() <-chan struct{} { return a.handing.done }

// HandOver hands everything over to the process that asks for it. If that does
// not come to serve, this one goes on as if nothing had been.
func (a *App) HandOver(conn net.Conn) {
	defer conn.Close()
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return
	}
	talk := &handTalk{c, bufio.NewReader(c)}
	var heir handHello
	switch err := talk.hear(&heir, handLimit); {
	case err != nil:
		return
	case !sameUser(c):
		talk.refuse("it runs as another user")
		return
	case !a.handing.going.CompareAndSwap(false, true):
		talk.refuse("another process takes it over")
		return
	}
	a.handing.conn.Store(c)
	a.handing.talk.Lock()
	defer a.handing.talk.Unlock()
	a.reloading.Lock()
	defer a.reloading.Unlock()
	a.log.Info("another process asks to take over", "pid", heir.PID, "version", heir.Version)
	if err := a.handOver(talk); err != nil {
		a.notHandedOver(heir, err)
		return
	}
	a.handing.heir.Store(&heir)
	a.afterHandOver(heir)
}

func (a *App) notHandedOver(heir handHello, err error) {
	message := "not handed over, this process goes on"
	if a.handing.ended.Load() {
		message, err = "not handed over", errEnding // and not that its end of the talk is closed
	}
	why := err.Error()
	a.handing.why.Store(&why)
	a.handing.going.Store(false)
	a.log.Error(message, "pid", heir.PID, "err", err)
}

// handOver goes through the talk. Accepting is stopped in the last moment only;
// after an error it goes on.
func (a *App) handOver(talk *handTalk) error {
	if a.handing.ended.Load() {
		talk.refuse(errEnding.Error())
		return errEnding
	}
	if err := a.giveLegacy(talk); err != nil {
		talk.refuse(err.Error())
		return err
	}
	if err := talk.await("ready", handLimit); err != nil {
		return err
	}
	resume := a.pauseWindows()
	a.listeners.Pause()
	a.closeDisk() // the other one writes there from now on
	err := talk.say(handStep{Step: "go"})
	if err == nil {
		err = talk.await("serving", serveLimit)
	}
	if err != nil {
		a.listeners.Resume()
		resume()
		a.openDisk(false)
	}
	return err
}

func (a *App) giveLegacy(talk *handTalk) error {
	sockets, files, err := a.handSockets()
	defer closeFiles(files)
	if err != nil {
		return err
	}
	if len(files) > maxHanded {
		return fmt.Errorf("hand over %d sockets: more than %d at once are not possible", len(files), maxHanded)
	}
	l, err := a.legacy()
	if err != nil {
		return err
	}
	l.Sockets = sockets
	if err := sendFiles(talk.conn, files); err != nil {
		return err
	}
	return talk.say(l)
}

// handSockets gives a descriptor of its own of everything that the other process
// goes on with.
func (a *App) handSockets() (sockets []handSocket, files []*os.File, err error) {
	listeners, err := a.listeners.Hand()
	for _, h := range listeners {
		sockets = append(sockets, handSocket{Kind: handListener, Addr: h.Addr.String(), Name: h.Name, Systemd: h.Systemd})
		files = append(files, h.File)
	}
	if err != nil {
		return sockets, files, err
	}
	others := map[string]any{handConsole: a.windows.console, handControl: a.windows.control}
	if a.lock != nil {
		others[handLock] = a.lock
	}
	for kind, c := range others {
		open, ok := c.(syscall.Conn)
		if !ok {
			continue // it is off
		}
		f, err := bind.Duplicate(open, kind)
		if err != nil {
			return sockets, files, fmt.Errorf("hand over the %s: %w", kind, err)
		}
		sockets, files = append(sockets, handSocket{Kind: kind}), append(files, f)
	}
	return sockets, files, nil
}

// spareIDs are left for the exchanges that still end here.
const spareIDs = 10000

func (a *App) legacy() (*legacy, error) {
	l := &legacy{PID: os.Getpid(), Incidents: a.gateway.Incidents.All(), Tickets: map[string]cert.TicketState{}}
	conns, exchanges := a.recorder.Given()
	l.Conns, l.Exchanges = conns+spareIDs, exchanges+spareIDs
	a.mu.Lock()
	defer a.mu.Unlock()
	l.Data, l.Console, l.States = a.cfg.DataDir(), a.cfg.Console, maps.Clone(a.state.Sites)
	for name, b := range a.built {
		if b.tickets != nil {
			l.Tickets[name] = b.tickets.State()
		}
		switch b.site.State() {
		case site.Serving:
			l.Serving = append(l.Serving, name)
		case site.Draining: // to be stopped, which ends here
			remember(l.States, b.config, "stopped")
		}
	}
	if a.state.stale {
		return l, a.state.write()
	}
	return l, nil
}

// afterHandOver gives up what the other process has now.
func (a *App) afterHandOver(heir handHello) {
	a.mu.Lock()
	a.state.path, a.state.stale = "", false
	a.mu.Unlock()
	a.listeners.Abandon()
	a.gateway.Leave()
	a.abandonWindows()
	a.unlock()
	a.main = false
	exchanges, tunnels, idle := a.gateway.Waiting()
	a.log.Info("handed over", "to", heir.PID, "version", heir.Version, "exchanges", exchanges, "tunnels", tunnels, "idle", idle)
	notifySystemd(fmt.Sprintf("MAINPID=%d", heir.PID))
	close(a.handing.done)
}

// lingerTold is how often the log says what is waited for.
const lingerTold = time.Minute

// Linger waits, after another process has taken over, until the last connection
// has ended, limits.hand_over has passed, or ctx ends.
func (a *App) Linger(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(a.config().Limits.HandOver))
	defer cancel()
	for a.listeners.Live() > 0 && ctx.Err() == nil {
		a.gateway.Linger(ctx, lingerTold, func() {
			exchanges, tunnels, idle := a.gateway.Waiting()
			a.log.Info("connections from before the hand-over are open", "exchanges", exchanges, "tunnels", tunnels, "idle", idle)
		})
		pause(ctx, time.Millisecond) // one that was accepted just now is not known to the gateway yet
	}
}

var _ console.Heirs = (*heirs)(nil)

// heirs are asked over the control socket.
type heirs struct{ a *App }

func (h *heirs) HandOver(conn net.Conn) { h.a.HandOver(conn) }

func (h *heirs) Upgrade(ctx context.Context) (console.Upgraded, error) { return h.a.upgrade(ctx) }
