package site

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"sync"
	"testing"
)

var (
	two   = netip.MustParseAddrPort("127.0.0.2:443")
	three = netip.MustParseAddrPort("127.0.0.3:443")
	six   = netip.MustParseAddrPort("[::1]:443")
)

func secure(name string, bindings ...Binding) *Site {
	return &Site{Name: name, Bindings: bindings, TLS: &tls.Config{ServerName: name}}
}

func on(addr netip.AddrPort, names ...string) Binding { return Binding{Addr: addr, Names: names} }

func (s *Site) in(state State) *Site {
	s.set(state, "")
	return s
}

func table(sites ...*Site) *Table {
	t := NewTable()
	t.Replace(sites...)
	return t
}

func TestChoose(t *testing.T) {
	page := secure("page", on(two, "page.test")).in(Stopped)
	page.StoppedPage = true
	faulty := secure("faulty", on(two, "faulty.test"))
	faulty.Fail("its route is wrong")
	plain := &Site{Name: "plain", Bindings: []Binding{{Addr: two, Plain: true, Names: []string{"plain.test"}}}}
	tab := table(
		secure("shop", on(two, "shop.test", "www.shop.test"), on(six, "shop.test")).in(Serving),
		secure("wild", on(two, "*.wild.test")).in(Serving),
		secure("exact", on(two, "exact.wild.test")).in(Serving),
		secure("every", on(three)).in(Serving),
		secure("named", on(three, "named.test")).in(Stopped),
		secure("draining", on(two, "draining.test")).in(Draining),
		page, faulty, plain.in(Serving))
	for _, test := range []struct {
		addr      netip.AddrPort
		sni       string
		site, why string // why: refused
	}{
		{two, "shop.test", "shop", ""},
		{two, "www.shop.test", "shop", ""},
		{two, "SHOP.Test.", "shop", ""},
		{six, "shop.test", "shop", ""},
		{six, "www.shop.test", "", "no site on [::1]:443 has the name www.shop.test"},
		{two, "a.wild.test", "wild", ""},
		{two, "exact.wild.test", "exact", ""},
		{two, "wild.test", "", "no site on 127.0.0.2:443 has the name wild.test"},
		{two, "a.b.wild.test", "", "no site on 127.0.0.2:443 has the name a.b.wild.test"},
		{two, ".wild.test", "", "no site on 127.0.0.2:443 has the name .wild.test"},
		{two, "", "", "no site on 127.0.0.2:443 takes clients that name no host"},
		{three, "", "every", ""},
		{three, "whatever.test", "every", ""},
		{three, "named.test", "named", "site named is stopped"},
		{two, "draining.test", "draining", "site draining is draining"},
		{two, "page.test", "page", ""},
		{two, "faulty.test", "faulty", "site faulty is failed"},
		{two, "plain.test", "plain", "site plain has no certificate"},
		{netip.MustParseAddrPort("127.0.0.2:444"), "shop.test", "", "no site on 127.0.0.2:444 has the name shop.test"},
	} {
		got := tab.Choose(test.addr, test.sni)
		name := ""
		if got.Site != nil {
			name = got.Site.Name
		}
		if name != test.site || got.Why != test.why || (got.Config == nil) != (test.why != "") {
			t.Errorf("%s %q: got %s %q config %v, want %s %q", test.addr, test.sni, name, got.Why, got.Config != nil, test.site, test.why)
		}
		if got.Config != nil && got.Config.ServerName != test.site {
			t.Errorf("%s %q: configuration of %s", test.addr, test.sni, got.Config.ServerName)
		}
	}
}

// Two sites with one name: the same one always has it, and one that works
// rather than one that cannot.
func TestClaims(t *testing.T) {
	for range 20 {
		broken := secure("a-broken", on(two, "x.test", "*.y.test"), on(three))
		broken.Fail("broken")
		tab := table(secure("c", on(two, "x.test", "*.y.test"), on(three)), broken, secure("b", on(two, "x.test", "*.y.test"), on(three)))
		for _, found := range []*Site{tab.Find(two, "x.test"), tab.Find(two, "a.y.test"), tab.Find(three, "")} {
			if found.Name != "b" {
				t.Fatalf("found %s", found.Name)
			}
		}
	}
}

func TestReplaceAndRemove(t *testing.T) {
	a, b := secure("a", on(two, "a.test")), secure("b", on(two))
	tab := table(b, a)
	if all := tab.All(); len(all) != 2 || all[0] != a || all[1] != b {
		t.Errorf("all: %v", all)
	}
	again := secure("a", on(two, "new.test"))
	tab.Replace(again)
	if tab.Find(two, "a.test") != b || tab.Find(two, "new.test") != again || tab.Get("a") != again {
		t.Error("a replaced site keeps a name")
	}
	tab.Remove("b", "unknown")
	if tab.Find(two, "a.test") != nil || tab.Get("b") != nil {
		t.Error("a removed site is found")
	}
	names, every := again.Names(two)
	if len(names) != 1 || names[0] != "new.test" || every {
		t.Error(names, every)
	}
	if _, every := b.Names(two); !every {
		t.Error("b does not take every name")
	}
}

// A lookup during changes sees all of one or nothing.
func TestTableConcurrently(t *testing.T) {
	tab := table()
	pair := func(i int) []*Site {
		return []*Site{secure("s", on(two, fmt.Sprintf("n%d.test", i)), on(three, fmt.Sprintf("n%d.test", i)))}
	}
	tab.Replace(pair(0)...)
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 200 {
			tab.Replace(pair(i)...)
		}
	})
	for range 3 {
		all.Go(func() {
			for range 2000 {
				if tab.Find(two, "n199.test") != nil && tab.Find(three, "n199.test") == nil {
					t.Error("half a change was seen")
				}
				tab.All()
				tab.Choose(two, "n1.test")
			}
		})
	}
	all.Wait()
}
