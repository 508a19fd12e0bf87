package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// binding is a refused listener that is still refused.
type binding struct {
	address, site, holder, pid, on, errno string
}

// refusedBindings gives each binding once, and leaves out those whose site
// serves by now.
func refusedBindings(t *flow.Trace) []binding {
	var out []binding
	seen := map[string]int{}
	for i := range t.Facts {
		e := &t.Facts[i]
		if e.Kind != flow.BindFailed || servesSince(t, i, e.Attr(flow.KeySite)) {
			continue
		}
		b := binding{e.Text, e.Attr(flow.KeySite), e.Attr(flow.KeyHolder), e.Attr(flow.KeyPID), e.Attr(flow.KeyOn), e.Attr(flow.KeyErrno)}
		key := b.address + " " + b.site
		if n, again := seen[key]; again {
			out[n] = b
			continue
		}
		seen[key] = len(out)
		out = append(out, b)
	}
	return out
}

func servesSince(t *flow.Trace, i int, site string) bool {
	for _, e := range t.Facts[i+1:] {
		if e.Kind == flow.SiteState && site != "" && e.Text == site && e.Attr(flow.KeyState) == "serving" {
			return true
		}
	}
	return false
}

// failure is what kept a listener from its address.
type failure uint8

const (
	heldUnknown  failure = iota // in use, nobody knows by whom
	heldWildcard                // in use by a listener on every address
	heldExact                   // in use by a listener on the same address
	notPermitted
	notHere // the address is not on this machine
)

func (b binding) failure() failure {
	errno := strings.ToLower(b.errno)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(errno, w) {
				return true
			}
		}
		return false
	}
	switch {
	case b.on != "" && wildcard(b.on):
		return heldWildcard
	case b.on != "":
		return heldExact
	case has("eacces", "eperm", "permission", "not permitted"):
		return notPermitted
	case has("eaddrnotavail", "cannot assign", "can't assign"):
		return notHere
	}
	return heldUnknown
}

// wildcard tells that a listener takes every address of its family.
func wildcard(on string) bool {
	if strings.HasPrefix(on, "*:") || strings.HasPrefix(on, ":") && !strings.HasPrefix(on, "::") {
		return true
	}
	a, err := netip.ParseAddrPort(on)
	return err == nil && a.Addr().IsUnspecified()
}

// who names the program that holds the address.
func (b binding) who() string {
	switch {
	case b.holder != "" && b.pid != "":
		return fmt.Sprintf("%s (pid %s)", b.holder, b.pid)
	case b.holder != "":
		return b.holder
	case b.pid != "":
		return "the process " + b.pid
	}
	return "another program"
}

// whose names the site that wanted the address.
func (b binding) whose() string {
	if b.site == "" {
		return "Fanlight"
	}
	return "site " + b.site
}

func (b binding) evidence() []explain.Evidence {
	text := "bind " + b.address + " failed"
	if b.errno != "" {
		text += ": " + b.errno
	}
	out := []explain.Evidence{explain.Fact(text)}
	if b.on != "" {
		out = append(out, explain.Fact(fmt.Sprintf("%s listens on %s", b.who(), b.on)))
	}
	return out
}

// checkBindings reports the refused bindings of one kind of failure.
func checkBindings(p *explain.Pass, cause func(binding) string, kinds ...failure) {
	for _, b := range refusedBindings(p.Trace) {
		address, _ := netip.ParseAddrPort(b.address) // invalid: forPort leaves the fixes as they are
		for _, k := range kinds {
			if b.failure() == k {
				p.Report(explain.Finding{
					Confidence: explain.Proof, Cause: cause(b), Evidence: b.evidence(),
					Fixes: forPort(p.Fixes(), address),
				})
			}
		}
	}
}
