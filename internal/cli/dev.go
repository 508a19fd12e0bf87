package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
	"fanlight/internal/cert"
	"fanlight/internal/config"
	"fanlight/internal/machine"
)

type devOptions struct {
	hosts      machine.Hosts
	port       uint16
	data       string
	console    string
	localNames []string
	insecure   bool
}

func devCommand(s streams) *cobra.Command {
	o := devOptions{hosts: machine.SystemHosts()}
	c := &cobra.Command{
		Use:   "dev NAME=TARGET ...",
		Short: "Serve own names on own loopback addresses with trusted TLS",
		Long: `Serve each name on a loopback address of its own, with a certificate of the
local CA, and let the hosts file lead the name there. Ending it (Ctrl-C or
SIGTERM) takes the names out of the hosts file again.

A target is a URL, a port of this machine, or a folder to serve. Names end in
.test or .localhost; --local-name allows further ones. Browsers take names in
.localhost to 127.0.0.1 without asking, so those are served there.

The local CA is kept in the data folder and stays the same from run to run.`,
		Example: `  fanlight dev shop.test=http://localhost:5001 auth.test=5002
  fanlight dev docs.test=./public`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return dev(c.Context(), s, o, args) },
	}
	c.Flags().StringVar(&o.hosts.Path, "hosts-file", o.hosts.Path, "hosts `file` to write the names to")
	c.Flags().Uint16Var(&o.port, "port", 443, "`port` to serve on")
	c.Flags().StringVar(&o.data, "data", "", "data `folder`; default $XDG_DATA_HOME/fanlight or ~/.local/share/fanlight")
	c.Flags().StringVar(&o.console, "console", "off", "`address` of the console, such as 127.0.0.1:7443")
	c.Flags().StringSliceVar(&o.localNames, "local-name", nil, "further `suffix` that names may end in")
	c.Flags().BoolVar(&o.insecure, "insecure", false, "do not verify the certificates of https targets")
	return c
}

// dev runs a door for the names until ctx ends. The names are in the hosts
// file as long as it runs.
func dev(ctx context.Context, s streams, o devOptions, args []string) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP) // a closed terminal ends it too
	defer stop()
	sites, err := parseDevSites(args)
	if err != nil {
		return failWith(exitUsage, err)
	}
	if o.data, err = devData(o.data); err != nil {
		return failWith(exitUsage, err)
	}
	ca, err := cert.OpenCA(filepath.Join(o.data, "ca"), o.localNames)
	if err != nil {
		return failWith(permissionOr(exitConfig, err), err)
	}
	owner := fmt.Sprintf("dev-%d", os.Getpid())
	if err := o.place(sites, ca, owner); err != nil {
		return err
	}
	cfg, err := config.Parse("fanlight dev", devYAML(o, sites, owner))
	if err != nil {
		return failWith(exitUsage, fmt.Errorf("serve %s: %w", strings.Join(args, " "), err))
	}
	if len(cfg.Faults) > 0 {
		return failWith(exitUsage, fmt.Errorf("serve %s: %s", cfg.Faults[0].Site, cfg.Faults[0].Message))
	}
	if err := o.hosts.Set(owner, hostEntries(sites)); err != nil {
		return o.hostsFailure(err)
	}
	defer func() {
		if cleared := o.hosts.Clear(owner); cleared != nil {
			err = errors.Join(err, o.hostsFailure(cleared))
		}
	}()
	printDev(s, o, sites, ca)
	return runDoor(ctx, s, cfg, app.Options{Version: version(), Ephemeral: true})
}

// devData is the data folder of development, the same for every project, so
// that one root is to be trusted.
func devData(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "fanlight"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w (--data names one)", err)
	}
	return filepath.Join(home, ".local", "share", "fanlight"), nil
}

// place gives each site its address. The hosts file must not lead its name
// elsewhere.
func (o devOptions) place(sites []devSite, ca *cert.CA, owner string) error {
	known, err := o.hosts.Entries()
	if err != nil {
		return o.hostsFailure(err)
	}
	var taken []netip.Addr
	for _, e := range known {
		taken = append(taken, e.IP)
	}
	for i := range sites {
		d := &sites[i]
		if net.ParseIP(d.name) != nil || strings.Contains(d.name, "*") {
			return failWith(exitUsage, fmt.Errorf("serve %s: expected a host name, such as shop.test", d.name))
		}
		if err := ca.Allows(d.name); err != nil {
			return failWith(exitUsage, fmt.Errorf("serve %s: the name is outside of .test and .localhost: choose %s.test, or allow it with --local-name %s",
				d.name, strings.Split(d.name, ".")[0], d.name))
		}
		if d.addr, err = o.choose(d.name, taken); err != nil {
			code := exitAddress
			if app.FaultOf(err) == app.PermissionFault {
				code = exitPermission
			}
			return failWith(code, &withFixes{err})
		}
		taken = append(taken, d.addr.Addr())
		if err := o.conflict(owner, *d); err != nil {
			return err
		}
	}
	return nil
}

// choose gives the address for a name. Browsers and curl take .localhost to
// 127.0.0.1 whatever the hosts file says (RFC 6761, section 6.3).
func (o devOptions) choose(name string, taken []netip.Addr) (netip.AddrPort, error) {
	addr := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if name != "localhost" && !strings.HasSuffix(name, ".localhost") {
		var err error
		if addr, err = machine.FreeLoopback(name, o.port, taken); err != nil {
			return netip.AddrPort{}, err
		}
	}
	return netip.AddrPortFrom(addr, o.port), nil
}

// conflict is an entry of the hosts file that leads the name elsewhere.
func (o devOptions) conflict(owner string, d devSite) error {
	entries, err := o.hosts.Conflicts(owner, d.name)
	if err != nil {
		return o.hostsFailure(err)
	}
	for _, e := range entries {
		localhost := d.addr.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) && e.IP == netip.IPv6Loopback()
		switch {
		case e.IP == d.addr.Addr() || localhost:
		case e.Owner != "":
			return failWith(exitAddress, fmt.Errorf("serve %s: another `fanlight dev` serves it on %s (%s:%d); end that one, or choose another name",
				d.name, e.IP, o.hosts.Path, e.Line))
		default:
			return failWith(exitAddress, fmt.Errorf("serve %s: %s:%d leads it to %s (%s %s); take the name out of that line, or choose another one",
				d.name, o.hosts.Path, e.Line, e.IP, e.IP, strings.Join(e.Names, " ")))
		}
	}
	return nil
}

// hostsFailure is a hosts file that cannot be read or written.
func (o devOptions) hostsFailure(err error) error {
	code := permissionOr(exitAddress, err)
	if code == exitPermission {
		err = fmt.Errorf("%w; run it as root, with --data %s for the same local CA", err, o.data)
	}
	return failWith(code, err)
}

func hostEntries(sites []devSite) []machine.HostEntry {
	entries := make([]machine.HostEntry, len(sites))
	for i, d := range sites {
		entries[i] = machine.HostEntry{IP: d.addr.Addr(), Names: []string{d.name}}
	}
	return entries
}

func printDev(s streams, o devOptions, sites []devSite, ca *cert.CA) {
	t := tabwriter.NewWriter(s.err, 0, 0, 1, ' ', 0)
	for _, d := range sites {
		fmt.Fprintf(t, "%s\t-> %s\ton %s\n", d.url(), d.target(), d.addr.Addr())
	}
	_ = t.Flush() // nobody is told if stderr is gone
	if systemTrusts(ca.Root()) {
		fmt.Fprintln(s.err, "the system trusts the local CA")
		return
	}
	fmt.Fprintf(s.err, "the system does not trust the local CA yet: fanlight trust install --data %s\n(or give a client its root, %s)\n", o.data, ca.RootPath())
}
