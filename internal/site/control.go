package site

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Listener is a reference to a listening address.
type Listener interface{ Release() }

// Door is what starting and stopping sites needs of the rest.
type Door struct {
	// Listen opens an exact address, or shares it with the sites that have it
	// open.
	Listen func(addr netip.AddrPort, serve func(net.Conn)) (Listener, error)
	// Serve carries an accepted connection; secure tells whether TLS is
	// expected.
	Serve func(nc net.Conn, secure bool)
	// Finish closes what is idle of a site's connections and waits for open
	// exchanges, with tunnels also for tunnels; when ctx ends it closes the
	// rest. It returns when no connection is left.
	Finish func(ctx context.Context, site string, tunnels bool)
	// Grace is how long open exchanges may take after a stop.
	Grace time.Duration
	// Changed hears of every change of state; it must not block. May be nil.
	Changed func(s *Site)
}

// Start opens the site's addresses and serves. It succeeds at once if the site
// serves already, and waits for the end of a stop or drain that is going on. On
// a failure the site is failed with the reason, and what had been opened is
// released; a site whose configuration is faulty stays failed.
func (d *Door) Start(s *Site) error {
	s, err := d.latest(s)
	if err != nil {
		return err
	}
	defer s.change.Unlock()
	if s.State() == Serving {
		return nil
	}
	if fault := s.fault(); fault != "" {
		return fmt.Errorf("start site %s: %s", s.Name, fault)
	}
	if err := d.open(s); err != nil {
		s.set(Failed, err.Error())
		d.changed(s)
		return fmt.Errorf("start site %s: %w", s.Name, err)
	}
	s.set(Serving, "")
	d.changed(s)
	return nil
}

// open takes the listeners of a site that has none.
func (d *Door) open(s *Site) error {
	if len(s.refs) > 0 {
		return nil // a stopped site with a page keeps them
	}
	var refs []Listener
	for _, b := range s.Bindings {
		ref, err := d.Listen(b.Addr, func(nc net.Conn) { d.Serve(nc, !b.Plain) })
		if err != nil {
			release(refs)
			return err
		}
		refs = append(refs, ref)
	}
	s.refs = refs
	return nil
}

func release(refs []Listener) {
	for _, r := range refs {
		r.Release()
	}
}

// Hold opens the addresses of a stopped site that shows a page, without
// serving it.
func (d *Door) Hold(s *Site) error {
	s.change.Lock()
	defer s.change.Unlock()
	if !s.StoppedPage || s.fault() != "" || s.State() != Stopped {
		return nil
	}
	if err := d.open(s); err != nil {
		s.set(Failed, err.Error())
		d.changed(s)
		return fmt.Errorf("hold addresses of site %s: %w", s.Name, err)
	}
	return nil
}

// Stop makes the site stopped: nothing new is accepted from the moment the
// state changes, open exchanges may finish within Grace, tunnels are closed.
// It returns when this is true for a client outside. It cuts short a drain
// that is going on. A site that could not bind becomes stopped too and stays
// so; one whose configuration is faulty stays failed, which is an error.
func (d *Door) Stop(ctx context.Context, s *Site) error {
	ctx, cancel := context.WithTimeout(ctx, d.Grace)
	defer cancel()
	if s.State() == Draining {
		d.Finish(ctx, s.Name, false) // the drain ends when nothing is left to wait for
	}
	return d.end(ctx, s, false)
}

// Drain is Stop that also waits for tunnels, as long as ctx allows.
func (d *Door) Drain(ctx context.Context, s *Site) error {
	return d.end(ctx, s, true)
}

func (d *Door) end(ctx context.Context, s *Site, tunnels bool) error {
	s, err := d.latest(s)
	if err != nil {
		return err
	}
	defer s.change.Unlock()
	if fault := s.fault(); fault != "" {
		return fmt.Errorf("stop site %s: %s", s.Name, fault)
	}
	switch s.State() {
	case Stopped:
		return nil
	case Serving:
		d.finish(ctx, s, tunnels)
	}
	s.set(Stopped, "")
	d.changed(s)
	return nil
}

func (d *Door) finish(ctx context.Context, s *Site, tunnels bool) {
	s.set(Draining, "")
	d.changed(s)
	if !s.StoppedPage {
		release(s.refs)
		s.refs = nil
	}
	d.Finish(ctx, s.Name, tunnels)
}

// Shut releases the site's addresses without waiting, at the end of the door.
func (d *Door) Shut(s *Site) {
	s.change.Lock()
	defer s.change.Unlock()
	release(s.refs)
	s.refs = nil
	if s.State() != Failed {
		s.set(Stopped, "")
	}
}

func (d *Door) changed(s *Site) {
	if d.Changed != nil {
		d.Changed(s)
	}
}
