package app

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"fanlight/internal/config"
	"fanlight/internal/console"
	"fanlight/internal/site"
)

// plan is what a changed configuration leads to.
type plan struct {
	next     *config.Config    // as it will be in force
	built    map[string]*built // all sites as they will be
	sites    []*sitePlan       // those that are not as they were
	settings []console.Change
}

// sitePlan is what becomes of one site.
type sitePlan struct {
	console.Change
	old         *built // nil: it is new
	next        *built // nil: it goes, or stays as it was
	replacement *site.Replacement
}

// plan compares a configuration with the one in force and makes the sites that
// differ. It changes nothing. The caller holds App.reloading.
func (a *App) plan(next *config.Config) *plan {
	a.mu.Lock()
	old := a.cfg
	p := &plan{built: maps.Clone(a.built)}
	a.mu.Unlock()
	p.merge(old, next)
	b := a.builder(p.next)
	for _, name := range next.SiteNames() {
		if s := p.site(b, name); s != nil {
			p.sites = append(p.sites, s)
		}
	}
	for _, name := range old.SiteNames() {
		if next.Sites[name] == nil {
			p.sites = append(p.sites, &sitePlan{Change: change(console.OfSite, name, console.Closes), old: p.built[name]})
		}
	}
	p.yield()
	return p
}

func change(of console.ChangeOf, name string, action console.ChangeAction) console.Change {
	return console.Change{Type: "change", Of: of, Name: name, Action: action}
}

// merge makes the configuration that will be in force: that of the file, but
// for what only a restart can change.
func (p *plan) merge(old, next *config.Config) {
	effective := *next
	to, from, asked := reflect.ValueOf(&effective).Elem(), reflect.ValueOf(old).Elem(), reflect.ValueOf(next).Elem()
	for i := range to.NumField() {
		key := yamlKey(to.Type().Field(i))
		if key == "" || key == "sites" || reflect.DeepEqual(from.Field(i).Interface(), asked.Field(i).Interface()) {
			continue
		}
		c := change(console.OfSetting, key, console.Changes)
		if !slices.Contains(changing(), key) {
			c.Action, c.Why = console.NeedRestart, "it is read at the start only"
			to.Field(i).Set(from.Field(i))
		}
		p.settings = append(p.settings, c)
	}
	effective.Sites = maps.Clone(next.Sites)
	p.next = &effective
}

// yamlKey is the key of a field, empty if it has none.
func yamlKey(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return strings.Trim(key, "-")
}

// changing are the settings of the whole door that a reload puts into force,
// fixed those that only a start reads.
func changing() []string { return []string{"addresses", "proxy_protocol"} }

func fixed() []string {
	return []string{"control", "console", "data", "recording", "access_log", "trusted_proxies", "local_names", "limits", "notify"}
}

// site plans for a site of the file, nil if it stays as it is.
func (p *plan) site(b *builder, name string) *sitePlan {
	old := p.built[name]
	if old != nil && old.stays(b.cfg) {
		return nil
	}
	s := &sitePlan{Change: change(console.OfSite, name, console.Opens), old: old}
	if old != nil {
		s.Action, s.Parts = console.Changes, differences(old.config, b.cfg.Sites[name])
		if slices.Equal(s.Parts, []string{"state"}) && len(b.cfg.SiteFaults(name)) == 0 {
			return s.onlyState(b.cfg.Sites[name])
		}
	}
	s.next = b.build(name, old)
	if s.next.fault != nil {
		p.refuse(s, s.next.fault)
	}
	return s
}

// onlyState plans for a site of which nothing but the state changes. One that is
// being drained would not hear of it.
func (s *sitePlan) onlyState(c *config.Site) *sitePlan {
	if s.old.site.State() == site.Draining {
		s.Action, s.Parts, s.Why = console.Waits, nil, site.ErrBusy.Error()
		return s
	}
	s.next = s.old.with(c)
	return s
}

// stays tells whether a site is as the configuration says, so that there is
// nothing to do.
func (b *built) stays(cfg *config.Config) bool {
	return b.fault == nil && b.site.State() != site.Failed && len(cfg.SiteFaults(b.config.Name)) == 0 &&
		reflect.DeepEqual(b.config, cfg.Sites[b.config.Name]) && !b.filesChanged()
}

// with is the same site under a configuration that is no other for what serves.
func (b *built) with(c *config.Site) *built {
	out := *b
	out.config = c
	return &out
}

// usable tells whether a site can go on as it is.
func (b *built) usable() bool { return b != nil && b.fault == nil && b.site.State() != site.Failed }

// refuse has a site go on as it was, if it was of use.
func (p *plan) refuse(s *sitePlan, why error) {
	s.Why = why.Error()
	var fault *config.Fault
	if errors.As(why, &fault) {
		described := describeFault(fault)
		s.Fault = &described
	}
	s.Action, s.Parts = console.Fails, nil
	if s.old.usable() {
		s.Action, s.next = console.Keeps, nil
	}
}

func describeFault(f *config.Fault) console.Fault {
	return console.Fault{File: f.File, Line: f.Line, Column: f.Column, Path: f.Path, Site: f.Site, Message: f.Message, Hint: f.Hint, Report: f.Report()}
}

// claimed is what a site has on an address.
type claimed struct {
	addr netip.AddrPort
	name string // empty: every other name
}

// yield keeps back the sites whose new configuration takes what a site still
// has that could not be changed, until none is left.
func (p *plan) yield() {
	for more := true; more; {
		more = false
		kept, plain := p.claims()
		for _, s := range p.sites {
			if s.next == nil || s.next.fault != nil {
				continue
			}
			if why := conflict(s.next.config, kept, plain); why != nil {
				p.refuse(s, why)
				s.next, more = nil, more || s.Action == console.Keeps
			}
		}
	}
}

// claims are what the sites have that stay as they were though the file says
// otherwise.
func (p *plan) claims() (names map[claimed]string, plain map[netip.AddrPort]bool) {
	names, plain = map[claimed]string{}, map[netip.AddrPort]bool{}
	for _, s := range p.sites {
		if s.Action != console.Keeps {
			continue
		}
		for _, b := range s.old.config.Bind {
			plain[b.Addr] = b.Plain
			for _, name := range orEvery(b.Names) {
				names[claimed{b.Addr, name}] = s.Name
			}
		}
	}
	return names, plain
}

func orEvery(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

func conflict(c *config.Site, kept map[claimed]string, plain map[netip.AddrPort]bool) error {
	for _, b := range c.Bind {
		if is, known := plain[b.Addr]; known && is != b.Plain {
			return fmt.Errorf("%s speaks otherwise for a site whose new configuration has a fault", b.Addr)
		}
		for _, name := range orEvery(b.Names) {
			if owner := kept[claimed{b.Addr, name}]; owner != "" {
				if name == "" {
					name = "every name"
				}
				return fmt.Errorf("%s on %s is still with site %s, whose new configuration has a fault", name, b.Addr, owner)
			}
		}
	}
	return nil
}

// differences names the keys of a site that differ.
func differences(old, next *config.Site) (keys []string) {
	before, after := reflect.ValueOf(old).Elem(), reflect.ValueOf(next).Elem()
	for i := range after.NumField() {
		key := yamlKey(after.Type().Field(i))
		if key != "" && !reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()) {
			keys = append(keys, key)
		}
	}
	return keys
}

// bound are the addresses that sites want.
func bound(all map[string]*built) map[netip.AddrPort]bool {
	out := map[netip.AddrPort]bool{}
	for _, b := range all {
		for _, on := range b.config.Bind {
			if b.fault == nil {
				out[on.Addr] = true
			}
		}
	}
	return out
}

// addresses are those that are opened and closed.
func addressChanges(before, after map[netip.AddrPort]bool) (out []console.Change) {
	for addr := range after {
		if !before[addr] {
			out = append(out, change(console.OfAddress, addr.String(), console.Opens))
		}
	}
	for addr := range before {
		if !after[addr] {
			out = append(out, change(console.OfAddress, addr.String(), console.Closes))
		}
	}
	slices.SortFunc(out, func(a, b console.Change) int { return strings.Compare(a.Name, b.Name) })
	return out
}
