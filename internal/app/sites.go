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

func certificatePath(site string) string { return "sites." + site + ".certificate" }

func routePath(site string, i int) string { return fmt.Sprintf("sites.%s.routes[%d]", site, i) }

// place gives an error its file and line.
func (b *builder) place(path string, err error) error {
	f := b.cfg.Fault(path, err.Error(), "")
	return &f
}

// serverTLS gives the configuration of a site's handshakes. It has ticket keys
// of its own, which are those of the site it takes the place of.
func (b *builder) serverTLS(out *built, c *config.Site) error {
	source, err := cert.Load(b.certSpec(out.site, c.Certificate))
	if err != nil {
		return err
	}
	config := &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return source.Certificate() },
		MinVersion:     tls.VersionTLS12,
		NextProtos:     protocols(c.HTTP),
		// crypto/tls starts with small records for a quick first byte; our
		// responses leave in one write each.
		DynamicRecordSizingDisabled: true,
	}
	if out.tickets == nil {
		out.tickets = cert.NewTicketKeys(0)
	}
	out.tickets.Apply(config)
	out.cert, out.site.TLS = source, config
	return nil
}

// protocols are what a site offers by ALPN, the one it likes best first.
func protocols(http string) []string {
	switch http {
	case "1.1":
		return []string{"http/1.1"}
	case "2":
		return []string{"h2"}
	}
	return []string{"h2", "http/1.1"}
}

func (b *builder) certSpec(s *site.Site, c *config.Certificate) cert.Spec {
	spec := cert.Spec{Local: c == nil || c.Local, CA: b.ca, OnReload: func(err error) {
		if err != nil {
			b.log.Error("certificate not re-read, the old one stays", "site", s.Name, "err", err)
			return
		}
		b.log.Info("certificate re-read", "site", s.Name)
	}}
	if c != nil {
		spec.File, spec.Key = b.resolve(c.File), b.resolve(c.Key)
		spec.PFX, spec.PasswordFile = b.resolve(c.PFX), b.resolve(c.PasswordFile)
	}
	for _, on := range s.Bindings {
		if on.Plain {
			continue
		}
		spec.Names = append(spec.Names, on.Names...)
		spec.IPs = append(spec.IPs, net.IP(on.Addr.Addr().AsSlice()))
	}
	return spec
}

func (b *builder) resolve(path string) string {
	if path == "" {
		return ""
	}
	return b.cfg.Resolve(path)
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

// buildRoute makes the route that stands at a place of the configuration.
func (b *builder) buildRoute(at string, out *gateway.Route, s *config.Site, c *config.Route) error {
	out.Prefix, out.Redirect, out.RedirectStatus, out.Host = c.Path, c.Redirect, c.RedirectStatus, c.Host
	out.RequestHeaders, out.ResponseHeaders = headerRules(c.RequestHeaders), headerRules(c.ResponseHeaders)
	if err := b.matchAndAct(out, c); err != nil {
		return err
	}
	guard, err := b.guard(at, c.Allow, c.Deny, c.DenyFile, c.RateLimit)
	if err != nil {
		return err
	}
	out.Guard, out.BodyBytes = guard, int64(c.Limits.BodyBytes)
	pages, err := b.pages(c.StatusPages)
	if err != nil {
		return err
	}
	out.Pages, out.Exchange = pages, time.Duration(c.Timeouts.Exchange)
	if c.Files != "" {
		folder, err := files.New(b.resolve(c.Files))
		if err != nil {
			return err
		}
		out.Folder = folder
	}
	if len(c.To) == 0 {
		return nil
	}
	group, err := b.buildGroup(s, c)
	out.Origins = group
	return err
}

func (b *builder) buildOrigin(to config.Origin, c *config.Route) (*origin.Origin, error) {
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
		MaxIdle: idleOf(&c.Pool), HeadBytes: int(c.Limits.ResponseHeaderBytes), MaxConns: c.Pool.Connections, Resolve: time.Duration(c.Resolve), Recorder: b.recorder, Buffers: b.buffers, KeyLog: b.keyLog,
	}
	o.HTTP, o.ProxyHeader = httpVersion(c), proxyHeader(c.ProxyHeader)
	switch c.TLS.Renegotiation {
	case "never":
		o.Renegotiation = origin.Never
	case "freely":
		o.Renegotiation = origin.Freely
	}
	if err := b.originTrust(&o, &c.TLS); err != nil {
		return nil, err
	}
	return b.origin(o), nil
}

func (b *builder) originTrust(o *origin.Options, c *config.OriginTLS) error {
	if c.CA != "" {
		b.note(b.resolve(c.CA))
		pem, err := os.ReadFile(b.resolve(c.CA))
		if err != nil {
			return fmt.Errorf("read CA of origin: %w", err)
		}
		if o.Roots, err = origin.LoadRoots(pem); err != nil {
			return fmt.Errorf("read CA of origin %s: %w", c.CA, err)
		}
	}
	if cc := c.ClientCertificate; cc != nil {
		b.note(b.resolve(cc.File), b.resolve(cc.Key), b.resolve(cc.PFX), b.resolve(cc.PasswordFile))
		loaded, err := cert.LoadClient(cert.Spec{File: b.resolve(cc.File), Key: b.resolve(cc.Key), PFX: b.resolve(cc.PFX), PasswordFile: b.resolve(cc.PasswordFile)})
		if err != nil {
			return fmt.Errorf("load client certificate: %w", err)
		}
		o.Certificate = loaded
	}
	return nil
}

// httpVersion is what is spoken with an origin. HTTP/2 has no late requests for
// a certificate: a route that is made for them stays with HTTP/1.1 unless it says
// otherwise. An origin without TLS offers nothing.
func httpVersion(c *config.Route) origin.Protocol {
	t := &c.TLS
	late := t.ClientCertificate != nil || t.Renegotiation == "freely" || t.Legacy || t.Max < "1.3"
	switch {
	case c.HTTP == "2":
		return origin.HTTP2
	case c.HTTP == "1.1" || late:
		return origin.HTTP1
	}
	return origin.Auto
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
