package rules

import (
	"fmt"

	"fanlight/internal/explain"
)

var portNotPermitted = explain.Rule{
	ID:       "port-not-permitted",
	Title:    "The right to open that port is missing",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The address is free, but this user may not listen on that port.",
		Looks: "Binding fails with EACCES (`permission denied`). On Windows the same words (10013) can also mean that another program holds the port exclusively, or that the port is in an excluded range. Only the machine shows it, in the record of a start: a capture has nothing of it.",
		Why:   "On Linux ports below 1024 need a privilege unless the system says otherwise.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Linux", "Give the program the one right it needs, or lower the bound for everybody:", "setcap cap_net_bind_service=+ep bin/fanlight", "sysctl net.ipv4.ip_unprivileged_port_start=443"),
			fix(explain.Gateway, "systemd", "Let systemd open the port (socket activation), or give the service the right:", "AmbientCapabilities=CAP_NET_BIND_SERVICE"),
			fix(explain.Gateway, "Windows", "Look for an excluded range that has the port:", "netsh int ipv4 show excludedportrange protocol=tcp"),
		},
		Confirm: "The same program on a port above 1024 of the same address starts.",
		LookAlikes: []explain.Alike{
			{ID: "address-in-use", Difference: "somebody has the port"},
		},
		References: []string{"capabilities(7)", "ip(7), ip_unprivileged_port_start"},
	},
	Check: checkPortNotPermitted,
}

func checkPortNotPermitted(p *explain.Pass) {
	checkBindings(p, func(b binding) string {
		return fmt.Sprintf("%s cannot listen on %s: this user may not open that port.", b.whose(), b.address)
	}, notPermitted)
}
