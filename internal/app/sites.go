package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"fanlight/internal/cert"
	"fanlight/internal/config"
	"fanlight/internal/files"
	"fanlight/internal/flow"
	"fanlight/internal/gateway"
	"fanlight/internal/machine"
	"fanlight/internal/origin"
	"fanlight/internal/site"
)

// buildSites makes the table and the routes of every site. A fault fails its
// site alone; the site keeps its names.
func (a *App) buildSites() {
	does := map[string]*gateway.Site{}
	var sites []*site.Site
	for _, name := range a.cfg.SiteNames() {
		c := a.cfg.Sites[name]
		s := &site.Site{Name: name, StoppedPage: c.WhenStopped == "page"}
		for _, b := range c.Bind {
			s.Bindings = append(s.Bindings, site.Binding{Addr: b.Addr, Plain: b.Plain, Names: b.Names})
		}
		sites = append(sites, s)
		if fault := a.lastingFault(name); fault != nil {
			s.Fail(fault.Error())
			continue
		}
		built, err := a.buildSite(s, c)
		if err != nil {
			s.Fail(err.Error())
			continue
		}
		does[name] = built
	}
	a.table.Replace(sites...)
	a.gateway.SetSites(does)
}

// lastingFault is a fault of a site's configuration that stays until the
// configuration is read again, nil if there is none. An address outside of the
// list may come into it while the door runs.
func (a *App) lastingFault(name string) error {
	for _, f := range a.cfg.SiteFaults(name) {
		if !f.Outside {
			return &f
		}
	}
	return nil
}

func (a *App) buildSite(s *site.Site, c *config.Site) (*gateway.Site, error) {
	if s.Secure() {
		config, err := a.serverTLS(s, c)
		if err != nil {
			return nil, a.place(certificatePath(s.Name), err)
		}
		s.TLS = config
	}
	out := &gateway.Site{Name: s.Name, RequestHeaders: headerRules(c.RequestHeaders), ResponseHeaders: headerRules(c.ResponseHeaders)}
	out.Routes = make([]gateway.Route, len(c.Routes))
	for i := range c.Routes {
		if err := a.buildRoute(&out.Routes[i], &c.Routes[i]); err != nil {
			return nil, a.place(routePath(s.Name, i), err)
		}
	}
	return out, nil
}

func certificatePath(site string) string { return "sites." + site + ".certificate" }

func routePath(site string, i int) string { return fmt.Sprintf("sites.%s.routes[%d]", site, i) }

// place gives an error its file and line.
func (a *App) place(path string, err error) error {
	f := a.cfg.Fault(path, err.Error(), "")
	return &f
}

func (a *App) serverTLS(s *site.Site, c *config.Site) (*tls.Config, error) {
	source, err := cert.Load(a.certSpec(s, c.Certificate))
	if err != nil {
		return nil, err
	}
	a.certs[s.Name] = source
	config := &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return source.Certificate() },
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		// crypto/tls starts with small records for a quick first byte; our
		// responses leave in one write each.
		DynamicRecordSizingDisabled: true,
	}
	keys := cert.NewTicketKeys(0)
	keys.Apply(config)
	a.tickets = append(a.tickets, keys)
	return config, nil
}

func (a *App) certSpec(s *site.Site, c *config.Certificate) cert.Spec {
	spec := cert.Spec{Local: c == nil || c.Local, CA: a.ca, OnReload: func(err error) {
		if err != nil {
			a.log.Error("certificate not re-read, the old one stays", "site", s.Name, "err", err)
			return
		}
		a.log.Info("certificate re-read", "site", s.Name)
	}}
	if c != nil {
		spec.File, spec.Key = a.resolve(c.File), a.resolve(c.Key)
		spec.PFX, spec.PasswordFile = a.resolve(c.PFX), a.resolve(c.PasswordFile)
	}
	for _, b := range s.Bindings {
		if b.Plain {
			continue
		}
		spec.Names = append(spec.Names, b.Names...)
		spec.IPs = append(spec.IPs, net.IP(b.Addr.Addr().AsSlice()))
	}
	return spec
}

func (a *App) resolve(path string) string {
	if path == "" {
		return ""
	}
	return a.cfg.Resolve(path)
}

func headerRules(r config.HeaderRules) gateway.HeaderRules {
	out := gateway.HeaderRules{Remove: r.Remove}
	for _, name := range sortedKeys(r.Set) {
		out.Set = append(out.Set, [2]string{name, r.Set[name]})
	}
	for _, name := range sortedKeys(r.Add) {
		out.Add = append(out.Add, [2]string{name, r.Add[name]})
	}
	return out
}

func (a *App) buildRoute(out *gateway.Route, c *config.Route) error {
	out.Prefix, out.Redirect, out.Host = c.Path, c.Redirect, c.Host
	out.ResponseHeaders = headerRules(c.ResponseHeaders)
	if c.Files != "" {
		folder, err := files.New(a.resolve(c.Files))
		if err != nil {
			return err
		}
		out.Folder = folder
	}
	for _, to := range c.To {
		o, err := a.buildOrigin(to, c)
		if err != nil {
			return err
		}
		out.Origins = append(out.Origins, o)
	}
	return nil
}

func (a *App) buildOrigin(to config.Origin, c *config.Route) (*origin.Origin, error) {
	t := c.Timeouts
	o := origin.Options{
		Name: to.String(), Host: to.Host, Port: to.Port, Secure: to.Scheme == "https",
		ServerName: c.TLS.Name, Insecure: c.TLS.Insecure, Legacy: c.TLS.Legacy,
		MinVersion: tlsVersion(c.TLS.Min, tls.VersionTLS12), MaxVersion: tlsVersion(c.TLS.Max, 0),
		Timeouts: origin.Timeouts{
			Connect: time.Duration(t.Connect), TLS: time.Duration(t.TLS), Send: time.Duration(t.Send),
			FirstByte: time.Duration(t.FirstByte), Between: time.Duration(t.Between),
			Idle: time.Duration(t.Idle), Tunnel: time.Duration(t.Tunnel),
		},
		MaxIdle: c.Pool.Idle, Recorder: a.recorder, Buffers: a.gateway.Buffers, KeyLog: a.secrets.writer,
	}
	switch c.TLS.Renegotiation {
	case "never":
		o.Renegotiation = origin.Never
	case "freely":
		o.Renegotiation = origin.Freely
	}
	if err := a.originTrust(&o, &c.TLS); err != nil {
		return nil, err
	}
	return origin.New(o), nil
}

func (a *App) originTrust(o *origin.Options, c *config.OriginTLS) error {
	if c.CA != "" {
		pem, err := os.ReadFile(a.resolve(c.CA))
		if err != nil {
			return fmt.Errorf("read CA of origin: %w", err)
		}
		if o.Roots, err = origin.LoadRoots(pem); err != nil {
			return fmt.Errorf("read CA of origin %s: %w", c.CA, err)
		}
	}
	if cc := c.ClientCertificate; cc != nil {
		loaded, err := cert.LoadClient(cert.Spec{File: a.resolve(cc.File), Key: a.resolve(cc.Key), PFX: a.resolve(cc.PFX), PasswordFile: a.resolve(cc.PasswordFile)})
		if err != nil {
			return fmt.Errorf("load client certificate: %w", err)
		}
		o.Certificate = loaded
	}
	return nil
}

func tlsVersion(name string, otherwise uint16) uint16 {
	switch name {
	case "1.0":
		return tls.VersionTLS10
	case "1.1":
		return tls.VersionTLS11
	case "1.2":
		return tls.VersionTLS12
	case "1.3":
		return tls.VersionTLS13
	}
	return otherwise
}

// recordBindFault keeps who holds the address as a fact, so that rules can
// explain it without looking at the machine.
func (a *App) recordBindFault(s *site.Site, err error) {
	var bindErr *machine.BindError
	if errors.As(err, &bindErr) {
		fact := bindErr.Event(s.Name)
		fact.At = time.Now()
		a.recorder.Fact(fact)
	}
}

// siteChanged records a site's state as a fact.
func (a *App) siteChanged(s *site.Site) {
	var binds []string
	for _, b := range s.Bindings {
		binds = append(binds, strings.TrimSpace(b.Addr.String()+" "+strings.Join(b.Names, " ")))
	}
	when := "refuse"
	if s.StoppedPage {
		when = "page"
	}
	a.recorder.Fact(flow.Event{At: time.Now(), Kind: flow.SiteState, Text: s.Name, Attrs: flow.Attrs(
		flow.KeyState, s.State().String(), flow.KeyReason, s.Reason(),
		flow.KeyBinds, strings.Join(binds, ", "), flow.KeyWhenStopped, when)})
}

// allowed lists the addresses sites may bind, nil if any.
func (a *App) allowed() []netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cfg.Addresses
}
