package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/config"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
)

// checkSlots is how many health checks may be under way at a time, of all
// origins together.
const checkSlots = 32

// buildGroup makes the origins of a route.
func (b *builder) buildGroup(s *config.Site, c *config.Route) (*balance.Group, error) {
	var members []*balance.Member
	for _, to := range c.To {
		o, err := b.buildOrigin(to, c)
		if err != nil {
			return nil, err
		}
		m := &balance.Member{Origin: o, Weight: to.Weight, Backup: to.Backup, Limits: limitsOf(&c.Pool), Duty: b.duty(s.Name, o.Name)}
		if c.Sticky != "" {
			if m.Tag, err = b.tag(o.Name); err != nil {
				return nil, err
			}
		}
		members = append(members, m)
	}
	g := balance.New(balance.Options{
		Name: routeName(c), Method: methodOf(c.Balance), KeyKind: hashKeyOf(c.Balance), KeyName: c.Balance.Name, Sticky: c.Sticky,
		Health: b.health(s, c), Eject: ejection(&c.Eject), Retry: retries(&c.Retry), Changed: b.originChanged(s.Name),
	}, members...)
	b.inherit(g)
	return g, nil
}

// routeName is what a route goes by where there is little room.
func routeName(c *config.Route) string {
	switch {
	case c.Path != "":
		return c.Path
	case c.Exact != "":
		return c.Exact
	case c.Pattern != "":
		return c.Pattern
	}
	return "*"
}

func limitsOf(p *config.Pool) balance.Limits {
	return balance.Limits{Exchanges: p.Requests, Conns: p.Connections, Queue: max(int(p.Queue), 0), Wait: time.Duration(p.QueueTimeout)}
}

// idleOf is how many connections are kept: no more than there may be.
func idleOf(p *config.Pool) int {
	if p.Connections > 0 {
		return min(p.Idle, p.Connections)
	}
	return p.Idle
}

func methodOf(b config.Balance) balance.Method {
	switch b.Method {
	case "least_connections":
		return balance.LeastConnections
	case "hash":
		return balance.Hash
	}
	return balance.RoundRobin
}

func hashKeyOf(b config.Balance) balance.KeyKind {
	switch b.Key {
	case "path":
		return balance.KeyPath
	case "header":
		return balance.KeyHeader
	case "cookie":
		return balance.KeyCookie
	}
	return balance.KeyAddress
}

func ejection(c *config.Eject) balance.Eject {
	if c.Off {
		return balance.Eject{}
	}
	return balance.Eject{Failures: c.Failures, Status: c.Status.Has, Window: time.Duration(c.Window), For: time.Duration(c.For), SlowReturn: time.Duration(c.SlowReturn)}
}

func retries(c *config.Retry) balance.Retry {
	if c.Off {
		return balance.Retry{}
	}
	out := balance.Retry{Attempts: c.Attempts, Budget: int(c.Budget), NotIdem: c.NonIdempotent == "always"}
	bits := map[config.Condition]balance.Condition{"connect": balance.OnConnect, "refused": balance.OnRefused, "reset": balance.OnReset,
		"timeout": balance.OnTimeout, "502": balance.On502, "503": balance.On503, "504": balance.On504}
	for _, on := range c.On {
		out.On |= bits[on]
	}
	return out
}

func (b *builder) health(s *config.Site, c *config.Route) balance.Health {
	h := c.Health
	if h == nil {
		return balance.Health{}
	}
	check := func(ctx context.Context, o *origin.Origin) error {
		status, err := o.Check(ctx, checkHost(s, c, o), h.Path)
		if err == nil && !h.Status.Has(status) {
			err = fmt.Errorf("%s answered %d, expected %s", h.Path, status, h.Status)
		}
		return err
	}
	return balance.Health{Check: check, Interval: time.Duration(h.Interval), Timeout: time.Duration(h.Timeout), Rise: h.Rise, Fall: h.Fall, Slots: b.checks}
}

// checkHost is the Host of a check: what requests of the route would have.
func checkHost(s *config.Site, c *config.Route, o *origin.Origin) string {
	switch {
	case c.Health.Host != "":
		return c.Health.Host
	case c.Host == "origin":
		return o.Authority()
	case c.Host != "" && c.Host != "keep":
		return c.Host
	}
	for _, b := range s.Bind {
		if i := slices.IndexFunc(b.Names, func(n string) bool { return !strings.HasPrefix(n, "*") }); i >= 0 {
			return b.Names[i]
		}
	}
	return o.Authority()
}

// tag is what a sticky cookie says instead of an origin's name: the same in
// every door with this data folder, and nothing to guess the name from.
func (b *builder) tag(name string) (string, error) {
	key, err := b.stickyKey()
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(name))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12]), nil
}

// originChanged tells the log and the record of changes of a site's origins.
func (b *builder) originChanged(site string) func(balance.Change) {
	return func(c balance.Change) {
		name, state := c.Member.Origin.Name, c.After.String()
		b.recorder.Fact(flow.Event{At: time.Now(), Kind: flow.OriginState, Text: name,
			Attrs: flow.Attrs(flow.KeySite, site, flow.KeyState, state, flow.KeyReason, c.Reason)})
		switch {
		case c.After == balance.Down || c.After == balance.Ejected || c.Before == c.After:
			b.log.Warn("origin is "+state, "site", site, "origin", name, "reason", c.Reason)
		default:
			b.log.Info("origin is "+state, "site", site, "origin", name, "was", c.Before.String())
		}
	}
}
