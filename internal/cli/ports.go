package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fanlight/internal/machine"
)

type portsOptions struct {
	output outputFlags
	probe  bool
	sni    string
}

func portsCommand(s streams) *cobra.Command {
	var o portsOptions
	c := &cobra.Command{
		Use:   "ports [:PORT | ADDR:PORT]",
		Short: "Show who listens where, and what shadows what",
		Long: `Show the TCP listeners of this machine. A listener on 0.0.0.0 or [::] takes its
port on every address: it shadows listeners on single addresses, and keeps other
programs from taking one.

With a port, only the listeners on it, and how to narrow one that takes every
address. With an address too, also what a client of it gets: whom it reaches
and, on a loopback address, the certificate or the alert of a TLS handshake.`,
		Example: "  fanlight ports\n  fanlight ports :443\n  fanlight ports 127.0.0.2:443 --sni shop.test",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var want netip.AddrPort
			if len(args) == 1 {
				var err error
				if want, err = parsePort(args[0]); err != nil {
					return failWith(exitUsage, err)
				}
			}
			return ports(c.Context(), s, want, o)
		},
	}
	o.output.add(c)
	c.Flags().BoolVar(&o.probe, "probe", true, "with a loopback ADDR:PORT, try a TLS handshake")
	c.Flags().StringVar(&o.sni, "sni", "", "server `name` to send in the handshake; default none")
	return c
}

// parsePort reads :PORT, PORT or ADDR:PORT; the address of the first two is
// the zero one.
func parsePort(arg string) (netip.AddrPort, error) {
	if port, err := strconv.ParseUint(strings.TrimPrefix(arg, ":"), 10, 16); err == nil && port > 0 {
		return netip.AddrPortFrom(netip.Addr{}, uint16(port)), nil
	}
	a, err := netip.ParseAddrPort(arg)
	if err != nil || a.Port() == 0 {
		return a, fmt.Errorf("read address %q: expected :PORT or ADDR:PORT, such as :443, 127.0.0.2:443 or [::1]:443", arg)
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

// portItem is one listener.
type portItem struct {
	Type string `json:"type"`
	machine.PortRow
	Narrow string `json:"narrow,omitempty"` // how a wildcard leaves its port to others
}

func ports(ctx context.Context, s streams, want netip.AddrPort, o portsOptions) error {
	ls, err := machine.Listeners()
	if err != nil {
		return failWith(exitAddress, err)
	}
	var rows []portItem
	for _, row := range machine.PortTable(ls, want) {
		item := portItem{Type: "port", PortRow: row}
		if want.Port() != 0 && row.Addr.Addr().IsUnspecified() {
			item.Narrow = narrow(row.Addr)
		}
		rows = append(rows, item)
	}
	var client *clientItem
	if want.Addr().IsValid() {
		client = lookAsClient(ctx, ls, want, o)
	}
	if o.output.asked() {
		printItems(s.out, o.output.jsonl, portItems(rows, client))
		return nil
	}
	return printPorts(s, want, rows, client)
}

// narrow says how the wildcard listener on a is told to leave its port to
// others: what a program that wants the very same address would be told.
func narrow(a netip.AddrPort) string {
	refused := machine.ExplainBind(a, syscall.EADDRINUSE)
	if len(refused.Fixes) == 0 {
		return ""
	}
	return refused.Fixes[0].String()
}

func portItems(rows []portItem, client *clientItem) []any {
	var items []any
	for _, row := range rows {
		items = append(items, row)
	}
	if client != nil {
		items = append(items, *client)
	}
	return items
}

func printPorts(s streams, want netip.AddrPort, rows []portItem, client *clientItem) error {
	w := &strings.Builder{}
	defer func() { fmt.Fprint(s.out, visible(w.String())) }()
	if len(rows) == 0 && client == nil {
		fmt.Fprintln(s.err, nobody(want))
	}
	if len(rows) > 0 {
		if err := printPortTable(w, rows); err != nil {
			return err
		}
	}
	wildcards := false
	for _, row := range rows {
		wildcards = wildcards || row.Addr.Addr().IsUnspecified()
		if row.Narrow != "" {
			fmt.Fprintf(w, "\n%s takes port %d on every address. To narrow it:\n  %s\n", programOf(row), row.Addr.Port(), row.Narrow)
		}
	}
	if wildcards && want.Port() == 0 {
		fmt.Fprintln(s.err, "0.0.0.0 and [::] mean every address; `fanlight ports :PORT` says how to narrow such a listener")
	}
	if client != nil {
		client.print(w)
	}
	return nil
}

func nobody(want netip.AddrPort) string {
	if want.Port() == 0 {
		return "no program listens on TCP"
	}
	return fmt.Sprintf("no program listens on TCP port %d", want.Port())
}

func printPortTable(w io.Writer, rows []portItem) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ADDRESS\tPORT\tPROGRAM\tPID\tSHADOWS\tSHADOWED BY")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", r.Addr.Addr(), r.Addr.Port(),
			orDash(r.Program), orDash(number(r.PID)), addresses(r.Shadows), addresses(r.ShadowedBy))
	}
	return t.Flush()
}

func programOf(r portItem) string {
	switch {
	case r.Program == "":
		return "a program that only its user and root may look at"
	case r.PID == 0:
		return r.Program
	}
	return fmt.Sprintf("%s (pid %d)", r.Program, r.PID)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// addresses lists the addresses without their ports, which are all the same.
func addresses(list []netip.AddrPort) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.Addr().String()
	}
	return orDash(strings.Join(words, " "))
}
