package rules

import (
	"fmt"

	"fanlight/internal/explain"
)

var wildcardListenerShadows = explain.Rule{
	ID:       "wildcard-listener-shadows",
	Title:    "Another program has the port on every address",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A program listens on 0.0.0.0 (or [::]) and so takes the port on every address of this machine, also on addresses it has no site for. A site on an exact address cannot have that port until the other program is narrowed.",
		Looks: "Binding the exact address fails with EADDRINUSE on Linux, with 10048 or 10013 on Windows. The list of listeners shows 0.0.0.0:443, on Windows often with PID 4 (`System`), which is HTTP.sys. Only the machine shows it, in the record of a start. In a capture the other program simply answers: a certificate or a Server field that is not the site's.",
		Why:   "A bare `listen 443` is a wildcard. HTTP.sys listens on every address as long as its IP listen list is empty.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "IIS and HTTP.sys", "Name the addresses HTTP.sys may use. The list is for the whole machine: everything else that uses HTTP.sys (WinRM, for instance) keeps only these addresses too. Sockets that are already open may stay until the HTTP service is restarted:", "netsh http show iplisten", "netsh http add iplisten ipaddress=192.0.2.10", "net stop http /y", "net start w3svc"),
			fix(explain.Origin, "nginx", "Give every `listen` an address; a single wildcard listen on that port is enough to take them all:", "listen 192.0.2.10:443 ssl;"),
			fix(explain.Origin, "Apache", "Give every `Listen` an address:", "Listen 192.0.2.10:443"),
			fix(explain.Origin, "HAProxy", "Give every `bind` an address:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem"),
			fix(explain.Origin, "Docker", "Publish the port on an address:", "docker run -p 192.0.2.10:443:443 IMAGE"),
			fix(explain.Gateway, "Fanlight", "See who listens where; Fanlight itself binds exactly what a site names:", "fanlight ports :443"),
		},
		Confirm: "`fanlight ports :443`, `ss -ltnp`, or on Windows `netstat -ano` and `netsh http show iplisten`.",
		LookAlikes: []explain.Alike{
			{ID: "address-in-use", Difference: "the other program listens on the same exact address"},
			{ID: "port-not-permitted", Difference: "nobody has the port, the right to open it is missing"},
			{ID: "default-certificate-served", Difference: "the right program answers, and does not have the name"},
		},
		References: []string{"Microsoft Learn: IP Listen List (HTTP Server API)", "Microsoft Learn: netsh http add iplisten", "ip(7), socket(7)"},
	},
	Check: checkWildcardListener,
}

func checkWildcardListener(p *explain.Pass) {
	checkBindings(p, func(b binding) string {
		return fmt.Sprintf("%s cannot listen on %s: %s listens on %s, which takes that port on every address of this machine.",
			b.whose(), b.address, b.who(), b.on)
	}, heldWildcard)
}
