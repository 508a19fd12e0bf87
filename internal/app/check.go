package app

import (
	"fmt"
	"log/slog"
	"os/exec"

	"fanlight/internal/balance"
	"fanlight/internal/cert"
	"fanlight/internal/config"
	"fanlight/internal/gateway"
	"fanlight/internal/httpconn"
	"fanlight/internal/site"
	"fanlight/internal/waf"
)

// Check gives the faults that only show in the files that a configuration names,
// such as certificates, folders and programs: at most one of a site, and none of
// a site that has faults already. Warnings are of lines in such files that do not
// count, with which a site serves nevertheless. It changes nothing and opens no
// socket.
func Check(cfg *config.Config) (faults, warnings []config.Fault) {
	b := &builder{cfg: cfg, log: slog.New(slog.DiscardHandler), buffers: httpconn.NewBuffers(), engines: &waf.Engines{},
		stickyKey: func() ([]byte, error) { return nil, nil },
		duty:      func(string, string) balance.Duty { return balance.Enabled }}
	defer b.engines.Keep(nil)
	b.leftOut = func(at string, err error) {
		warnings = append(warnings, cfg.Fault(at, err.Error(), "correct the file; the door reads it again by itself"))
	}
	for _, name := range cfg.SiteNames() {
		if len(cfg.SiteFaults(name)) > 0 {
			continue
		}
		if path, err := b.checkFiles(cfg.Sites[name]); err != nil {
			faults = append(faults, cfg.Fault(path, err.Error(), ""))
		}
	}
	for i, n := range cfg.Notify {
		if len(n.Exec) == 0 {
			continue
		}
		if _, err := exec.LookPath(program(cfg, n.Exec[0])); err != nil {
			faults = append(faults, cfg.Fault(fmt.Sprintf("notify[%d].exec", i), err.Error(), ""))
		}
	}
	return faults, warnings
}

// checkFiles gives the place in the configuration that names what is wrong.
func (b *builder) checkFiles(c *config.Site) (path string, err error) {
	if c.Certificate != nil && !c.Certificate.Local {
		if _, err := cert.Load(b.certSpec(&site.Site{Name: c.Name}, c.Certificate)); err != nil {
			return certificatePath(c.Name), err
		}
	}
	if _, err := b.pages(c.StatusPages); err != nil {
		return "sites." + c.Name + ".status_pages", err
	}
	if _, err := b.protections(c); err != nil {
		return "sites." + c.Name + ".waf", err
	}
	if _, err := b.guard("sites."+c.Name, c.Allow, c.Deny, c.DenyFile, c.RateLimit); err != nil {
		return "sites." + c.Name + ".deny_file", err
	}
	if _, err := b.filtering(c); err != nil {
		return "sites." + c.Name + ".filter", err
	}
	for i := range c.Routes {
		if err := b.buildRoute(routePath(c.Name, i), new(gateway.Route), c, &c.Routes[i]); err != nil {
			return routePath(c.Name, i), err
		}
	}
	return "", nil
}
