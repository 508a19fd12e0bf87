package app

import (
	"cmp"
	"io"
	"log/slog"

	"fanlight/internal/balance"
	"fanlight/internal/cert"
	"fanlight/internal/config"
	"fanlight/internal/flow"
	"fanlight/internal/gateway"
	"fanlight/internal/httpconn"
	"fanlight/internal/site"
	"fanlight/internal/waf"
)

// builder makes sites of a configuration. It opens no socket and changes
// nothing that serves.
type builder struct {
	cfg       *config.Config
	log       *slog.Logger
	ca        *cert.CA
	recorder  *flow.Recorder
	buffers   *httpconn.Buffers
	keyLog    func() io.Writer
	inherited *inheritance // nil: none

	checks    chan struct{}                          // a place for each health check under way
	stickyKey func() ([]byte, error)                 // key of the values of sticky cookies
	duty      func(site, origin string) balance.Duty // what was said of an origin at run time

	engines *waf.Engines // of the WAF, which sites share
	audits  *audits      // of the WAF; nil: nothing is written

	leftOut func(at string, err error) // hears of lines of a file, named at a place of the configuration, that do not count; nil: the log does

	// Of the site that is being made:
	stamps []stamp
	former []*balance.Member // of the site whose place it takes
	spare  []*balance.Member // those of former whose origins are not used again so far
}

// built is one site as it was made of its configuration.
type built struct {
	config  *config.Site
	site    *site.Site
	does    *gateway.Site    // nil: the site is faulty
	cert    cert.Source      // nil: it has none
	tickets *cert.TicketKeys // nil: it has none
	stamps  []stamp          // of files that it was made of
	fault   error            // why it can never serve as it is configured
}

func (a *App) builder(cfg *config.Config) *builder {
	return &builder{cfg: cfg, log: a.log, ca: a.ca, recorder: a.recorder, buffers: a.gateway.Buffers, keyLog: a.secrets.writer,
		checks: a.checks, stickyKey: a.stickyKey, duty: a.duties.of, inherited: a.inherited, engines: &a.engines, audits: a.audits}
}

// buildSites makes the table and the routes of every site. A fault fails its
// site alone; the site keeps its names.
func (a *App) buildSites() {
	b := a.builder(a.cfg)
	does := map[string]*gateway.Site{}
	var sites []*site.Site
	for _, name := range a.cfg.SiteNames() {
		made := b.build(name, nil)
		a.built[name] = made
		sites = append(sites, made.site)
		if made.fault == nil {
			does[name] = made.does
		}
	}
	a.table.Replace(sites...)
	a.gateway.SetSites(does)
	a.gateway.SetBalancers(balancers(a.cfg))
}

// build makes one site. What old has and is no other for the new configuration
// goes over to it: ticket keys, and origins with their connections.
func (b *builder) build(name string, old *built) *built {
	c := b.cfg.Sites[name]
	b.stamps, b.former, b.spare = nil, nil, nil
	out := &built{config: c, site: &site.Site{Name: name, StoppedPage: c.WhenStopped == "page"}}
	if old != nil {
		out.tickets, b.former, b.spare = old.tickets, membersOf(old.does), membersOf(old.does)
	}
	for _, on := range c.Bind {
		out.site.Bindings = append(out.site.Bindings, site.Binding{Addr: on.Addr, Plain: on.Plain, Names: on.Names})
	}
	if out.tickets == nil {
		out.tickets = b.inherited.tickets(name)
	}
	out.fault = lastingFault(b.cfg, name)
	if out.fault == nil {
		out.fault = b.fill(out)
	}
	out.stamps = b.stamps
	if out.fault != nil {
		out.site.Fail(out.fault.Error())
	}
	return out
}

// lastingFault is a fault of a site's configuration that stays until the
// configuration is read again, nil if there is none. An address outside of the
// list may come into it while the door runs.
func lastingFault(cfg *config.Config, name string) error {
	for _, f := range cfg.SiteFaults(name) {
		if !f.Outside {
			return &f
		}
	}
	return nil
}

// fill makes what a site shows and does.
func (b *builder) fill(out *built) error {
	name, c := out.site.Name, out.config
	if out.site.Secure() {
		if err := b.serverTLS(out, c); err != nil {
			return b.place(certificatePath(name), err)
		}
	}
	does := &gateway.Site{Name: name, RequestHeaders: headerRules(c.RequestHeaders), ResponseHeaders: serverHeader(headerRules(c.ResponseHeaders), c.Filter)}
	pages, err := b.pages(c.StatusPages)
	if err != nil {
		return b.place("sites."+name+".status_pages", err)
	}
	if does.Guard, err = b.guard("sites."+name, c.Allow, c.Deny, c.DenyFile, c.RateLimit); err != nil {
		return b.place("sites."+name+".deny_file", err)
	}
	does.Pages, does.Exchanges = pages, c.Limits.Exchanges
	if does.Filter, err = b.filtering(c); err != nil {
		return b.place("sites."+name+".filter", err)
	}
	does.PerAddress, does.BodyBytes = c.Limits.PerAddress, int64(c.Limits.BodyBytes)
	engines, err := b.protections(c)
	if err != nil {
		return b.place("sites."+name+".waf", err)
	}
	does.Routes = make([]gateway.Route, len(c.Routes))
	for i := range c.Routes {
		if err := b.buildRoute(routePath(name, i), &does.Routes[i], c, &c.Routes[i]); err != nil {
			return b.place(routePath(name, i), err)
		}
		does.Routes[i].WAF = protection(engines, &c.Routes[i])
		does.Routes[i].Compression = compression(cmp.Or(c.Routes[i].Compress, c.Compress))
	}
	out.does = does
	return nil
}
