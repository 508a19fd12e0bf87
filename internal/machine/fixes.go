package machine

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// narrowing is how a program is told to listen on one address only. In text
// and command, ADDR:PORT stands for an address to give it, ADDR and PORT for
// its parts.
type narrowing struct {
	programs []string
	text     string
	command  string
}

// narrowings lists the programs that are known; the first that fits counts.
var narrowings = []narrowing{
	{[]string{"nginx"}, "give every listen line of nginx for this port an address, and restart nginx (a reload keeps the old socket)", "listen ADDR:PORT ssl;"},
	{[]string{"apache2", "httpd"}, "give every Listen line of Apache for this port an address, and restart it", "Listen ADDR:PORT"},
	{[]string{"haproxy"}, "give every bind line of HAProxy for this port an address, and restart it", "bind ADDR:PORT"},
	{[]string{"caddy"}, "give Caddy's sites an address, in each site's block or with default_bind in the global options", "bind ADDR"},
	{[]string{"traefik"}, "give Traefik's entry point an address", "--entryPoints.websecure.address=ADDR:PORT"},
	{[]string{"docker-proxy", "rootlessport", "pasta", "pasta.avx2", "slirp4netns"}, "publish the container's port on one address", "-p ADDR:PORT:PORT"},
	{[]string{"node"}, "tell the Node.js server its address", `server.listen(PORT, "ADDR")`},
	{[]string{"dotnet"}, "tell the .NET application its address", "ASPNETCORE_URLS=https://ADDR:PORT"},
	{[]string{"systemd"}, "give the socket unit an address", "ListenStream=ADDR:PORT"},
}

var httpSys = Fix{
	Program: "HTTP.sys",
	Text:    "give HTTP.sys (IIS) its own addresses and restart it (net stop http /y, net start w3svc); the list counts for everything that uses HTTP.sys",
	Command: "netsh http add iplisten ipaddress=127.0.0.1",
}

// narrow says how h leaves want to others.
func narrow(h Holder, want netip.AddrPort) Fix {
	if h.PID == 4 && h.Program == "System" {
		return httpSys
	}
	if !h.Wildcard() {
		return Fix{Program: h.Program, Text: fmt.Sprintf("stop %s, or give one of the two another address or port", h)}
	}
	fill := strings.NewReplacer("ADDR", spare(want.Addr()), "PORT", fmt.Sprint(want.Port()))
	for _, n := range narrowings {
		for _, program := range n.programs {
			if h.Program == program {
				return Fix{Program: h.Program, Text: n.text, Command: fill.Replace(n.command)}
			}
		}
	}
	return Fix{Program: h.Program, Text: fill.Replace(fmt.Sprintf("let %s listen on the addresses it needs, such as ADDR:PORT, and not on all", h))}
}

// spare is an address to suggest for the other program.
func spare(want netip.Addr) string {
	first := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if want == first {
		return first.Next().String()
	}
	return first.String()
}

func unknownHolderFixes(want netip.AddrPort) []Fix {
	switch runtime.GOOS {
	case "windows":
		return []Fix{httpSys,
			{Text: "see whether the port is in a range that Windows keeps for itself", Command: "netsh interface ipv4 show excludedportrange protocol=tcp"},
			{Text: "see which process has the port", Command: fmt.Sprintf("netstat -ano -p tcp | findstr :%d", want.Port())}}
	case "linux":
		return []Fix{{Text: "see which sockets have the port, as root", Command: fmt.Sprintf("sudo ss -tanp sport = :%d", want.Port())}}
	}
	return []Fix{{Text: "see which program has the port", Command: fmt.Sprintf("sudo lsof -nP -iTCP:%d", want.Port())}}
}

func addressFixes(want netip.Addr) []Fix {
	if runtime.GOOS == "darwin" && want.IsLoopback() {
		return []Fix{{Text: "add the address to the loopback interface (until the next start)", Command: fmt.Sprintf("sudo ifconfig lo0 alias %s up", want)}}
	}
	if want.Is6() && want.IsLoopback() {
		return []Fix{{Text: "switch on IPv6, or take this address out of the bindings"}}
	}
	return []Fix{{Text: "add the address to an interface, or bind one the machine has"}}
}

// systemWords is the innermost error's text, without what the layers above it
// say about the address.
func systemWords(err error) string {
	var call *os.SyscallError
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &call):
		return call.Err.Error()
	case err == nil:
		return "refused"
	}
	return err.Error()
}
