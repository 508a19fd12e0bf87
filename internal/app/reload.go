package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/config"
	"fanlight/internal/console"
	"fanlight/internal/gateway"
	"fanlight/internal/origin"
	"fanlight/internal/site"
)

// Reload reads the configuration again and puts what has changed into force;
// with dry it only says what it would do. A configuration with faults outside
// of its sites changes nothing: the error is a *console.Refusal with them. A
// site whose new configuration cannot be used goes on as it was. When Reload
// returns, new connections and new exchanges are served as the result says;
// what no longer belongs to a site may take until limits.grace to end.
func (a *App) Reload(dry bool) (console.Reload, error) {
	out, err := a.reload(dry)
	switch {
	case dry:
	case err != nil:
		a.log.Error("configuration not reloaded", "err", err)
	default:
		a.logReload(out)
	}
	return out, err
}

func (a *App) reload(dry bool) (console.Reload, error) {
	began := time.Now()
	if a.opts.Ephemeral {
		return console.Reload{}, errors.New("reload: this door was started without a configuration file")
	}
	if err := a.takesOrders(); err != nil { // a take-over holds the lock, for minutes if need be
		return console.Reload{}, err
	}
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if err := a.takesOrders(); err != nil {
		return console.Reload{}, err
	}
	path := a.config().Path
	next, err := loadAgain(path)
	if err != nil {
		return console.Reload{}, reloadRefusal(err)
	}
	p := a.plan(next)
	before := a.made()
	if dry {
		a.preview(p)
	} else {
		a.apply(p)
	}
	a.forgetEngines() // also those that were made for nothing
	out := p.report(before)
	out.File, out.Applied = path, !dry
	out.ElapsedMS = float64(time.Since(began).Microseconds()) / 1000
	return out, nil
}

// loadAgain is config.Load for a door that serves. A pipe, which a start may
// read, would be waited for without end; and a file without a byte, as it is
// while somebody writes it, would close every site.
func loadAgain(path string) (*config.Config, error) {
	files, err := config.Files(path)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read configuration: %w", err)
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("read configuration: %s is no regular file", name)
		case info.Size() == 0 && name == path:
			return nil, fmt.Errorf("read configuration: %s is empty", name)
		}
	}
	return config.Load(path)
}

// config is the configuration in force.
func (a *App) config() *config.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cfg
}

func (a *App) made() map[string]*built {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.built
}

func reloadRefusal(err error) error {
	out := &console.Refusal{Kind: console.Faulty, Err: fmt.Errorf("reload: nothing was changed: %w", err)}
	var faults *config.Faults
	if errors.As(err, &faults) {
		out.Err = errors.New("reload: nothing was changed: the configuration has faults")
		if len(*faults) > 0 {
			out.Err = fmt.Errorf("%w: %s", out.Err, (*faults)[0].Error())
		}
		for i := range *faults {
			out.Faults = append(out.Faults, describeFault(&(*faults)[i]))
		}
	}
	return out
}

// apply puts a plan into force.
func (a *App) apply(p *plan) {
	before := a.config()
	a.listeners.SetAllowed(union(before.Addresses, p.next.Addresses))
	var all []*site.Replacement
	for _, s := range p.sites {
		if r := a.replacement(p, s); r != nil {
			s.replacement = r
			all = append(all, r)
		}
	}
	a.door.Replace(a.table, all, func() { a.publish(p) })
	a.listeners.SetAllowed(p.next.Addresses)
	for _, s := range p.sites {
		a.settle(s)
	}
	a.forgetStates()
}

// replacement is what a plan for a site needs of the door, nil if nothing.
func (a *App) replacement(p *plan, s *sitePlan) *site.Replacement {
	r := &site.Replacement{Old: a.leavingSite(s.Name)} // whose end must not take the next one along
	if s.old != nil {
		r.Old = s.old.site
	}
	switch {
	case s.Action == console.Closes:
		return r
	case s.next == nil || s.old != nil && s.next.site == s.old.site:
		return nil
	}
	r.Next, r.Run = s.next.site, a.wants(p.next, s.Name)
	if s.old.usable() {
		r.Run = s.old.site.State() == site.Serving // and another state when its connections go on
	}
	return r
}

// leavingSite is the site of a name that was taken out and still has
// connections, nil if there is none.
func (a *App) leavingSite(name string) *site.Site {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b := a.leaving[name]; b != nil {
		return b.site
	}
	return nil
}

// publish puts in place what sites do, before the table leads to them.
func (a *App) publish(p *plan) {
	p.decide()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cfg, a.built, a.kept = p.next, p.built, p.kept()
	for _, s := range p.sites {
		if s.Action == console.Closes {
			a.leaving[s.Name] = s.old
		}
	}
	a.setSites()
	a.gateway.SetBalancers(balancers(a.cfg))
}

// setSites tells the gateway what sites do, also those whose last exchanges are
// waited for. The caller holds mu.
func (a *App) setSites() {
	does := make(map[string]*gateway.Site, len(a.built)+len(a.leaving))
	for _, all := range []map[string]*built{a.leaving, a.built} {
		for name, b := range all {
			if b.fault == nil {
				does[name] = b.does
			}
		}
	}
	a.gateway.SetSites(does)
}

// preview decides as if every address could be had.
func (a *App) preview(p *plan) {
	for _, s := range p.sites {
		r := a.replacement(p, s)
		if r != nil && r.Old != nil && r.Old.State() == site.Draining {
			r.Err = site.ErrBusy
		}
		s.replacement = r
	}
	p.decide()
}

// decide takes what could not be replaced back to what it was, and makes the
// configuration that of the sites that are there.
func (p *plan) decide() {
	for _, s := range p.sites {
		if r := s.replacement; r != nil && r.Err != nil {
			s.Why, s.Parts = r.Err.Error(), nil
			switch {
			case errors.Is(r.Err, site.ErrBusy):
				s.Action, s.next = console.Waits, nil
			case r.Made:
				s.Action = console.Fails
			case s.old.usable():
				s.Action, s.next = console.Keeps, nil
			default:
				s.Action, s.next = console.Fails, nil
			}
		}
		switch {
		case s.next != nil:
			p.built[s.Name] = s.next
		case s.Action == console.Closes:
			delete(p.built, s.Name)
		case s.old == nil:
			delete(p.next.Sites, s.Name)
		default:
			p.next.Sites[s.Name] = s.old.config
		}
	}
}

// kept says of each site that is not as the file says why.
func (p *plan) kept() map[string]string {
	out := map[string]string{}
	for _, s := range p.sites {
		if s.Action == console.Keeps || s.Action == console.Waits {
			out[s.Name] = "its new configuration is not in force: " + s.Why
		}
	}
	return out
}

// settle ends what a replaced site leaves behind, and gives the site the state
// that it should have.
func (a *App) settle(s *sitePlan) {
	if s.replacement != nil && s.replacement.Err != nil && s.replacement.Next != nil {
		a.recordBindFault(s.replacement.Next, s.replacement.Err)
	}
	switch {
	case s.Action == console.Closes:
		a.leave(s.old)
	case s.next != nil:
		if s.old != nil && s.next.site != s.old.site {
			a.leaveAddresses(s)
			retire(s.old.does, s.next.does)
		}
		a.settleState(s)
	}
}

// leave ends the connections of a site that is no longer configured.
func (a *App) leave(old *built) {
	a.run(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, a.grace())
		defer cancel()
		a.gateway.Finish(ctx, old.site.Name, true)
		a.reloading.Lock()
		defer a.reloading.Unlock()
		a.door.Gone(a.table, old.site)
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.leaving, old.site.Name)
		a.setSites()
		retire(old.does, nil)
		a.engines.Keep(a.inForce())
	})
}

func (a *App) grace() time.Duration { return time.Duration(a.config().Limits.Grace) }

// leaveAddresses ends the connections that a site has on addresses it gave up.
func (a *App) leaveAddresses(s *sitePlan) {
	stays := bound(map[string]*built{s.Name: s.next})
	for addr := range bound(map[string]*built{s.Name: s.old}) {
		if stays[addr] {
			continue
		}
		a.run(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, a.grace())
			defer cancel()
			a.gateway.FinishAt(ctx, s.Name, addr)
		})
	}
}

// settleState starts or stops a site whose state in the file has changed.
func (a *App) settleState(s *sitePlan) {
	now := s.next.site
	switch want := a.wantsRunning(s.Name); {
	case s.next.fault != nil:
	case want && now.State() == site.Stopped:
		if err := a.start(now); err != nil {
			s.Action, s.Why = console.Fails, err.Error()
		}
	case !want && now.State() == site.Serving:
		a.run(func(ctx context.Context) {
			if err := a.door.Stop(ctx, now); err != nil {
				a.log.Error("a site does not stop", "site", s.Name, "err", err)
			}
		})
	}
}

// forgetStates drops what was changed at run time and is now what the file says.
func (a *App) forgetStates() {
	a.mu.Lock()
	defer a.mu.Unlock()
	changed := false
	for name, state := range a.state.Sites {
		if c := a.cfg.Sites[name]; c == nil || (c.State == "stopped") == (state == "stopped") {
			delete(a.state.Sites, name)
			changed = true
		}
	}
	if !changed {
		return
	}
	if err := a.state.save(); err != nil {
		a.log.Error("run-time changes are not kept", "err", err)
	}
}

// retire ends the groups of origins of a site, and closes the pools of the
// origins that are used no more.
func retire(old, next *gateway.Site) {
	used := membersOf(next)
	for _, g := range groupsOf(old) {
		g.Retire(func(o *origin.Origin) bool {
			return slices.ContainsFunc(used, func(m *balance.Member) bool { return m.Origin == o })
		})
	}
}

func groupsOf(s *gateway.Site) (out []*balance.Group) {
	for i := 0; s != nil && i < len(s.Routes); i++ {
		if g := s.Routes[i].Origins; g != nil {
			out = append(out, g)
		}
	}
	return out
}

func membersOf(s *gateway.Site) (out []*balance.Member) {
	for _, g := range groupsOf(s) {
		out = append(out, g.Members...)
	}
	return out
}

// union is what both lists allow; nil allows everything.
func union(a, b []netip.Addr) []netip.Addr {
	if a == nil || b == nil {
		return nil
	}
	return slices.Concat(a, b)
}

// report says what was done, or would be.
func (p *plan) report(before map[string]*built) console.Reload {
	out := console.Reload{Type: "reload", Unchanged: len(p.built), Changes: p.settings}
	for _, s := range p.sites {
		switch s.Action {
		case console.Opens:
			out.Opened++
		case console.Closes:
			out.Closed++
		case console.Changes:
			out.Changed++
		default:
			out.Faulty++
		}
		if p.built[s.Name] != nil {
			out.Unchanged--
		}
		out.Changes = append(out.Changes, s.Change)
	}
	out.Changes = append(out.Changes, addressChanges(bound(before), bound(p.built))...)
	return out
}

// loggedChanges bounds what the log says of one reload.
const loggedChanges = 100

func (a *App) logReload(r console.Reload) {
	for i, c := range r.Changes {
		if i == loggedChanges {
			a.log.Warn("more has changed than is listed here", "changes", len(r.Changes))
			break
		}
		level := slog.LevelInfo
		switch c.Action {
		case console.Keeps, console.Fails:
			level = slog.LevelError
		case console.Waits, console.NeedRestart:
			level = slog.LevelWarn
		}
		attrs := []any{"of", c.Of, "name", c.Name, "action", c.Action}
		if len(c.Parts) > 0 {
			attrs = append(attrs, "parts", strings.Join(c.Parts, " "))
		}
		if c.Why != "" {
			attrs = append(attrs, "why", c.Why)
		}
		a.log.Log(context.Background(), level, "reload", attrs...)
	}
	a.log.Info("configuration reloaded", "opened", r.Opened, "closed", r.Closed, "changed", r.Changed,
		"unchanged", r.Unchanged, "faulty", r.Faulty, "took", time.Duration(r.ElapsedMS*float64(time.Millisecond)))
}
