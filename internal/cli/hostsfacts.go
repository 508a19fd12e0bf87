package cli

import (
	"net/netip"
	"slices"
	"strings"

	"fanlight/internal/flow"
	"fanlight/internal/machine"
)

// hostsNames bounds the names of a hosts file that are compared with where
// connections went. One that shuts out advertisements has a hundred thousand.
const hostsNames = 10_000

// hostsFacts gives what a hosts file says as facts. Left out are names without
// an address (0.0.0.0), and those of the machine itself, which stand beside
// localhost or, as Debian has it, at 127.0.1.1: others call it so too.
func hostsFacts(h machine.Hosts) ([]flow.Event, error) {
	entries, err := h.Entries()
	if err != nil {
		return nil, err
	}
	var names []string
	addresses := map[string][]netip.Addr{}
	for _, e := range entries {
		if e.IP.IsUnspecified() || e.IP == netip.AddrFrom4([4]byte{127, 0, 1, 1}) || slices.Contains(e.Names, "localhost") {
			continue
		}
		for _, name := range e.Names {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			if addresses[name] == nil {
				if len(names) == hostsNames {
					continue
				}
				names = append(names, name)
			}
			addresses[name] = append(addresses[name], e.IP.WithZone(""))
		}
	}
	out := make([]flow.Event, len(names))
	for i, name := range names {
		out[i] = flow.Event{Kind: flow.HostsEntry, Text: name, Attrs: flow.Attrs(flow.KeyAddresses, flow.FormatAddresses(addresses[name]))}
	}
	return out, nil
}

// knowHosts has the findings know of the hosts file of the machine where the
// packets were captured.
func (v *view) knowHosts(path string) error {
	facts, err := hostsFacts(machine.Hosts{Path: path})
	v.kept.Facts = facts
	return err
}
