package machine

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// rights is what decides who may open a port on this machine.
type rights struct {
	firstFree int    // net.ipv4.ip_unprivileged_port_start; -1 if it cannot be read
	systemd   bool   // systemd runs services here
	exe       string // path of this program, if a file capability on it would count
}

func readRights() rights {
	r := rights{firstFree: -1}
	if raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(raw))); err == nil {
			r.firstFree = n
		}
	}
	if info, err := os.Stat("/run/systemd/system"); err == nil {
		r.systemd = info.IsDir()
	}
	if exe, err := os.Executable(); err == nil && fileCapabilitiesCount(exe) {
		r.exe = exe
	}
	return r
}

// fileCapabilitiesCount reports whether the kernel heeds capabilities on the
// file: not on a file system mounted nosuid, nor under no_new_privs.
func fileCapabilitiesCount(path string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil || fs.Flags&unix.ST_NOSUID != 0 {
		return false
	}
	held, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return err == nil && held == 0
}

func (e *BindError) explainRights() {
	r := readRights()
	e.detail = fmt.Sprintf("this user may not open port %d", e.Addr.Port())
	if r.firstFree > int(e.Addr.Port()) {
		e.detail += fmt.Sprintf(": ports below %d need the right CAP_NET_BIND_SERVICE", r.firstFree)
	}
	e.Fixes = r.fixes(e.Addr)
}

func (r rights) fixes(want netip.AddrPort) []Fix {
	port := int(want.Port())
	if r.firstFree >= 0 && port >= r.firstFree {
		return []Fix{{Text: "the port needs no right, so that a security policy (SELinux, AppArmor, seccomp) refused it; for SELinux",
			Command: fmt.Sprintf("sudo semanage port -a -t http_port_t -p tcp %d", port)}}
	}
	var fixes []Fix
	if r.systemd {
		fixes = append(fixes,
			Fix{Program: "systemd", Text: "give the service the right, in its unit", Command: "AmbientCapabilities=CAP_NET_BIND_SERVICE"},
			Fix{Program: "systemd", Text: "let systemd open the address and hand it over, in a socket unit", Command: "ListenStream=" + want.String()})
	}
	if r.exe != "" {
		fixes = append(fixes, Fix{Text: "give this program the right (again after every update)",
			Command: "sudo setcap cap_net_bind_service=+ep " + shellQuote(r.exe)})
	}
	if r.firstFree > 0 {
		fixes = append(fixes, Fix{Text: fmt.Sprintf("open the ports from %d to every program of this machine", port),
			Command: fmt.Sprintf("sudo sysctl net.ipv4.ip_unprivileged_port_start=%d", port)})
	}
	return append(fixes, Fix{Text: fmt.Sprintf("bind a port from %d", max(r.firstFree, 1024))})
}

// shellQuote makes a path one word of a POSIX shell.
func shellQuote(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+@%", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
