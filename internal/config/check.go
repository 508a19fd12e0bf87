package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// checker collects what is wrong in a configuration that could be read.
type checker struct {
	c      *Config
	failed map[string]bool // paths that could not be read; they are not judged again
	faults []Fault
}

// checks are the rules for the whole configuration, siteChecks those for one
// site, routeChecks those for one route.
func checks() []func(*checker) {
	return []func(*checker){
		(*checker).addresses, (*checker).console, (*checker).control, (*checker).localNames, (*checker).recording, (*checker).limits, (*checker).notify, (*checker).claims, (*checker).balancers,
	}
}

// check judges a configuration that has its defaults. failed are the faults
// already known.
func (c *Config) check(failed []Fault) []Fault {
	k := &checker{c: c, failed: map[string]bool{}}
	for _, f := range failed {
		k.failed[f.Path] = true
	}
	for _, rule := range checks() {
		rule(k)
	}
	for _, name := range c.SiteNames() {
		for _, rule := range siteChecks() {
			rule(k, "sites."+name, c.Sites[name])
		}
	}
	return k.faults
}

// fault adds a fault and gives it; one that is not kept leads nowhere.
func (k *checker) fault(path, hint, format string, args ...any) *Fault {
	for p := path; p != ""; p = parent(p) {
		if k.failed[p] {
			return &Fault{}
		}
	}
	k.faults = append(k.faults, k.c.Fault(path, fmt.Sprintf(format, args...), hint))
	return &k.faults[len(k.faults)-1]
}

// has tells whether the file says anything at path.
func (k *checker) has(path string) bool {
	_, found := k.c.places.spots[path]
	return found
}

func (k *checker) addresses() {
	if k.has("addresses") && len(k.c.Addresses) == 0 {
		k.fault("addresses", "leave it out to allow any address that a site names", "addresses is an empty list")
	}
	for i, a := range k.c.Addresses {
		if slices.Index(k.c.Addresses, a) < i {
			k.fault(fmt.Sprintf("addresses[%d]", i), "", "address %s is in the list twice", a)
		}
	}
}

func (k *checker) console() {
	if k.c.Console == "off" {
		return
	}
	const hint = "write 127.0.0.1:7443, [::1]:7443 or off"
	addr, err := netip.ParseAddrPort(k.c.Console)
	switch {
	case err != nil:
		k.fault("console", hint, "console: %q is not an address with a port", k.c.Console)
	case !addr.Addr().IsLoopback():
		k.fault("console", hint, "console: %s is not a loopback address", addr.Addr())
	}
}

// maxSocketPath is what sockaddr_un holds on Linux, less its final zero.
const maxSocketPath = 107

func (k *checker) control() {
	path, unix := strings.CutPrefix(k.c.Control, "unix:")
	switch {
	case !unix && strings.Contains(k.c.Control, "/"):
		k.fault("control", fmt.Sprintf("did you mean %q?", "unix:"+k.c.Control), "control: %q does not begin with unix:", k.c.Control)
	case !unix || path == "":
		k.fault("control", "write unix:PATH", "control: %q is not a Unix socket", k.c.Control)
	case len(k.c.ControlSocket()) > maxSocketPath:
		k.fault("control", "write control: unix:/run/fanlight.sock", "control: %s is longer than the %d bytes a socket's path may have", k.c.ControlSocket(), maxSocketPath)
	}
}

func (k *checker) localNames() {
	for i, name := range k.c.LocalNames {
		if fault := hostFault(strings.TrimPrefix(name, ".")); fault != "" {
			k.fault(fmt.Sprintf("local_names[%d]", i), "write a DNS suffix such as dev.example.com", "local_names: %s", fault)
		}
	}
}

// leastDisk leaves room for a few segments beside the index.
const leastDisk = 16 * mib

func (k *checker) recording() {
	if k.c.Recording.Bodies > 0 {
		k.fault("recording.bodies", "write bodies: 0, or leave it out", "recording bodies is not available yet")
	}
	if size := k.c.Recording.Disk.Size; k.has("recording.disk.size") && size < leastDisk {
		k.fault("recording.disk.size", "write 16MiB or more, or disk: off", "recording disk size %s is less than 16MiB", size)
	}
	if k.c.Recording.Off && k.has("access_log") && k.c.AccessLog.To != "off" {
		k.fault("access_log", "take recording: off out, or write access_log: off", "access_log has nothing to write: recording is off")
	}
}

func (k *checker) limits() {
	l := k.c.Limits
	if l.TargetBytes > l.HeaderBytes {
		k.fault("limits.target_bytes", "raise header_bytes too", "target_bytes %s is more than header_bytes %s, which holds the target", l.TargetBytes, l.HeaderBytes)
	}
}

// claim is the first binding to take something.
type claim struct {
	site, path string
	plain      bool
}

type nameOn struct {
	addr netip.AddrPort
	name string // empty: every other name
}

// claims lets every name on an address belong to one site, the first in the
// files, and every address:port speak either TLS or not.
func (k *checker) claims() {
	names, addrs := map[nameOn]claim{}, map[netip.AddrPort]claim{}
	for _, site := range k.c.SiteNames() {
		for i, b := range k.c.Sites[site].Bind {
			if !b.Addr.IsValid() {
				continue
			}
			mine := claim{site, fmt.Sprintf("sites.%s.bind[%d]", site, i), b.Plain}
			if first, taken := addrs[b.Addr]; taken && first.plain != b.Plain {
				k.mixed(mine, first, b.Addr)
				continue
			} else if !taken {
				addrs[b.Addr] = mine
			}
			k.claimNames(names, b, mine)
		}
	}
}

func (k *checker) mixed(mine, first claim, addr netip.AddrPort) {
	how := func(c claim) string {
		if c.plain {
			return "plain HTTP"
		}
		return "TLS"
	}
	k.fault(mine.path, "give one of them another port", "%s cannot speak %s for site %q: it speaks %s for site %q (%s)",
		addr, how(mine), mine.site, how(first), first.site, k.spot(first.path))
}

func (k *checker) claimNames(names map[nameOn]claim, b Binding, mine claim) {
	wanted := b.Names
	if len(wanted) == 0 {
		wanted = []string{""}
	}
	for _, name := range wanted {
		key := nameOn{b.Addr, name}
		first, taken := names[key]
		if !taken {
			names[key] = mine
			continue
		}
		if name == "" {
			name = "every name"
		}
		k.fault(mine.path, "give it to one of them", "%s on %s is taken by site %q (%s), so site %q cannot have it",
			name, b.Addr, first.site, k.spot(first.path), mine.site)
	}
}

func (k *checker) spot(path string) string {
	s := k.c.places.spots[path]
	return fmt.Sprintf("%s:%d:%d", filepath.Base(s.file), s.line, s.column)
}
