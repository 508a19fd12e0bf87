package machine

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/flow"
)

var byString = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func holder(addr, program string, pid int, v6only flow.Seen) Holder {
	return Holder{Addr: netip.MustParseAddrPort(addr), Program: program, PID: pid, UID: -1, V6Only: v6only}
}

var town = []Holder{
	holder("0.0.0.0:443", "nginx", 812, flow.NotObserved),
	holder("127.0.0.1:443", "caddy", 813, flow.NotObserved),
	holder("127.0.0.2:443", "node", 814, flow.NotObserved),
	holder("[::]:443", "apache2", 815, flow.No),
	holder("[::1]:443", "dotnet", 816, flow.NotObserved),
	holder("[::]:8443", "haproxy", 817, flow.Yes),
	holder("[::]:9443", "java", 818, flow.NotObserved),
	holder("0.0.0.0:80", "nginx", 812, flow.NotObserved),
}

func TestShadows(t *testing.T) {
	for _, test := range []struct {
		want    string
		holders []string
		answers string
	}{
		{"127.0.0.2:443", []string{"node", "nginx", "apache2"}, "node"},
		{"127.0.0.9:443", []string{"nginx", "apache2"}, "nginx"},
		{"[::ffff:127.0.0.9]:443", []string{"nginx", "apache2"}, "nginx"},
		{"[::1]:443", []string{"dotnet", "apache2"}, "dotnet"},
		{"[::2]:443", []string{"apache2"}, "apache2"},
		{"0.0.0.0:443", []string{"nginx", "caddy", "node", "apache2"}, "nginx"},
		{"[::]:443", []string{"apache2", "dotnet"}, "apache2"},
		{"127.0.0.1:8443", nil, ""},
		{"[::1]:8443", []string{"haproxy"}, "haproxy"},
		{"127.0.0.1:9443", []string{"java"}, "java"},
		{"127.0.0.1:444", nil, ""},
	} {
		want := netip.MustParseAddrPort(test.want)
		var got []string
		for _, h := range Shadows(town, want) {
			got = append(got, h.Program)
		}
		if diff := cmp.Diff(test.holders, got); diff != "" {
			t.Errorf("who prevents %s (-want +got):\n%s", test.want, diff)
		}
		if h, _ := Answers(town, want); h.Program != test.answers {
			t.Errorf("at %s answers %q, want %q", test.want, h.Program, test.answers)
		}
	}
}

func TestPortTable(t *testing.T) {
	addrs := func(list ...string) (out []netip.AddrPort) {
		for _, s := range list {
			out = append(out, netip.MustParseAddrPort(s))
		}
		return out
	}
	row := func(addr, program string, pid int, v6only string, shadows, by []netip.AddrPort) PortRow {
		return PortRow{Addr: netip.MustParseAddrPort(addr), Program: program, PID: pid, V6Only: v6only, Shadows: shadows, ShadowedBy: by}
	}
	on443 := []PortRow{
		row("0.0.0.0:443", "nginx", 812, "", addrs("127.0.0.1:443", "127.0.0.2:443"), addrs("[::]:443")),
		row("127.0.0.1:443", "caddy", 813, "", nil, addrs("0.0.0.0:443", "[::]:443")),
		row("127.0.0.2:443", "node", 814, "", nil, addrs("0.0.0.0:443", "[::]:443")),
		row("[::]:443", "apache2", 815, "no", addrs("0.0.0.0:443", "127.0.0.1:443", "127.0.0.2:443", "[::1]:443"), nil),
		row("[::1]:443", "dotnet", 816, "", nil, addrs("[::]:443")),
	}
	for _, test := range []struct {
		name string
		want netip.AddrPort
		rows []PortRow
	}{
		{"a port", netip.AddrPortFrom(netip.Addr{}, 443), on443},
		{"an address", netip.MustParseAddrPort("127.0.0.2:443"), []PortRow{on443[0], on443[2], on443[3]}},
		{"a free port", netip.AddrPortFrom(netip.Addr{}, 444), []PortRow{}},
	} {
		if diff := cmp.Diff(test.rows, PortTable(town, test.want), byString); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if rows := PortTable(town, netip.AddrPort{}); len(rows) != len(town) || rows[0].Addr.Port() != 80 {
		t.Errorf("everything: got %v", rows)
	}
}
