package rules

import (
	"fmt"

	"fanlight/internal/explain"
)

var loopbackAliasMissing = explain.Rule{
	ID:       "loopback-alias-missing",
	Title:    "This machine does not have that address",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A program can only listen on addresses the machine has. On Linux and Windows all of 127.0.0.0/8 is there; macOS and the BSDs have only 127.0.0.1 until another is added.",
		Looks: "Binding fails with EADDRNOTAVAIL (`cannot assign requested address`) while 127.0.0.1 works. Only the machine shows it, in the record of a start: a capture has nothing of it. A client elsewhere on the machine sees a connection that is refused or never answered.",
		Why:   "The loopback interface has no such alias, or, for other addresses, the address is not (or not yet) configured on any interface.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "macOS", "Add the address to the loopback interface; this lasts until the next start:", "sudo ifconfig lo0 alias 127.0.0.2 up"),
			fix(explain.Gateway, "Linux", "Add the address to an interface:", "ip addr add 192.0.2.10/24 dev eth0"),
			fix(explain.Gateway, "Fanlight", "Correct the address in the site's `bind`."),
		},
		Confirm: "`ifconfig lo0` or `ip addr` does not list the address.",
		LookAlikes: []explain.Alike{
			{ID: "address-in-use", Difference: "the address is there and somebody has the port"},
		},
		References: []string{"bind(2), EADDRNOTAVAIL", "RFC 1122 section 3.2.1.3 (127.0.0.0/8)"},
	},
	Check: checkLoopbackAlias,
}

func checkLoopbackAlias(p *explain.Pass) {
	checkBindings(p, func(b binding) string {
		return fmt.Sprintf("%s cannot listen on %s: no interface of this machine has that address.", b.whose(), b.address)
	}, notHere)
}
