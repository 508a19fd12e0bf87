package tap

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

func TestLookUp(t *testing.T) {
	four, six := netip.MustParseAddr("127.0.0.9"), netip.MustParseAddr("::1")
	r := testnet.Resolver(t, map[string][]netip.Addr{"both.test": {four, six}, "silent.test": nil, "none.test": {}})
	for _, test := range []struct {
		name, result string
		addrs        []netip.Addr
	}{
		{"both.test", flow.ResultFound, []netip.Addr{four, six}},
		{"absent.test", flow.ResultNotFound, nil},
		{"none.test", flow.ResultNotFound, nil},
		{"silent.test", flow.ResultTimeout, nil},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		l, err := LookUp(ctx, r, test.name)
		cancel()
		slices.SortFunc(l.Addresses, netip.Addr.Compare)
		if l.Name != test.name || l.Result != test.result || !slices.Equal(l.Addresses, test.addrs) || !l.Timed || l.Ended.IsZero() {
			t.Errorf("%s: %+v", test.name, l)
		}
		if (err == nil) != (test.result == flow.ResultFound) || (l.Reason == "") != (err == nil) {
			t.Errorf("%s: error %v, reason %q", test.name, err, l.Reason)
		}
	}
}

// What a lookup gave is in the record of the connection, and of one that was
// not to be had.
func TestLookupOnRecord(t *testing.T) {
	r := testnet.Resolver(t, nil)
	l, err := LookUp(within(t, 5*time.Second), r, "absent.test")
	if err == nil {
		t.Fatal("resolved")
	}
	var s sink
	if id := NotResolved(flow.NewRecorder(&s), Call{Secure: true, Parent: 7, Origin: "https://absent.test", Lookup: l}); id == 0 {
		t.Error("no id")
	}
	c := s.conn(t)
	if c.Lookup == nil || c.Lookup.Result != flow.ResultNotFound || c.Parent != 7 || c.Origin != "https://absent.test" ||
		!c.Close.Ended || c.Server.IsValid() || c.Started.After(c.Lookup.Ended) {
		t.Errorf("recorded:\n%s", c)
	}
	if NotResolved(nil, Call{Lookup: l}) != 0 {
		t.Error("an id without recording")
	}
}
