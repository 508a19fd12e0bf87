package bind

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"fanlight/internal/machine"
)

// Options of a set of listeners; the zero value will do.
type Options struct {
	// Inherited are listeners to use before new ones are bound, see FromSystemd.
	Inherited []*Inherited
	// Explain says why the system refused a listener; nil: machine.ExplainBind.
	Explain machine.PortHolderExplainer
	// Trouble is told when a listener cannot accept connections for a while,
	// as when file descriptors have run out: once with the error, and with nil
	// when it accepts again. It is called from the listener's goroutine
	// and must not call the Listeners.
	Trouble func(addr netip.AddrPort, err error)
	// Held listeners accept nothing until Resume is called.
	Held bool
}

// Listeners are the open listeners of a door: each on exactly one address, and
// one for all who want that address. Methods may be called concurrently.
type Listeners struct {
	opts Options
	gate *gate

	mu      sync.Mutex
	allowed []netip.Addr
	open    map[netip.AddrPort]*listener
	closed  bool
	held    bool // as Options.Held, until Resume

	live atomic.Int64 // connections that were accepted and have not ended
}

// Live counts the connections that were accepted and given to serve functions
// that have not returned.
func (ls *Listeners) Live() int64 { return ls.live.Load() }

// NotAllowedError says that an address is outside the list that may be bound.
type NotAllowedError struct {
	Addr    netip.AddrPort
	Allowed []netip.Addr
}

func (e *NotAllowedError) Error() string {
	return fmt.Sprintf("bind %s: the address is not in the list of addresses that may be bound (%v)", e.Addr, e.Allowed)
}

var (
	errWildcard = errors.New("a listener takes one exact address, never all")
	errNoPort   = errors.New("a listener needs an exact port")
	errClosed   = errors.New("the door is shutting down")
)

// New makes a set without listeners, in which every address may be bound.
func New(opts Options) *Listeners {
	if opts.Explain == nil {
		opts.Explain = machine.ExplainBind
	}
	if opts.Trouble == nil {
		opts.Trouble = func(netip.AddrPort, error) {}
	}
	return &Listeners{opts: opts, gate: newGate(opts.Held), open: map[netip.AddrPort]*listener{}, held: opts.Held}
}

// SetAllowed makes list the addresses that may be bound; nil allows every
// exact address. Listeners that are open stay; those outside the list are
// returned for the caller to release.
func (ls *Listeners) SetAllowed(list []netip.Addr) (outside []netip.AddrPort) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.allowed = nil
	if list != nil {
		ls.allowed = make([]netip.Addr, len(list))
		for i, a := range list {
			ls.allowed[i] = a.Unmap()
		}
	}
	for addr := range ls.open {
		if !ls.allows(addr) {
			outside = append(outside, addr)
		}
	}
	slices.SortFunc(outside, netip.AddrPort.Compare)
	return outside
}

func (ls *Listeners) allows(addr netip.AddrPort) bool {
	return ls.allowed == nil || slices.Contains(ls.allowed, addr.Addr())
}

// Acquire takes a reference on the listener on addr, binding it if this is the
// first. Every connection accepted is given to serve of the newest reference
// that is held, in a goroutine of its own; the connection is then serve's to
// close. A refusal by the system is a *machine.BindError, one by the list a
// *NotAllowedError.
func (ls *Listeners) Acquire(addr netip.AddrPort, serve func(net.Conn)) (*Ref, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	ref, err := ls.acquire(addr, serve)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return nil, ls.opts.Explain(addr, err) // reads the whole machine: not under the lock
	}
	return ref, err
}

func (ls *Listeners) acquire(addr netip.AddrPort, serve func(net.Conn)) (*Ref, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if err := ls.check(addr); err != nil {
		return nil, err
	}
	l := ls.open[addr]
	fresh := l == nil
	if fresh {
		var err error
		if l, err = ls.bind(addr); err != nil {
			return nil, err
		}
		l.live = &ls.live
		ls.open[addr] = l
	}
	ref := &Ref{owner: ls, listener: l, serve: serve}
	l.add(ref)
	if fresh {
		go l.acceptLoop(ls.gate, ls.opts.Trouble)
	}
	return ref, nil
}

func (ls *Listeners) check(addr netip.AddrPort) error {
	switch {
	case ls.closed:
		return fmt.Errorf("bind %s: %w", addr, errClosed)
	case !addr.IsValid() || addr.Port() == 0:
		return fmt.Errorf("bind %s: %w", addr, errNoPort)
	case addr.Addr().IsUnspecified():
		return fmt.Errorf("bind %s: %w", addr, errWildcard)
	case !ls.allows(addr):
		return &NotAllowedError{addr, slices.Clone(ls.allowed)}
	}
	return nil
}

// bind opens the listener: the inherited one of that address if there is one.
func (ls *Listeners) bind(addr netip.AddrPort) (*listener, error) {
	for _, in := range ls.opts.Inherited {
		if in.Addr == addr && !(in.own && in.used) {
			ln, err := in.listen()
			if err != nil {
				return nil, fmt.Errorf("bind %s: use the socket %s from systemd: %w", addr, in.Name, err)
			}
			in.used = true
			if in.own {
				return newListener(addr, ln, nil), nil
			}
			return newListener(addr, ln, in.stop), nil
		}
	}
	network := "tcp4"
	if addr.Addr().Is6() {
		network = "tcp6" // for which Go sets IPV6_V6ONLY
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // one path, whose facts are those of the connection
	ln, err := lc.Listen(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	return newListener(addr, ln.(*net.TCPListener), nil), nil
}

// Open gives the addresses that have a listener, sorted.
func (ls *Listeners) Open() []netip.AddrPort {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	addrs := make([]netip.AddrPort, 0, len(ls.open))
	for addr := range ls.open {
		addrs = append(addrs, addr)
	}
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	return addrs
}

// RefuseUnused makes the inherited listeners that nobody holds refuse
// connections, as a stopped site has to, and gives them back to be reported.
// Until it is called their connections wait in the queue.
func (ls *Listeners) RefuseUnused() []*Inherited {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var unused []*Inherited
	for _, in := range ls.opts.Inherited {
		switch {
		case in.own:
			in.file.Close() // a listener has a descriptor of its own
			in.used = true
		case !in.used:
			in.stop()
			unused = append(unused, in)
		}
	}
	return unused
}

// Close releases every reference and refuses new ones. Inherited sockets are
// left listening, as systemd wants them back.
func (ls *Listeners) Close() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.closed = true
	var closing sync.WaitGroup
	for _, l := range ls.open {
		closing.Go(l.close)
	}
	closing.Wait()
	clear(ls.open)
	for _, in := range ls.opts.Inherited {
		if !in.own {
			in.giveBack()
		}
	}
}

// Ref is a reference on a listener.
type Ref struct {
	owner    *Listeners
	listener *listener
	serve    func(net.Conn)
}

// Addr is the address of the listener.
func (r *Ref) Addr() netip.AddrPort { return r.listener.addr }

// Release gives the reference up; again does nothing. When it was the last,
// the listener is closed, and from the return on the kernel refuses new
// connections. Those it had completed before were accepted and given to serve.
// Of listeners that are held only this process's descriptor is closed.
func (r *Ref) Release() {
	ls := r.owner
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !r.listener.remove(r) || ls.open[r.listener.addr] != r.listener {
		return
	}
	delete(ls.open, r.listener.addr)
	if ls.held {
		ls.putBack(r.listener)
		return
	}
	r.listener.close()
}

// putBack lets go of a listener whose socket another process serves: to have
// it refuse would be felt there.
func (ls *Listeners) putBack(l *listener) {
	l.leave()
	for _, in := range ls.opts.Inherited {
		if in.Addr == l.addr {
			in.used = false
		}
	}
}
