package app

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/balance"
	"fanlight/internal/console"
)

// placed is an origin where it is used.
type placed struct {
	site, route string
	m           *balance.Member
}

// members lists the origins of all routes, sites in the order of their names.
func (a *App) members() []placed {
	var out []placed
	for _, s := range a.gateway.Sites() {
		for i := range s.Routes {
			if g := s.Routes[i].Origins; g != nil {
				for _, m := range g.Members {
					out = append(out, placed{s.Name, g.Name, m})
				}
			}
		}
	}
	return out
}

// Origins lists the origins of all routes.
func (c control) Origins() []console.Origin {
	out := []console.Origin{}
	for _, p := range c.a.members() {
		out = append(out, p.describe())
	}
	return out
}

func (p placed) describe() console.Origin {
	s := p.m.Status()
	out := console.Origin{Site: p.site, Route: p.route, Origin: s.Name, State: s.Standing.String(), Reason: s.Reason,
		Duty: s.Duty.String(), Differs: s.Duty != balance.Enabled, Checked: s.Checked, Weight: s.Weight, Backup: s.Backup,
		Active: s.Active, Waiting: s.Waiting, Idle: s.Idle, Requests: s.Requests, Failures: s.Failures, Retries: s.Retries}
	if !s.Until.IsZero() {
		until := s.Until.UTC()
		out.Until = &until
	}
	for _, addr := range s.Addresses {
		out.Addresses = append(out.Addresses, addr.String())
	}
	return out
}

// SetOrigin says what an origin may be given from now on, in one site or, with
// site empty, in every site that has it. It is kept until it is enabled again. It
// waits for a reload, which may be putting others in the place of origins that it
// has looked at already.
func (c control) SetOrigin(site, name, duty string) ([]console.Origin, error) {
	a := c.a
	if err := a.takesOrders(); err != nil { // a take-over holds the lock, for minutes if need be
		return nil, err
	}
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if err := a.takesOrders(); err != nil {
		return nil, err
	}
	if site != "" {
		if _, err := c.find(site); err != nil {
			return nil, err
		}
	}
	d, ok := balance.ParseDuty(duty)
	if !ok {
		return nil, &console.Refusal{Kind: console.Malformed, Err: fmt.Errorf("%q is no state for an origin", duty)}
	}
	var changed []console.Origin
	var known []string
	for _, p := range a.members() {
		if site != "" && p.site != site {
			continue
		}
		if known = append(known, p.m.Origin.Name); !NamesOrigin(p.m.Origin.Name, name) {
			continue
		}
		p.m.SetDuty(d)
		a.duties.set(p.site, p.m.Origin.Name, d)
		changed = append(changed, p.describe())
	}
	if len(changed) == 0 {
		slices.Sort(known)
		return nil, &console.Refusal{Kind: console.Unknown,
			Err: fmt.Errorf("origin %q is not known (origins are: %s)", name, strings.Join(slices.Compact(known), ", "))}
	}
	return changed, a.keepDuties()
}

// NamesOrigin tells whether an origin is meant by what somebody typed: its URL,
// with or without scheme and port.
func NamesOrigin(origin, typed string) bool {
	scheme, authority, _ := strings.Cut(origin, "://")
	typed = strings.ToLower(strings.TrimSuffix(typed, "/"))
	if typedScheme, rest, found := strings.Cut(typed, "://"); found {
		if typedScheme != scheme {
			return false
		}
		typed = rest
	}
	host := authority[:strings.LastIndexByte(authority, ':')]
	return typed == authority || typed == host || "["+typed+"]" == host
}

func (a *App) keepDuties() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.Origins = a.duties.kept()
	return a.state.save()
}
