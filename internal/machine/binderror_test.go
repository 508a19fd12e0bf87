package machine

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/flow"
)

func TestHolderMessages(t *testing.T) {
	const want = "127.0.0.2:443"
	for _, test := range []struct {
		want    string
		holder  Holder
		message string
		command string
	}{
		{want, holder("0.0.0.0:443", "nginx", 812, 0), "held by nginx (pid 812) on 0.0.0.0:443, which takes this port on every address", "listen 127.0.0.1:443 ssl;"},
		{"127.0.0.1:443", holder("0.0.0.0:443", "nginx", 812, 0), "held by nginx (pid 812) on 0.0.0.0:443, which takes this port on every address", "listen 127.0.0.2:443 ssl;"},
		{want, holder("[::]:443", "apache2", 9, flow.No), "held by apache2 (pid 9) on [::]:443, which takes this port on every address", "Listen 127.0.0.1:443"},
		{"[::1]:443", holder("[::]:443", "haproxy", 9, flow.Yes), "held by haproxy (pid 9) on [::]:443, which takes this port on every IPv6 address", "bind 127.0.0.1:443"},
		{want, holder(want, "caddy", 7, 0), "held by caddy (pid 7)", ""},
		{want, holder("0.0.0.0:443", "caddy", 7, 0), "held by caddy (pid 7) on 0.0.0.0:443, which takes this port on every address", "bind 127.0.0.1"},
		{want, holder("0.0.0.0:443", "System", 4, 0), "held by System (pid 4) on 0.0.0.0:443, which takes this port on every address", "netsh http add iplisten ipaddress=127.0.0.1"},
		{want, holder("0.0.0.0:443", "docker-proxy", 5, 0), "held by docker-proxy (pid 5) on 0.0.0.0:443, which takes this port on every address", "-p 127.0.0.1:443:443"},
		{want, holder("0.0.0.0:443", "node", 5, 0), "held by node (pid 5) on 0.0.0.0:443, which takes this port on every address", `server.listen(443, "127.0.0.1")`},
		{want, holder("0.0.0.0:443", "dotnet", 5, 0), "held by dotnet (pid 5) on 0.0.0.0:443, which takes this port on every address", "ASPNETCORE_URLS=https://127.0.0.1:443"},
		{want, holder("0.0.0.0:443", "oddity", 5, 0), "held by oddity (pid 5) on 0.0.0.0:443, which takes this port on every address", ""},
		{want, Holder{Addr: netip.MustParseAddrPort(want), UID: 33}, "held by a program of user id 33, which only that user and root may look at", ""},
		{want, Holder{Addr: netip.MustParseAddrPort(want), UID: 0}, "held by a program of root, which only root may look at", ""},
	} {
		e := &BindError{Addr: netip.MustParseAddrPort(test.want), Cause: InUse}
		e.explainHolders([]Holder{test.holder, test.holder}, nil)
		if want := "bind " + test.want + ": " + test.message; e.Error() != want {
			t.Errorf("got  %s\nwant %s", e, want)
		}
		if test.holder.Program == "" {
			if diff := cmp.Diff(unknownHolderFixes(e.Addr), e.Fixes); diff != "" {
				t.Errorf("%s: fixes (-want +got):\n%s", test.message, diff)
			}
			continue
		}
		if len(e.Fixes) != 1 || e.Fixes[0].Command != test.command || e.Fixes[0].Text == "" {
			t.Errorf("%s: got fixes %q, want %q", test.message, e.Fixes, test.command)
		}
	}
}

func TestUnknownHolder(t *testing.T) {
	e := &BindError{Addr: netip.MustParseAddrPort("127.0.0.2:443"), Cause: InUse}
	e.explainHolders(nil, errors.New("list listening programs: not available on plan9"))
	if want := "bind 127.0.0.2:443: address already in use; by which program cannot be told: list listening programs: not available on plan9"; e.Error() != want {
		t.Errorf("got %s", e)
	}
	event := e.Event("shop")
	if event.Kind != flow.BindFailed || event.Text != "127.0.0.2:443" || event.Attr(flow.KeyHolder) != "" || event.Attr(flow.KeyPID) != "" {
		t.Errorf("got %+v", event)
	}
}

func TestOtherCause(t *testing.T) {
	e := ExplainBind(netip.MustParseAddrPort("127.0.0.2:443"), errors.New("something else"))
	if e.Cause != OtherCause || !strings.HasSuffix(e.Error(), "127.0.0.2:443: something else") {
		t.Errorf("got %v", e)
	}
}
