package rules

import (
	"fmt"

	"fanlight/internal/explain"
)

var addressInUse = explain.Rule{
	ID:       "address-in-use",
	Title:    "Another program already listens on that address and port",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Two programs cannot listen on the same address and port. The one that was first has it.",
		Looks: "Binding fails with EADDRINUSE (`address already in use`). Only the machine shows it, in the record of a start: no packet was sent, so a capture has nothing of it.",
		Why:   "A second copy of the same server, another web server, or a site moved from one program to another without stopping it in the first.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Stop the other program, or give it another address or port. Who it is:", "fanlight ports :443", "ss -ltnp '( sport = :443 )'"),
			fix(explain.Gateway, "Fanlight", "Give the site another address, for instance a loopback address of its own:", "bind: [\"127.0.0.4:443 shop.test\"]"),
		},
		Confirm: "`fanlight ports ADDRESS:PORT` names the program.",
		LookAlikes: []explain.Alike{
			{ID: "wildcard-listener-shadows", Difference: "the other program listens on every address"},
			{ID: "port-not-permitted", Difference: "nobody has the port, the right to open it is missing"},
			{ID: "loopback-alias-missing", Difference: "nobody has the address: it is not on this machine"},
		},
		References: []string{"bind(2)"},
	},
	Check: checkAddressInUse,
}

func checkAddressInUse(p *explain.Pass) {
	checkBindings(p, func(b binding) string {
		cause := fmt.Sprintf("%s cannot listen on %s: %s has it.", b.whose(), b.address, b.who())
		if b.failure() == heldUnknown {
			cause += " Which one, only root may see: those of other users are hidden."
		}
		return cause
	}, heldExact, heldUnknown)
}
