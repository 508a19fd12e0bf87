package app

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"fanlight/internal/cert"
	"fanlight/internal/config"
	"fanlight/internal/console"
	"fanlight/internal/gateway"
	"fanlight/internal/machine"
	"fanlight/internal/site"
)

// control is the door as the console and the control socket see it.
type control struct{ a *App }

var _ console.Control = control{}

func (c control) Sites() []console.Site {
	var out []console.Site
	for _, s := range c.a.table.All() {
		out = append(out, c.a.describe(s))
	}
	return out
}

func (c control) Site(name string) (console.Site, bool) {
	s := c.a.table.Get(name)
	if s == nil {
		return console.Site{}, false
	}
	return c.a.describe(s), true
}

func (a *App) describe(s *site.Site) console.Site {
	a.mu.Lock()
	configured, mode := "removed", ""
	if c := a.cfg.Sites[s.Name]; c != nil {
		configured = c.State
		if c.WAF != nil && c.WAF.Mode != "off" {
			mode = c.WAF.Mode
		}
	}
	_, differs := a.state.Sites[s.Name]
	kept := a.kept[s.Name]
	a.mu.Unlock()
	out := console.Site{Name: s.Name, State: s.State().String(), Reason: cmp.Or(s.Reason(), kept), Configured: configured, Differs: differs, WAF: mode}
	for _, b := range s.Bindings {
		out.Bindings = append(out.Bindings, console.Binding{Address: b.Addr.String(), Names: append([]string{}, b.Names...), Plain: b.Plain})
	}
	out.Certificate = a.describeCertificate(s)
	if len(s.Bindings) > 0 {
		out.URL = s.Bindings[0].URL()
	}
	return out
}

// localSource is a cert.Source of the local CA.
type localSource interface {
	Issuer() string
	Names() (names []string, asked bool)
}

func (a *App) describeCertificate(s *site.Site) *console.Certificate {
	a.mu.Lock()
	made := a.built[s.Name]
	a.mu.Unlock()
	if made == nil || made.cert == nil {
		return nil
	}
	source := made.cert
	if local, ok := source.(localSource); ok {
		if names, asked := local.Names(); !asked {
			return &console.Certificate{Issuer: local.Issuer(), Names: names} // it is made when the first client wants it
		}
	}
	c, err := source.Certificate()
	if err != nil {
		return &console.Certificate{Fault: err.Error()}
	}
	leaf := c.Leaf
	out := &console.Certificate{Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(), NotAfter: &leaf.NotAfter, Names: slices.Clone(leaf.DNSNames)}
	for _, ip := range leaf.IPAddresses {
		out.Names = append(out.Names, ip.String())
	}
	if err := source.Err(); err != nil {
		out.Fault = err.Error()
	} else if names := uncovered(leaf, s.Bindings); len(names) > 0 {
		out.Fault = "the certificate does not cover " + strings.Join(names, ", ")
	}
	return out
}

// uncovered are the names of a site for which clients refuse its certificate.
func uncovered(leaf *x509.Certificate, bindings []site.Binding) (names []string) {
	for _, b := range bindings {
		for _, name := range b.Names {
			if !b.Plain && !slices.Contains(names, name) && !cert.Covers(leaf, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (c control) find(name string) (*site.Site, error) {
	if s := c.a.table.Get(name); s != nil {
		return s, nil
	}
	return nil, &console.Refusal{Kind: console.Unknown,
		Err: fmt.Errorf("site %q is not known (sites are: %s)", name, strings.Join(c.a.config().SiteNames(), ", "))}
}

func (c control) StartSite(_ context.Context, name string) error {
	if err := c.a.takesOrders(); err != nil {
		return err
	}
	s, err := c.find(name)
	if err != nil {
		return err
	}
	if err := c.a.start(s); err != nil {
		return startRefusal(err)
	}
	return c.a.keepState(name, "running")
}

// startRefusal says of which kind a site's failure to start is.
func startRefusal(err error) error {
	out := &console.Refusal{Kind: console.Conflict, Err: err}
	switch FaultOf(err) {
	case AddressFault:
		out.Kind = console.Address
	case PermissionFault:
		out.Kind = console.Permission
	}
	var refused *machine.BindError
	if errors.As(err, &refused) {
		for _, fix := range refused.Fixes {
			out.WaysOut = append(out.WaysOut, fix.String())
		}
	}
	return out
}

func (c control) StopSite(_ context.Context, name string) error {
	return c.end(name, c.a.door.Stop)
}

func (c control) DrainSite(_ context.Context, name string) error {
	return c.end(name, c.a.door.Drain)
}

// end goes on when the one who asked has gone: what a site's clients are
// promised must not depend on a browser tab.
func (c control) end(name string, end func(context.Context, *site.Site) error) error {
	if err := c.a.takesOrders(); err != nil {
		return err
	}
	s, err := c.find(name)
	if err != nil {
		return err
	}
	if err := end(c.a.background.ctx, s); err != nil {
		return err
	}
	return c.a.keepState(name, "stopped")
}

// SaveSite writes the state of a site into the file it comes from.
func (c control) SaveSite(name string) error {
	s, err := c.find(name)
	if err != nil {
		return err
	}
	a := c.a
	if err := a.takesOrders(); err != nil {
		return err
	}
	a.reloading.Lock()
	defer a.reloading.Unlock()
	state := "stopped"
	if a.wantsRunning(s.Name) { // and not what it is: a site that failed is still wanted
		state = "running"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cfg.Sites[name] == nil {
		return fmt.Errorf("save site %s: it is no longer configured", name)
	}
	err = edit(a.cfg.SiteFile(name), func(src []byte) ([]byte, error) { return config.SetSiteState(src, name, state) })
	if err != nil {
		return fmt.Errorf("save site %s: %w", name, err)
	}
	a.cfg.Sites[name].State = state
	delete(a.state.Sites, name)
	return a.state.save()
}

// edit changes a configuration file in place, comments kept.
func edit(path string, change func([]byte) ([]byte, error)) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	changed, err := change(src)
	if err != nil {
		return err
	}
	return config.WriteFile(path, changed)
}

func (c control) Addresses() []string {
	var out []string
	for _, addr := range c.a.allowed() {
		out = append(out, addr.String())
	}
	return out
}

// AddAddress lets sites bind an address from now on, in the running door and
// in the file. Sites that failed for want of it can be started then.
func (c control) AddAddress(address string) error {
	addr, err := parseAddress(address)
	if err != nil {
		return err
	}
	return c.a.changeAddresses([]netip.Addr{addr}, nil)
}

// RemoveAddress takes an address from the list, in the running door and in the
// file. A site that is bound there must be stopped first.
func (c control) RemoveAddress(address string) error {
	addr, err := parseAddress(address)
	if err != nil {
		return err
	}
	if !slices.Contains(c.a.allowed(), addr) {
		return &console.Refusal{Kind: console.Unknown,
			Err: fmt.Errorf("address %s is not in the list (addresses are: %s)", addr, strings.Join(c.Addresses(), ", "))}
	}
	for _, s := range c.a.table.All() {
		bound := slices.ContainsFunc(s.Bindings, func(b site.Binding) bool { return b.Addr.Addr() == addr })
		if state := s.State(); bound && (state == site.Serving || state == site.Draining || s.StoppedPage && state == site.Stopped) {
			return fmt.Errorf("remove address %s: site %s is bound to it (stop it first: fanlight sites stop %s)", addr, s.Name, s.Name)
		}
	}
	return c.a.changeAddresses(nil, []netip.Addr{addr})
}

func parseAddress(address string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return addr, &console.Refusal{Kind: console.Malformed,
			Err: fmt.Errorf("read address %q: expected an IP address such as 127.0.0.2", address)}
	}
	return addr.Unmap(), nil
}

func (a *App) changeAddresses(add, remove []netip.Addr) error {
	if err := a.takesOrders(); err != nil {
		return err
	}
	a.reloading.Lock()
	defer a.reloading.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []netip.Addr
	err := edit(a.cfg.Path, func(src []byte) ([]byte, error) {
		changed, err := config.SetAddresses(src, add, remove)
		if err != nil {
			return nil, err
		}
		cfg, err := config.Parse(a.cfg.Path, changed)
		if err != nil {
			return nil, err
		}
		list = cfg.Addresses
		return changed, nil
	})
	if err != nil {
		return fmt.Errorf("change addresses: %w", err)
	}
	a.cfg.Addresses = list
	a.listeners.SetAllowed(list)
	return nil
}

func (c control) Incident(id string) (console.Incident, bool) {
	in, ok := c.a.gateway.Incidents.Get(id)
	return incident(in), ok
}

func (c control) Incidents() []console.Incident {
	var out []console.Incident
	for _, in := range c.a.gateway.Incidents.All() {
		out = append(out, incident(in))
	}
	return out
}

func incident(in gateway.Incident) console.Incident {
	return console.Incident{ID: in.ID, Time: in.At, Conn: in.Conn, Exchange: in.Exchange, Site: in.Site, Status: in.Status, Cause: in.Cause}
}

func (c control) Warnings() []string { return c.a.warnings }

func (c control) Reload(dry bool) (console.Reload, error) { return c.a.Reload(dry) }
